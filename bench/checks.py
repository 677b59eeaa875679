"""How fast a run is judged: `python bench/checks.py [MESSAGES]`, from ledger files to the verdict.

It writes a run folder by NumPy, about five records a message over one publisher, seven workers and
a drain, with a backlog, `multiple` confirms, priorities, dead letters and an episode; then it loads
and judges it with every check of the fakes' contract, and prints the time of each step.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np

from gameday.history.criteria import Judging, criteria
from gameday.history.ledger import HEADER_BYTES, LedgerWriter
from gameday.history.records import DTYPE, Disposition, Flag, Kind, Result, pack_attempt
from gameday.history.run import load_run
from gameday.history.verdict import judge
from tests.fakes import simulate

WORKERS = 7
PREFETCH = 10
ZERO = 1_000_000_000_000
WINDOW_NS = 2_000_000_000
QUEUES = ("builds", "deployments", "notifications")
PRODUCERS = ("build-service", "deployment-publisher", "notifier")
TYPES = ("build_job", "deployment_notification", "deployment_notification")
SAFE = int(Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT)

Columns = dict[str, Any]


def rows(count: int, kind: Kind, **columns: Any) -> np.ndarray:
    """Return records of one kind."""
    made = np.zeros(count, DTYPE)
    for name, values in columns.items():
        made[name] = values
    made["kind"] = kind
    return made


def write(folder: Path, process: int, role: str, tables: Columns, parts: list[np.ndarray]) -> int:
    """Write one ledger: header and names by the real writer, records by NumPy in order of time."""
    with LedgerWriter(folder, "fake-sparki-1", process, role) as writer:
        for table, values in tables.items():
            for value in values:
                writer.intern(table, value)
        path = writer.path
    records = np.concatenate(parts)
    records = records[np.argsort(records["time"], kind="stable")]
    with path.open("r+b") as file:
        file.truncate(HEADER_BYTES)
        file.seek(HEADER_BYTES)
        file.write(records.tobytes())
    return len(records)


def generate(folder: Path, messages: int) -> int:
    """Write a whole run of so many messages, and return how many records it has."""
    simulate(300, 1).write(folder)
    random = np.random.default_rng(1)
    for path in (folder / "history").glob("*"):
        if not path.name.startswith(("0010", "0011", "0012")):
            path.unlink()
    journal = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    ends = [line for line in journal if line["event"] == "drain"]
    start, stop = ZERO + 3_000_000_000, ends[0]["time_ns"] - 2_000_000_000
    due = np.sort(random.integers(start, stop, messages))
    due = due // WINDOW_NS * WINDOW_NS + due % WINDOW_NS // 2
    sequence = np.arange(1, messages + 1)
    queue = random.choice(3, messages, p=[0.6, 0.25, 0.15])
    priority = np.where(queue == 0, random.integers(0, 11, messages), 255)
    dead = (queue < 2) & (random.random(messages) < 0.03)
    about = {"sequence": sequence, "producer": 1, "attempt": pack_attempt(1, 0)}
    total = _publish(folder / "history", due, queue, priority, dead, about)
    served = _by_priority(due, queue, priority)
    for number in range(WORKERS):
        mine = np.flatnonzero(sequence % WORKERS == number)
        total += _consume(folder / "history", number + 2, mine, served, queue, priority, dead)
    return total + _drain(folder / "history", sequence[dead], queue[dead], priority[dead], ends)


def _by_priority(due: Any, queue: Any, priority: Any) -> Any:
    """Serve in the second half of a window what fell due in its first, the most urgent first."""
    window = due // WINDOW_NS
    order = np.lexsort((due, -priority.astype(np.int64), queue, window))
    served = np.empty_like(due)
    lane = window[order] * 3 + queue[order]
    starts = np.flatnonzero(np.diff(lane, prepend=-1))
    sizes = np.diff(np.append(starts, len(lane)))
    rank = np.arange(len(lane)) - np.repeat(starts, sizes)
    step = WINDOW_NS / 2 / np.repeat(sizes, sizes)
    served[order] = window[order] * WINDOW_NS + WINDOW_NS // 2 + (rank * step).astype(np.int64)
    return served


def _publish(folder: Path, due: Any, queue: Any, priority: Any, dead: Any, about: Columns) -> int:
    """Write the publisher: ten connections, every third confirm a `multiple` one."""
    count = len(due)
    channel = np.arange(count) % 30
    tag = np.arange(count) // 30 + 1
    flags = np.where(tag % 3 == 0, int(Flag.MULTIPLE), 0)
    answered = (tag % 3 == 0) | (np.arange(count) % 2 == 0) | (tag > tag.max() - 3)
    who = [{"client": name, "role": "publish", "link": link, "node": f"r{link % 3 + 1}",
            "heartbeat_s": 60}
           for name in PRODUCERS
           for link in range(10)]  # fmt: skip
    channels = [{**value, "connection": number, "number": 1} for number, value in enumerate(who)]
    routes = [{"exchange": "", "routing_key": name, "type": kind, "queues": [name],
               "producer": producer}
              for name, kind, producer in zip(QUEUES, TYPES, PRODUCERS, strict=True)]  # fmt: skip
    fate = np.where(dead, Disposition.REJECT, Disposition.ACK)
    parts = [
        rows(30, Kind.CONNECTION_OPENED, time=ZERO, channel=np.arange(30)),
        rows(30, Kind.CHANNEL_OPENED, time=ZERO + 1, channel=np.arange(30)),
        rows(count, Kind.INVOKE, time=due, tag=tag, channel=channel, queue=queue, flags=SAFE,
             priority=priority, extra=fate, **about),
        rows(int(answered.sum()), Kind.CONFIRMED, time=due[answered] + 1_000_000,
             tag=tag[answered], channel=channel[answered], flags=flags[answered]),
    ]  # fmt: skip
    return write(folder, 1, "publisher", {"connection": who, "channel": channels, "route": routes},
                 parts)  # fmt: skip


def _consume(
    folder: Path, process: int, mine: Any, served: Any, queue: Any, priority: Any, dead: Any
) -> int:
    """Write one worker process with a consumer of each queue."""
    tables = {
        "queue": QUEUES,
        "channel": [{"client": f"w{process}", "role": "consume", "queue": name,
                     "prefetch": PREFETCH, "no_ack": False, "consumer": f"w{process}"}
                    for name in QUEUES],
    }  # fmt: skip
    place = mine[np.lexsort((served[mine], queue[mine]))]
    starts = np.searchsorted(queue[place], np.arange(3))
    tag = np.arange(len(place)) - starts[queue[place]] + 1
    where = {"channel": queue[place], "tag": tag}
    who = {"sequence": place + 1, "producer": 1, "attempt": pack_attempt(1, 0),
           "queue": queue[place]}  # fmt: skip
    at, bad = served[place], dead[place]
    result = np.where(bad, Result.PERMANENT, Result.DONE)
    parts = [
        rows(len(place), Kind.DELIVERED, time=at, priority=priority[place], **where, **who),
        rows(len(place), Kind.HANDLED, time=at + 200_000, extra=result, **where, **who),
        rows(int((~bad).sum()), Kind.ACKED, time=at[~bad] + 201_000,
             channel=queue[place][~bad], tag=tag[~bad]),
        rows(int(bad.sum()), Kind.REJECTED, time=at[bad] + 201_000,
             channel=queue[place][bad], tag=tag[bad]),
    ]  # fmt: skip
    return write(folder, process, "worker", tables, parts)


def _drain(folder: Path, sequence: Any, queue: Any, priority: Any, ends: Any) -> int:
    """Write the drain: the dead letters, each with its whole x-death."""
    names = (*QUEUES, "builds.failed", "deployments.failed")
    deaths = [[{"queue": name, "reason": "rejected", "count": 1}] for name in QUEUES[:2]]
    closed = next(line["time_ns"] for line in ends if line["gate"] == "closed")
    at = closed + 1_000 + np.arange(len(sequence))
    parts = [
        rows(len(sequence), Kind.DRAINED, time=at, sequence=sequence, producer=1, queue=queue + 3,
             attempt=pack_attempt(1, 0), priority=priority, detail=queue + 1, extra=1,
             tag=np.arange(len(sequence)) + 1),
        rows(len(names), Kind.DRAIN_EMPTY, time=at.max() + 1, queue=np.arange(len(names))),
    ]  # fmt: skip
    tables = {"queue": names, "deaths": deaths, "channel": [{"client": "drain", "role": "drain"}]}
    return write(folder, 9, "drain", tables, parts)


def timed(what: str, action: Callable[[], Any]) -> Any:
    """Do something and print how long it took."""
    began, used = time.perf_counter(), time.process_time()
    result = action()
    took, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{what:<28}{took:7.2f} s {cpu:7.2f} s of processor")
    return result


def main() -> None:
    """Generate, judge, and print the figures."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as name:
        folder = Path(name) / "run"
        records = generate(folder, messages)
        print(f"{messages} messages, {records} records")
        step_by_step(folder)
        verdict = timed("judge, all of it", lambda: judge(folder))
        print(f"{verdict.decision}: {verdict.reason}")
        print(f"memory at most {getrusage(RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def step_by_step(folder: Path) -> None:
    """Print what loading and each check takes."""
    run = timed("load and join", lambda: load_run(folder))
    judging = timed("generator", lambda: Judging(run))
    for each in run.contract.requirements:
        for made in each.criteria:
            timed(made.check, partial(judging.make, made.check, made.parameters))
    timed("all criteria", lambda: criteria(run, judging))


if __name__ == "__main__":
    main()
