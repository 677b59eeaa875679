"""Upgrades, step by step: the cut-over, what the new cluster took, the way back, the old one's end.

What a step did stands in the journal; where messages went, in the clients' own ledgers.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.outcomes import Outcome
from gameday.history.run import Run
from gameday.history.sides import BLUE, GREEN, Sides, Steps, steps_of
from gameday.history.verdicts import FAILING

Array = npt.NDArray[Any]

LEAST = 50
"""How many messages a step must have met to prove anything, unless a contract says otherwise."""
NO_UPGRADE = "this run is no upgrade"
MOVE, RETIRE, DECLARE, REHEARSE = (
    "move_publishers", "retire_blue", "declare_green", "rehearse_way_back",
)  # fmt: skip


def cut_over(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Step-By-Step: each step of the cut-over came to its end, in order, with work under way."""
    steps = steps_of(run)
    if steps is None:
        return unknown(NO_UPGRADE)
    if left := steps.open():
        return unknown(f"the step {left} was not completed")
    ends = [steps.ns(each, "end") or 0 for each in steps.wanted]
    took_s = (ends[-1] - (steps.ns(MOVE, "begin") or 0)) / 1e9
    waiting = _waiting(run, steps.ns(MOVE, "begin") or 0)
    figures: dict[str, Any] = {
        "measured": took_s, "unit": "s", "n": len(steps.wanted),
        "threshold": parameters.get("limit_s"),
        "details": {"waiting_on_blue": waiting,
                    **{f"{name}_s": each for name, each in steps.lengths_s().items()}},
    }  # fmt: skip
    if ends != sorted(ends):
        late = next(b for a, b in pairwise(ends) if b < a)
        step = steps.wanted[ends.index(late)]
        return Finding(Status.FAIL, f"broke Step-By-Step: {step} ended out of order", **figures)
    limit_s = parameters.get("limit_s")
    if limit_s is not None and took_s > limit_s:
        text = (
            f"broke Step-By-Step: the cut-over took {took_s:.1f} s, and {limit_s:g} s are allowed"
        )
        return Finding(Status.FAIL, text, **figures)
    least = int(parameters.get("least", LEAST))
    if waiting < least:
        text = f"vacuous: {waiting} messages waited on blue when the publishers left, not {least}"
        return unknown(text, **figures)
    return Finding(
        Status.PASS,
        f"cut over in {took_s:.1f} s, while {waiting} messages waited on blue",
        **figures,
    )


def _waiting(run: Run, at_ns: int) -> int:
    """Count the copies that were confirmed on blue and not yet settled at a time."""
    copies, attempts = run.history.copies, run.history.attempts
    confirmed_ns = attempts.outcome_ns[copies.attempt]
    waits = Sides(run.history).attempts(BLUE)[copies.attempt] & (copies.status == Outcome.OK)
    waits &= (confirmed_ns <= at_ns) & ((copies.settled_ns < 0) | (copies.settled_ns > at_ns))
    return int(waits.sum())


def translated(run: Run, _: Mapping[str, Any]) -> Finding:
    """Declared-Anew: green holds the design that it was to hold, and said what it refused."""
    steps = steps_of(run)
    if steps is None:
        return unknown(NO_UPGRADE)
    line = steps.line(DECLARE, "end")
    if line is None:
        return unknown("nothing was declared on green")
    changes, refused = list(line["changes"]), list(line["refused"])
    figures: dict[str, Any] = {
        "measured": len(line["difference"]), "unit": "differences", "n": int(line["parts"]),
        "threshold": 0, "details": {"changes": changes, "refused": refused},
    }  # fmt: skip
    if line["difference"]:
        text = f"broke Declared-Anew: on green {line['difference'][0]}"
        return Finding(Status.FAIL, text, **figures)
    if any("policy" in each.split() for each in changes) and not refused:
        return unknown("a policy was left out that nobody saw green refuse", **figures)
    said = f"{len(changes)} changes, since it refused: {refused[0]}" if refused else (
        f"{len(changes)} changes, and nothing of blue's own design was refused"
    )  # fmt: skip
    return Finding(Status.PASS, f"green holds all {line['parts']} parts; {said}", **figures)


