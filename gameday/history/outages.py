"""Outages, as the clients had them: how long nothing was confirmed though something was wanted.

An outage is told by the ledger alone, whatever the journal says of its cause; the time that an
alarm took is no outage. Its timeline puts beside it what the journal, the services' logs and the
ledger know of that time, as somebody writes it into a postmortem.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.blocking import ALARMS
from gameday.history.bus import calls_of
from gameday.history.journal import Fault
from gameday.history.outcomes import Outcome
from gameday.history.records import Kind
from gameday.history.run import SECOND_NS, Run

Array = npt.NDArray[Any]

AROUND_NS = 2 * SECOND_NS
"""How long before an outage's first silent moment its cause may have begun."""


@dataclass(frozen=True)
class Outage:
    """A stretch without a confirm, and what fell in it."""

    begin_ns: int
    end_ns: int
    causes: tuple[Fault, ...]
    dropped: int

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.end_ns - self.begin_ns) / SECOND_NS


def outages(run: Run, limit_s: float) -> list[Outage]:
    """Return the stretches of more than the limit in which messages were wanted, none confirmed."""
    attempts = run.history.attempts
    own = attempts.process == attempts.producer
    ok = own & (attempts.outcome == Outcome.OK)
    confirmed = np.sort(attempts.outcome_ns[ok])
    gone = calls_of(run.history, Kind.SHED)
    called = calls_of(run.history, Kind.CALLED)
    wanted = np.sort(np.concatenate([attempts.time_ns[own], called.time_ns]))
    edges = np.concatenate([confirmed, [run.stopped_ns]])
    found = []
    for at in np.flatnonzero(np.diff(edges) > limit_s * SECOND_NS).tolist():
        begin, end = int(edges[at]), int(edges[at + 1])
        asked = int(np.searchsorted(wanted, end) - np.searchsorted(wanted, begin, side="right"))
        taken_ns = _alarmed_ns(run, begin, end)
        if not asked or end - begin - taken_ns <= limit_s * SECOND_NS:
            continue
        dropped = int(((gone.time_ns >= begin) & (gone.time_ns <= end)).sum())
        found.append(Outage(begin, end, _causes(run, begin, end), dropped))
    return found


def _alarmed_ns(run: Run, begin: int, end: int) -> int:
    """Return how much of a stretch alarms took; what two took at the same time counts once."""
    taken_ns, since = 0, begin
    alarms = [each for each in run.own_faults if each.fault_class in ALARMS]
    for fault in sorted(alarms, key=lambda fault: fault.started_ns):
        start, over = max(since, fault.started_ns), min(end, fault.restored_ns or end)
        taken_ns += max(0, over - start)
        since = max(since, over)
    return taken_ns


def _causes(run: Run, begin: int, end: int) -> tuple[Fault, ...]:
    """Return the faults that were in force in an outage and had begun before it, or with it."""
    return tuple(
        fault for fault in run.own_faults
        if fault.fault_class not in ALARMS
        and fault.started_ns <= begin + AROUND_NS
        and (fault.restored_ns or end) >= begin
    )  # fmt: skip


def timeline(run: Run, outage: Outage) -> list[tuple[float, str]]:
    """Return what happened in an outage, in the order of time, in seconds of the run."""
    begin, end = outage.begin_ns - AROUND_NS, outage.end_ns + AROUND_NS
    told: list[tuple[int, str]] = [
        (outage.begin_ns, "the last confirm before the outage"),
        (outage.end_ns, "the first confirm after it"),
    ]
    for fault in outage.causes:
        told += [(at, f"{fault.kind} of {fault.target}: {step}")
                 for step, at in fault.steps.items()]  # fmt: skip
    told += [
        (line["time_ns"], f"on call: {line['verdict']}")
        for line in run.journal if line["event"] == "diagnosis"
    ]  # fmt: skip
    told += _of_log(run)
    gone = calls_of(run.history, Kind.SHED)
    inside = gone.time_ns[(gone.time_ns >= begin) & (gone.time_ns <= end)]
    if len(inside):
        told += [(int(inside[0]), "the first event dropped"),
                 (int(inside[-1]), f"the last of {len(inside)} events dropped")]  # fmt: skip
    kept = sorted((at, text) for at, text in told if begin <= at <= end or "restored" in text)
    return [(round(run.seconds(at), 3), text) for at, text in kept]


def _of_log(run: Run) -> list[tuple[int, str]]:
    """Return what the services logged, but for each single drop."""
    words = {"degraded": "degraded", "recovered": "back", "publish_failed": "publish failed"}
    return [
        (int(line["time_ns"]), f"{line['producer']}: {words[line['event']]}")
        for line in run.log if line["event"] in words
    ]  # fmt: skip
