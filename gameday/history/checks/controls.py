"""Controls: clients that are unsafe on purpose must be seen to lose, or the harness sees nothing.

A control is caught when it lost nothing before its episode began, and lost something after; being
handled by nobody counts as lost, and so does having died where no dead letter is kept. A fault that
struck wants its own control (`gameday/history/harm.py`): one that never ran was not caught.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.loss import copies_lost, unhandled
from gameday.history.finding import Finding, Status, unknown
from gameday.history.harm import CONTROL_FOR, TRANSIENT
from gameday.history.history import History
from gameday.history.journal import Episode, events
from gameday.history.run import Run
from gameday.history.verdicts import Verdict

Array = npt.NDArray[Any]

LOSSES = ("lost", "lost_after_delivery")


@dataclass(frozen=True)
class Control:
    """What became of one control: messages and losses, before its episode and from it on."""

    name: str
    caught: bool
    reason: str
    baseline: int = 0
    baseline_lost: int = 0
    fault: int = 0
    fault_lost: int = 0
    examples: tuple[int, ...] = ()


def controls(run: Run, _: Mapping[str, Any]) -> Finding:
    """Unsafe-Clients-Are-Caught: each control loses under its fault, and only there."""
    every = judge_controls(run)
    missed = [control for control in every if not control.caught]
    details = {"controls": [control.name for control in every]}
    if not every:
        return unknown("no control ran, so nothing shows that a loss would have been seen")
    if missed:
        reasons = "; ".join(f"{control.name}: {control.reason}" for control in missed)
        return unknown(
            f"a control was not caught: {reasons}", measured=len(every) - len(missed),
            unit="controls", n=len(every), threshold=len(every), details=details,
        )  # fmt: skip
    return Finding(
        Status.PASS, f"all {len(every)} controls lost under their faults, and only there",
        len(every), "controls", len(every), threshold=len(every), details=details,
    )  # fmt: skip


def judge_controls(run: Run) -> tuple[Control, ...]:
    """Judge each control that was planned, or that left a history."""
    episodes = {each.control: each for each in run.episodes if each.control is not None}
    planned = {each.get("control") for each in run.plan.get("episodes", ())} - {None}
    known = {_scope(str(name)) for name in {*episodes, *planned}} | set(run.controls)
    names = sorted(known | wanted(run))
    by_scope = {_scope(str(name)): episode for name, episode in episodes.items()}
    return tuple(_judge(run, name, by_scope.get(name), run.controls.get(name)) for name in names)


def wanted(run: Run) -> set[str]:
    """Return the controls of the kinds that struck.

    The transient one is wanted where the plan can know its node, and then it is planned for.
    """
    struck = {CONTROL_FOR.get(fault.kind) for fault in run.own_faults}
    return {name for name in struck if name is not None and name != TRANSIENT}


def _scope(name: str) -> str:
    """Return the scope that a control's ledgers carry."""
    return name if name.startswith("control-") else f"control-{name}"


def _judge(run: Run, name: str, episode: Episode | None, history: History | None) -> Control:
    if episode is None:
        return Control(name, False, "its episode never began")
    if history is None or not len(history.attempts):
        return Control(name, False, "it published nothing")
    if not episode.faults:
        return Control(name, False, "its fault was never injected")
    blind = [fault.id for fault in episode.faults if fault.observed_ns is None]
    if blind:
        return Control(name, False, f"its fault {blind[0]} was not seen to take effect")
    if not run.drain_complete or any(
        not line["ok"] for line in events(run.journal, "drain", gate=name)
    ):
        return Control(name, False, "its drain did not finish")
    lost = lost_messages(history)
    keys, first_ns = _begun(history)
    before = first_ns < episode.begin_ns
    harmed = np.isin(keys, lost)
    counts = (
        int(before.sum()), int((before & harmed).sum()),
        int((~before).sum()), int((~before & harmed).sum()),
    )  # fmt: skip
    baseline, baseline_lost, _, fault_lost = counts
    reason = _why_not(baseline, baseline_lost, fault_lost)
    shown = tuple(int(each) for each in keys[~before & harmed][:10])
    return Control(name, not reason, reason or "lost under its fault only", *counts, shown)


def _why_not(baseline: int, baseline_lost: int, fault_lost: int) -> str:
    if not baseline:
        return "it had no baseline before its episode"
    if baseline_lost:
        return f"it lost {baseline_lost} messages before its fault"
    return "" if fault_lost else "it lost nothing under its fault"


def lost_messages(history: History) -> Array:
    """Return the messages of a control that were lost, or that nobody handled."""
    everywhere = np.ones(len(history.copies), bool)
    found = copies_lost(history, everywhere)
    died = history.copies.verdict == Verdict.DLQ_MISSING
    parts = [found[name] for name in LOSSES]
    parts.append(history.attempts.message[history.copies.attempt[died]])
    return np.unique(np.concatenate([*parts, unhandled(history, everywhere)]))


def _begun(history: History) -> tuple[Array, Array]:
    """Return each message's key, and when it was first published."""
    keys, places = history.messages
    first = np.full(len(keys), np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, places, history.attempts.time_ns)
    return keys, first
