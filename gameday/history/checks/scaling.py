"""Scaling on a queue's depth: workers are added when it is too deep, work, and the backlog goes.

What was added, and at which depth, is in the journal; the depths are those that were seen from
outside, once a second; whether an added worker worked is in its own ledger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gameday.contracts.model import Consumer
from gameday.history.checks.workers import service_of, truths_of
from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Line, events
from gameday.history.run import SECOND_NS, Run

REACT_S = 5.0
LIMIT_S = 60.0
DRAINED = 0.1
"""The part of the threshold below which a backlog is gone."""


@dataclass(frozen=True)
class Stretch:
    """A time in which a queue was too deep, until its backlog was gone or the looks ended."""

    begin_s: float
    end_s: float
    gone: bool


def scaling(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Workers-Follow-Depth: a queue too deep gets workers, who work, until its backlog is gone."""
    consumer = next(
        each for each in run.contract.consumers if each.name == parameters["consumer"]
    )  # fmt: skip
    limit_s = float(parameters.get("limit_s", LIMIT_S))
    react_s = float(parameters.get("react_s", REACT_S))
    lines = events(run.journal, "scaled", consumer=consumer.name)
    stretches = list(_stretches(run, consumer))
    longest = max((each.end_s - _healed(run, each) for each in stretches), default=0.0)
    figures: dict[str, Any] = {
        "measured": longest, "unit": "s", "n": len(stretches), "threshold": limit_s,
        "details": {"workers added": len(lines), "deepest": _deepest(run, consumer)},
    }  # fmt: skip
    wrong = (
        _wrong(consumer, lines)
        or _nobody(run, consumer, lines, stretches, react_s)
        or _idle(run, consumer, lines)
        or (longest > limit_s and f"its backlog was not gone {limit_s:g} s after the trouble")
    )
    if wrong:
        text = f"broke Workers-Follow-Depth: {consumer.queue}: {wrong}"
        return Finding(Status.FAIL, text, **figures)
    if not all(each.gone for each in stretches):
        return unknown("nobody looked long enough to see the backlog go", **figures)
    if not stretches:
        text = f"vacuous: {consumer.queue} never held {consumer.scale_at_depth} messages"
        return unknown(text, **figures)
    if not lines:
        return unknown("vacuous: it was never too deep for long enough to add anybody", **figures)
    return Finding(Status.PASS, f"{len(lines)} workers were added, and the backlog was gone within "
                   f"{longest:.1f} s", **figures)  # fmt: skip


def _healed(run: Run, stretch: Stretch) -> float:
    """Return from when a backlog counts as late: once what had made it was healed, if it was."""
    if any(each.restored_ns is None and (each.started_ns - run.zero_ns) / SECOND_NS < stretch.end_s
           for each in run.own_faults):  # fmt: skip
        return stretch.end_s
    healed = [(each.restored_ns - run.zero_ns) / SECOND_NS
              for each in run.own_faults if each.restored_ns is not None]  # fmt: skip
    mine = [each for each in healed if stretch.begin_s <= each <= stretch.end_s]
    return max([stretch.begin_s, *mine])


def _nobody(
    run: Run,
    consumer: Consumer,
    lines: list[Line],
    stretches: list[Stretch],
    react_s: float,
) -> str:
    """Return since when it was too deep and nobody was added, though there might have been."""
    for begin, end in ((each.begin_s, each.end_s) for each in stretches):
        before = [line["after"] for line in lines if _second(run, line) < begin - 1]
        full = max(before, default=consumer.workers) >= (consumer.scale_to or 0)
        soon = any(begin - 1 <= _second(run, line) <= begin + react_s for line in lines)
        if not soon and not full and end - begin > react_s:
            return f"it was too deep from {begin:.1f} s on, and nobody was added"
    return ""


def _second(run: Run, line: Line) -> float:
    return float(line["time_ns"] - run.zero_ns) / SECOND_NS


def _depths(run: Run, consumer: Consumer) -> Iterator[tuple[float, int]]:
    """Return the second and the depth of each look at the queue."""
    for sample in run.samples:
        if consumer.queue in sample.get("depth", {}):
            yield _second(run, sample), int(sample["depth"][consumer.queue])


def _deepest(run: Run, consumer: Consumer) -> int:
    return max((depth for _, depth in _depths(run, consumer)), default=0)


def _stretches(run: Run, consumer: Consumer) -> Iterator[Stretch]:
    """Return from when to when: too deep, until the backlog was gone or the looks ended."""
    threshold = consumer.scale_at_depth or 0
    stopped = (run.stopped_ns - run.zero_ns) / SECOND_NS
    begin: float | None = None
    last = 0.0
    for second, depth in _depths(run, consumer):
        last = second
        if begin is None and depth >= threshold and second < stopped:
            begin = second
        elif begin is not None and depth <= threshold * DRAINED:
            yield Stretch(begin, second, gone=True)
            begin = None
    if begin is not None:
        yield Stretch(begin, last, gone=False)


def _wrong(consumer: Consumer, lines: list[Line]) -> str:
    """Return which worker was added without need, or beyond what there may be."""
    for line in lines:
        if line["depth"] < (consumer.scale_at_depth or 0):
            return f"a worker was added at a depth of {line['depth']}"
        if line["after"] > (consumer.scale_to or 0):
            return f"there were {line['after']} workers, not at most {consumer.scale_to}"
    return ""


def _idle(run: Run, consumer: Consumer, lines: list[Line]) -> str:
    """Return that fewer workers than were added ever took a message, if it is so."""
    if not lines:
        return ""
    first = {process: min(since for since, _ in truth.stood)
             for process, truth in truths_of(run).items() if truth.stood}  # fmt: skip
    values = run.history.links.channel_values
    mine = {int(value["process"]) for value in values
            if value.get("role") == "consume" and service_of(value) == consumer.name}  # fmt: skip
    late = {each for each in mine if first[each] > lines[0]["time_ns"]}
    deliveries = run.history.deliveries
    busy = late & set(np.unique(deliveries.process[~deliveries.drained]).tolist())
    if len(busy) < len(lines):
        return f"{len(lines)} workers were added, and {len(busy)} of them took a message"
    return ""
