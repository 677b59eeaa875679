"""What event buses and tick jobs left behind: calls and drops in the ledger, lines in their logs.

The ledger says what was called, and what was given up; the service's own log is what a person on
call would count. They are two records of the same thing, and are held against each other.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gameday.history.finding import name_of
from gameday.history.history import History
from gameday.history.join import message_keys
from gameday.history.outcomes import Outcome
from gameday.history.records import Kind

if TYPE_CHECKING:
    from gameday.history.run import Run

Array = npt.NDArray[Any]
Line = Mapping[str, Any]

DROPPED, FAILED, DEGRADED, RECOVERED = "dropped", "publish_failed", "degraded", "recovered"
"""The events of a service's log that are judged."""


@dataclass(frozen=True)
class Calls:
    """Calls of a bus, or what it gave up: a row each, by message, route and time.

    `took_ms` is how long the call took, or the message had waited; `flag` whether it was dropped at
    once, or logged as an error.
    """

    message: Array
    route: Array
    time_ns: Array
    took_ms: Array
    flag: Array

    def __len__(self) -> int:
        return len(self.message)

    def where(self, which: Array) -> "Calls":
        """Return some of the rows."""
        return Calls(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def calls_of(history: History, kind: Kind, producers: set[str] | None = None) -> Calls:
    """Return the calls (CALLED) or drops (SHED) of some producers, in the order of time."""
    rows = history.gathered.of(kind)
    mine = np.array(
        [
            producers is None or route.get("producer") in producers
            for route in history.names.list("route")
        ]
        + [producers is None]
    )
    order = np.argsort(rows["time"], kind="stable")
    found = Calls(
        message_keys(rows["producer"], rows["sequence"])[order], rows["queue"][order],
        rows["time"][order], rows["detail"][order] / 1000, rows["extra"][order] > 0,
    )  # fmt: skip
    return found.where(mine[found.route]) if len(found) else found


def arrived(history: History, message: Array) -> Array:
    """Tell of which messages the broker confirmed an attempt, or somebody saw one."""
    attempts, copies = history.attempts, history.copies
    sure = attempts.message[attempts.outcome == Outcome.OK]
    seen = attempts.message[copies.attempt[copies.seen]] if len(copies) else sure[:0]
    return np.isin(message, np.concatenate([sure, seen]))


def lines(run: "Run", event: str, producer: str | None = None) -> list[Line]:
    """Return the lines of services' logs of one event, in the order of time."""
    return [
        line for line in run.log if line["event"] == event and producer in {None, line["producer"]}
    ]


def logged(run: "Run", event: str, producer: str | None = None) -> Counter[str]:
    """Return how often each message is named by a log's lines of one event."""
    return Counter(str(line["message"]) for line in lines(run, event, producer))


def names_of(message: Array) -> list[str]:
    """Return messages' names as logs have them."""
    return [name_of(int(each)) for each in message]


def degraded_spans(run: "Run", producer: str) -> list[tuple[int, int]]:
    """Return from when until when a producer's bus was degraded, by its log."""
    found: list[tuple[int, int]] = []
    since: int | None = None
    for line in run.log:
        if line["producer"] != producer:
            continue
        if line["event"] == DEGRADED:
            since = int(line["time_ns"])
        elif line["event"] == RECOVERED and since is not None:
            found.append((since, int(line["time_ns"])))
            since = None
    return found if since is None else [*found, (since, max(since, run.stopped_ns))]


def read_log(folder: Path) -> tuple[Line, ...]:
    """Read what the services logged, in the order of time; a torn last line is left out."""
    found: list[Line] = []
    for path in sorted((folder / "logs").glob("*.jsonl")):
        found += [json.loads(text) for text in path.read_bytes().split(b"\n")[:-1]]
    return tuple(sorted(found, key=lambda line: int(line["time_ns"])))
