"""Whether the harness did its job: the drain, its processes, its ledgers, strangers, the schedule.

None of these is the broker's doing. Each that fails makes the run unknown, never a pass and never
the broker's failure.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.blocking import Spans, blocked_processes, spans
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.history import History
from gameday.history.journal import events
from gameday.history.links import NEVER
from gameday.history.records import Flag
from gameday.history.run import Run
from gameday.history.statistics import percentile, percentile_interval

Array = npt.NDArray[Any]

LAG_MS = 1000.0
"""How far behind its schedule a publish may be handed over, unless a contract says otherwise."""
MILLISECOND_NS = 1_000_000


def drain(run: Run, _: Mapping[str, Any]) -> Finding:
    """Drained-To-The-End: every gate was passed and every queue read empty, so absence is loss."""
    if run.drain_missing:
        return unknown("the drain did not finish: " + "; ".join(run.drain_missing))
    return Finding(Status.PASS, "every gate was passed, and every queue counted empty", n=1)


def processes(run: Run, _: Mapping[str, Any]) -> Finding:
    """Nobody-Missing: no process of the harness ended unasked, and none lacks its ledger."""
    lines = events(run.journal, "process")
    lost = [line for line in lines if line["state"] == "ended" and not line["meant"]]
    if lost:
        who = f"{lost[0]['role']} (process {lost[0]['process']})"
        return unknown(f"{who} ended at {run.seconds(lost[0]['time_ns']):.1f} s unasked")
    histories = (run.history, *run.controls.values())
    written = {number for each in histories for number in each.gathered.processes}
    started = {line["process"] for line in lines if line["process"] is not None}
    if started - written:
        return unknown(f"process {min(started - written)} left no ledger")
    return Finding(Status.PASS, "no process was lost", n=len(written))


def failures(run: Run, _: Mapping[str, Any]) -> Finding:
    """Harness-Unhurt: the harness failed nowhere in the run, and nothing of its own broke."""
    failed = events(run.journal, "harness_failed")
    if failed:
        at_s = run.seconds(failed[0]["time_ns"])
        return unknown(f"the harness failed at {at_s:.1f} s: {failed[0]['reason']}")
    return Finding(Status.PASS, "the harness failed nowhere", n=max(1, len(run.journal)))


def ledgers(run: Run, _: Mapping[str, Any]) -> Finding:
    """Untouched: the journal's chain is whole, and the ledgers are this run's own."""
    if run.problems:
        return unknown("; ".join(run.problems[:3]))
    histories = (run.history, *run.controls.values())
    files = sum(len(each.gathered.processes) for each in histories)  # A bare load keeps no journal.
    return Finding(Status.PASS, "the journal's chain is whole", n=len(run.journal) + files)


def foreign(run: Run, _: Mapping[str, Any]) -> Finding:
    """No-Strangers: every message that was seen is in a ledger of this run."""
    histories = (run.history, *run.controls.values())
    strangers = [(each, row) for each in histories for row in each.foreign[:1]]
    count = sum(len(each.foreign) for each in histories)
    seen = sum(len(each.deliveries) for each in histories)
    if strangers:
        history, row = strangers[0]
        key = int(history.deliveries.key[row])
        queue = history.queues[int(history.deliveries.queue[row])]
        named = name_of(key >> 16) if key >= 0 else "without a name"
        return unknown(
            f"a foreign message ({named}) was seen in {queue}: somebody else uses these queues",
            measured=count, unit="messages", n=seen, threshold=0,
        )  # fmt: skip
    return Finding(Status.PASS, "no foreign message was seen", 0, "messages", seen, threshold=0)


def generator(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Schedule-Kept: what fell due was handed over in time, blocked and disconnected time apart."""
    limit_ms = float(parameters.get("lag_ms", LAG_MS))
    lag_ms, message = lags(run.history, run.stopped_ns)
    if not len(lag_ms):
        return unknown("nothing was published")
    worst = float(lag_ms.max()) if len(lag_ms) else 0.0
    figures: dict[str, Any] = {
        "measured": worst, "unit": "ms", "n": len(lag_ms), "threshold": limit_ms,
        "interval": percentile_interval(lag_ms, 0.99),
        "details": {"dropped": run.history.dropped,
                    "p99_ms": percentile(np.sort(lag_ms), 0.99)},
    }  # fmt: skip
    if run.history.dropped:
        return unknown(f"{run.history.dropped} messages fell due and were never sent", **figures)
    if worst > limit_ms:
        late = examples_of(message[lag_ms > limit_ms])
        text = f"the generator lagged up to {worst:.0f} ms behind its schedule"
        return unknown(text, examples=late, **figures)
    return Finding(Status.PASS, f"never more than {worst:.0f} ms behind its schedule", **figures)


def lags(history: History, stopped_ns: int) -> tuple[Array, Array]:
    """Return, of first attempts, the lag behind due in ms, and the message; excused ones are out.

    An excuse is believed where the ledger bears it out: the process was blocked then, or one of its
    pools had no connection.
    """
    attempts = history.attempts
    first = (attempts.count == 0) & (attempts.process == attempts.producer)
    held = attempts.flags & (Flag.PUBLISH_HELD_BLOCKED | Flag.PUBLISH_HELD_DISCONNECTED)
    excused = np.zeros(len(attempts), bool)
    for flag, times in (
        (Flag.PUBLISH_HELD_BLOCKED, blocked_processes(history, stopped_ns)),
        (Flag.PUBLISH_HELD_DISCONNECTED, disconnected(history, stopped_ns)),
    ):
        claimed = (held & flag) > 0
        if claimed.any():
            excused |= claimed & times.overlap(
                attempts.process, attempts.due_ns, attempts.time_ns + 1
            )
    judged = first & ~excused
    lag = (attempts.time_ns - attempts.due_ns)[judged] / MILLISECOND_NS
    return lag, attempts.message[judged]


def disconnected(history: History, stopped_ns: int) -> Spans:
    """Return when one of a process's pools had no open connection."""
    pools: dict[tuple[int, str], list[tuple[int, int]]] = {}
    links = history.links
    for number, value in enumerate(links.connection_values):
        opened, closed = links.connection_opened_ns[number], links.connection_closed_ns[number]
        if value.get("role") == "publish" and opened != NEVER:
            pool = pools.setdefault((value["process"], str(value.get("client"))), [])
            pool += [(int(opened), 1), (int(min(closed, stopped_ns)), -1)]
    rows = []
    for (process, _), changes in pools.items():
        open_, since = 0, 0
        for time, change in sorted(changes):
            if open_ == 0:
                rows.append((process, since, time))
            open_, since = open_ + change, time
    return spans([row for row in rows if row[2] > row[1]])