def way_back(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Way-Back-Walked: publishers went to green and back, and what they left there came back."""
    steps = steps_of(run)
    if steps is None:
        return unknown(NO_UPGRADE)
    begin, end, move = (
        steps.ns(REHEARSE, "begin"), steps.ns(REHEARSE, "end"), steps.ns(MOVE, "begin")
    )  # fmt: skip
    if begin is None or end is None:
        return unknown("the way back was not rehearsed")
    history, sides = run.history, Sides(run.history)
    attempts, copies = history.attempts, history.copies
    within = sides.attempts(GREEN) & (attempts.time_ns >= begin) & (attempts.time_ns <= end)
    mine = within[copies.attempt] & (copies.status == Outcome.OK)
    after = sides.attempts(BLUE) & sides.produced & (attempts.outcome == Outcome.OK)
    after &= (attempts.outcome_ns > end) & (attempts.outcome_ns <= (move or end))
    astray = mine & (np.isin(copies.verdict, list(FAILING)) | ~_seen_on(run, BLUE))
    went, least = int(mine.sum()), int(parameters.get("least", LEAST))
    figures: dict[str, Any] = {
        "measured": (end - begin) / 1e9, "unit": "s", "n": went, "threshold": None,
        "details": {"published_on_green": went, "published_on_blue_again": int(after.sum())},
    }  # fmt: skip
    if astray.any():
        messages = attempts.message[copies.attempt[astray]]
        text = (f"broke Way-Back-Walked: message {name_of(int(messages[0]))}, published to green, "
                f"did not come back to blue ({int(astray.sum())} such)")  # fmt: skip
        return Finding(Status.FAIL, text, examples=examples_of(messages), **figures)
    if went < least or int(after.sum()) < least:
        text = (f"vacuous: {went} messages were published to green and {int(after.sum())} to blue "
                f"again, not {least} each")  # fmt: skip
        return unknown(text, **figures)
    return Finding(
        Status.PASS,
        f"to green and back in {(end - begin) / 1e9:.1f} s; all {went} messages that green had "
        "taken were handled on blue",
        **figures,
    )


def _seen_on(run: Run, side: str) -> Array:
    """Tell which copies a consumer of a side saw; those in a queue without one count as seen."""
    index = run.history.index.of_delivery
    seen = Sides(run.history).deliveries(side) & (index >= 0)
    found = np.zeros(len(run.history.copies), bool)
    found[index[seen]] = True
    consumed = run.history.roles.consumed
    work = np.array([*(name in consumed for name in run.history.queues), False])
    return np.asarray(found | ~work[run.history.copies.queue])


def retired(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Nothing-Left-Behind: blue was empty and alone when it was given up, and green carried on."""
    steps = steps_of(run)
    if steps is None:
        return unknown(NO_UPGRADE)
    line, moved = steps.line(RETIRE, "end"), steps.ns(MOVE, "end")
    if line is None or moved is None:
        return unknown("blue was not given up")
    late, carried = _late(run, moved, int(line["time_ns"])), _carried(run, int(line["time_ns"]))
    held = {name: count for name, count in line["messages"].items() if count}
    figures: dict[str, Any] = {
        "measured": len(late) + sum(held.values()), "unit": "messages", "n": carried,
        "threshold": 0, "details": {"left_on_blue": held, "handled_by_green_alone": carried},
    }  # fmt: skip
    if broken := _left_behind(held, late, line["connections"]):
        text = f"broke Nothing-Left-Behind: {broken}"
        return Finding(Status.FAIL, text, examples=examples_of(late), **figures)
    least = int(parameters.get("least", LEAST))
    if carried < least:
        return unknown(f"vacuous: green alone handled {carried} messages, not {least}", **figures)
    return Finding(
        Status.PASS,
        f"blue was empty and nobody was connected; green alone handled {carried} messages",
        **figures,
    )


def _left_behind(held: Mapping[str, int], late: Array, connections: list[str]) -> str:
    """Say what was still on blue when it was given up; nothing where nothing was."""
    if held:
        name, count = next(iter(held.items()))
        return f"{name} on blue still held {count} messages"
    if len(late):
        first = name_of(int(late[0]))
        return f"message {first} went by blue when it had been left ({len(late)} such)"
    return f"{', '.join(connections[:3])} still stood on blue" if connections else ""


def _late(run: Run, moved_ns: int, retired_ns: int) -> Array:
    """Return what a producer wrote to blue after the move, or blue delivered after its end."""
    history, sides = run.history, Sides(run.history)
    attempts, deliveries = history.attempts, history.deliveries
    wrote = sides.attempts(BLUE) & sides.produced & (attempts.time_ns > moved_ns)
    took = sides.deliveries(BLUE) & (deliveries.time_ns > retired_ns) & (deliveries.attempt >= 0)
    return np.concatenate(
        [attempts.message[wrote], attempts.message[deliveries.attempt[took]]]
    )  # fmt: skip


def _carried(run: Run, retired_ns: int) -> int:
    """Count what was confirmed and handled by green after blue's end."""
    history, sides = run.history, Sides(run.history)
    copies, attempts = history.copies, history.attempts
    new = sides.attempts(GREEN) & (attempts.time_ns > retired_ns)
    return int((new[copies.attempt] & copies.acked & (copies.status == Outcome.OK)).sum())


def lengths(run: Run) -> tuple[Steps, dict[str, float]] | None:
    """Return an upgrade's steps and how long each took, for its report."""
    steps = steps_of(run)
    return None if steps is None else (steps, steps.lengths_s())
