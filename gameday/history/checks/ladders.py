"""Retry ladders: each retry waits as long as its step, and after the last step a message dies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.model import Consumer
from gameday.contracts.topology import setting_of
from gameday.history.checks.retries import tries_of
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.records import Kind, Result
from gameday.history.run import Run
from gameday.history.verdicts import Verdict
from gameday.history.windows import BASELINE

Array = npt.NDArray[Any]

MILLISECOND_NS = 1_000_000
EARLY_MS = 50.0
"""How much sooner than its step a message may come back: clocks tick in steps."""


def ladder(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Climbs-In-Steps: each retry waits its step's time, none is skipped, the last failure dies."""
    wanted = parameters.get("consumers")
    chosen = [each for each in run.contract.consumers
              if each.ladder and (wanted is None or each.name in wanted)]  # fmt: skip
    if not chosen:
        return unknown("nobody's failures climb a ladder")
    tolerance_ms = float(parameters.get("tolerance_ms", 1000))
    findings = [_consumer(run, each, tolerance_ms) for each in chosen]
    worst = max(findings, key=lambda finding: finding.status)
    if worst.status is not Status.PASS:
        return worst
    details = {each.name: found.details for each, found in zip(chosen, findings, strict=True)}
    slowest = max(float(finding.measured or 0) for finding in findings)
    return Finding(
        Status.PASS, f"no retry came back more than {slowest:.0f} ms after its step's time",
        slowest, "ms", sum(finding.n for finding in findings), threshold=tolerance_ms,
        details=details,
    )  # fmt: skip


def _consumer(run: Run, consumer: Consumer, tolerance_ms: float) -> Finding:
    steps = [_Step(run, consumer, number) for number in range(len(consumer.ladder))]
    excess = [step.excess_ms for step in steps]
    figures: dict[str, Any] = {
        "measured": max((float(each.max()) for each in excess if len(each)), default=None),
        "unit": "ms", "n": sum(len(step.rows) for step in steps), "threshold": tolerance_ms,
        "details": {step.queue: {"retries": len(step.rows), "judged": len(step.excess_ms),
                                 "delay_ms": step.delay_ms} for step in steps},
    }  # fmt: skip
    for step in steps:
        for which, what in (
            (step.early, f"came back before its {step.delay_ms:g} ms in {step.queue} were over"),
            (step.is_late(tolerance_ms), f"came back late from {step.queue}"),
            (step.skipped, f"was in {step.queue} for another try than number {step.number + 1}"),
        ):
            if which.any():
                message = step.messages[which]
                text = f"broke Climbs-In-Steps: message {name_of(int(message[0]))} of "
                return Finding(Status.FAIL, f"{text}{consumer.name} {what}",
                               examples=examples_of(message), **figures)  # fmt: skip
    fallen = _fallen(run, consumer)
    if isinstance(fallen, Finding):
        return fallen
    figures["details"] = {**figures["details"], "died": fallen}
    for step in steps:
        if not len(step.excess_ms):
            text = f"vacuous: nothing came back from {step.queue} while nothing was broken"
            return unknown(text, **figures)
    if not fallen:
        return unknown(f"vacuous: {consumer.name} gave nothing up", **figures)
    return Finding(Status.PASS, "", **figures)


class _Step:
    """The retries that waited in one step's queue, and when each came back."""

    def __init__(self, run: Run, consumer: Consumer, number: int) -> None:
        history = run.history
        copies, attempts = history.copies, history.attempts
        self.number, self.queue = number + 1, consumer.ladder[number].queue
        queue = next(q for q in run.contract.topology.queues if q.name == self.queue)
        self.delay_ms = float(setting_of(run.contract.topology, queue, "message-ttl"))
        here = (copies.queue == history.queue_number(self.queue)) & copies.routed
        self.rows = np.flatnonzero(here & (copies.delivered_ns >= 0))
        self.messages = attempts.message[copies.attempt[self.rows]]
        sent = attempts.time_ns[copies.attempt[self.rows]]
        due = sent + int(self.delay_ms * MILLISECOND_NS)
        self._over_ms = (copies.delivered_ns[self.rows] - due) / MILLISECOND_NS
        phases = np.array([each.phase == BASELINE for each in run.windows.windows])
        calm = phases[run.windows.of(due)] & phases[run.windows.of(copies.delivered_ns[self.rows])]
        self._calm = calm & phases[run.windows.of(sent)]
        depth = tries_of(history, consumer)
        tries = np.zeros(len(copies), np.int64)
        seen = np.flatnonzero(history.index.of_delivery >= 0)
        tries[history.index.of_delivery[seen]] = depth[seen]
        self.skipped = tries[self.rows] != self.number + 1

    @property
    def early(self) -> Array:
        """Which came back too soon."""
        found: Array = self._over_ms < -EARLY_MS
        return found

    @property
    def excess_ms(self) -> Array:
        """By how much those came back later that were away while nothing was broken."""
        found: Array = self._over_ms[self._calm]
        return found

    def is_late(self, tolerance_ms: float) -> Array:
        """Which came back too late."""
        found: Array = self._calm & (self._over_ms > tolerance_ms)
        return found


def _fallen(run: Run, consumer: Consumer) -> Finding | int:
    """Return how many failed to the last try and died, or what is wrong with one that did not."""
    history = run.history
    deliveries, copies = history.deliveries, history.copies
    gave_up = (
        (deliveries.queue == history.queue_number(consumer.queue)) & ~deliveries.drained
        & (deliveries.result == Result.TRANSIENT) & (deliveries.settled == Kind.REJECTED)
        & (history.index.of_delivery >= 0)
    )  # fmt: skip
    rows = np.flatnonzero(gave_up)
    tries = tries_of(history, consumer)[rows]
    copy = history.index.of_delivery[rows]
    message = history.attempts.message[copies.attempt[copy]]
    early = tries != len(consumer.ladder) + 1
    alive = copies.verdict[copy] >= Verdict.DLQ_MISSING
    for which, what in ((early, "was given up before its last step"), (alive, "is in no DLQ")):
        if which.any():
            text = f"broke Climbs-In-Steps: message {name_of(int(message[which][0]))} {what}"
            return Finding(Status.FAIL, text, int(which.sum()), "messages", len(rows),
                           threshold=0, examples=examples_of(message[which]))  # fmt: skip
    return len(rows)
