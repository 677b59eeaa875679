"""Parquet of a run's records, for whoever wants to look at them with other tools.

The ledgers stay the original, which is judged; an export only resolves the interned names. One file
a table: attempts, deliveries, copies and the raw records of each ledger, for every scope.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gameday.history.history import History, frame
from gameday.history.ledger import Ledger, read_history
from gameday.history.outcomes import ENDINGS, Outcome
from gameday.history.records import Death, Disposition, Kind, Result
from gameday.history.run import load_run
from gameday.history.verdicts import Verdict

Array = npt.NDArray[Any]

FOLDER = "export"
TABLES = {
    Kind.INVOKE: "route",
    Kind.UNKNOWN: "route",
    Kind.FAILED: "route",
    Kind.DROPPED: "route",
}
"""The table that `queue` is an index of, where it is not the queues'."""


def export(folder: Path) -> list[Path]:
    """Write a run's tables as Parquet into its folder `export`, and return the files."""
    run = load_run(folder)
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    written = []
    for name, history in {"work": run.history, **run.controls}.items():
        for table, rows in _tables(history).items():
            written.append(_write(target / f"{name}-{table}.parquet", rows))
    for ledger in read_history(folder / "history"):
        stem = f"records-{ledger.header.process:04d}-{ledger.header.role}"
        written.append(_write(target / f"{stem}.parquet", records(ledger)))
    return written


def _write(path: Path, rows: pd.DataFrame) -> Path:
    rows.to_parquet(path, engine="pyarrow", index=False)
    return path


def _tables(history: History) -> dict[str, pd.DataFrame]:
    """Return the tables of a scope with their numbers turned into words."""
    attempts, deliveries = frame(history.attempts), frame(history.deliveries)
    copies = frame(history.copies)
    routes = [
        f"{route['exchange']}/{route['routing_key']}" for route in history.names.list("route")
    ]
    attempts["route"] = words(attempts["route"], routes)
    attempts["disposition"] = words(attempts["disposition"], _lower(Disposition))
    attempts["outcome"] = words(attempts["outcome"], _lower(Outcome))
    attempts["ending"] = words(attempts["ending"], [ending.name for ending in ENDINGS])
    queues = list(history.queues)
    for column in ("queue", "first_death_queue", "newest_queue"):
        deliveries[column] = words(deliveries[column], queues)
    deliveries["settled"] = words(deliveries["settled"], _lower(Kind))
    deliveries["result"] = words(deliveries["result"], _lower(Result))
    deliveries["death"] = words(deliveries["death"], _lower(Death))
    copies["queue"] = words(copies["queue"], queues)
    copies["verdict"] = words(copies["verdict"], _lower(Verdict))
    copies["status"] = words(copies["status"], _lower(Outcome))
    return {"attempts": attempts, "deliveries": deliveries, "copies": copies}


def _lower(names: Any) -> list[str]:
    """Return the names of an enumeration by their numbers."""
    listed = [""] * (max(int(each) for each in names) + 1)
    for each in names:
        listed[int(each)] = each.name.lower()
    return listed


def words(numbers: "pd.Series[Any]", names: list[str]) -> "pd.Series[Any]":
    """Turn numbers into names; a number without one is nothing."""
    table = np.array([*names, ""], object)
    values = numbers.to_numpy(np.int64)
    inside = (values >= 0) & (values < len(names))
    return pd.Series(table[np.where(inside, values, len(names))]).astype("category")


def records(ledger: Ledger) -> pd.DataFrame:
    """Return a ledger's records as they are, with kinds, queues and routes as words."""
    rows = pd.DataFrame({name: ledger.records[name] for name in ledger.records.dtype.names or ()})
    kinds = rows["kind"].to_numpy()
    named = np.full(len(rows), "", object)
    for table in ("queue", "route"):
        values = ledger.tables.get(table, {})
        listed = [str(values.get(index, "")) for index in range(max(values, default=-1) + 1)]
        routed = np.isin(kinds, [int(kind) for kind in TABLES])
        mine = routed if table == "route" else ~routed
        named[mine] = words(rows["queue"], listed).astype(object).to_numpy()[mine]
    rows["kind_name"] = words(rows["kind"], _lower(Kind))
    rows["queue_name"] = named
    return rows
