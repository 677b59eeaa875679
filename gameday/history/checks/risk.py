"""What a fault of operators, clients or load must have met: a fault that nobody was there to feel.

A binding that was removed while nobody published, a worker that was wedged while it held nothing,
a flood that the consumers kept up with: each leaves the promise as untested as before. Times are
the journal's: in force from *applied* until *reverting*.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.select import queue_mask
from gameday.history.journal import Fault
from gameday.history.outcomes import Outcome
from gameday.history.records import Kind, Result
from gameday.history.run import Run

Array = npt.NDArray[Any]

GROWTH = 50
"""By how many copies an overload's backlog must have grown."""


def met_nobody(run: Run, fault: Fault) -> Iterator[str]:
    """Return what was missing where a fault struck; nothing for classes judged elsewhere."""
    kinds = (
        CLIENTS if fault.fault_class == "client" else {}
    )  # A control's are `controls`' business.
    rule = kinds.get(fault.kind) or BY_CLASS.get(fault.fault_class)
    if rule is not None and not rule(run, fault):
        yield f"{fault.id} ({fault.kind}) {MISSING[rule]}"


def in_force(run: Run, fault: Fault) -> tuple[int, int]:
    """Return from when until when a fault was in force; one never reverted until the end."""
    ends = (fault.steps.get(step) for step in ("reverting", "reverted", "restored"))
    end = next((each for each in ends if each is not None), run.stopped_ns)
    return fault.steps.get("applied", fault.started_ns), end


def struck_process(fault: Fault) -> int:
    """Return the process number of the client that a fault names, -1 when it names none."""
    _, _, number = fault.target.rpartition("-")
    return int(number) if number.isdigit() else -1


def published(run: Run, fault: Fault) -> bool:
    """Whether what the fault is about was published, or died into it, while it was in force."""
    begin, end = in_force(run, fault)
    if _died_into(run, fault.target, begin, end):
        return True
    attempts = run.history.attempts
    concerned = [_concerned(value, fault) for value in run.history.names.list("route")]
    if not len(attempts) or not any(concerned):
        return False
    inside = (attempts.time_ns >= begin) & (attempts.time_ns <= end)
    return bool((inside & np.array(concerned)[attempts.route]).any())


def _died_into(run: Run, target: str, begin: int, end: int) -> bool:
    """Whether a consumer rejected what dead-letters into a queue, between two times."""
    deliveries, roles = run.history.deliveries, run.history.roles
    sources = np.array([target in roles.targets(name) for name in run.history.queues] or [False])
    if not len(deliveries) or not sources.any():
        return False
    rejected = (deliveries.settled == Kind.REJECTED) & sources[deliveries.queue]
    inside = (deliveries.settled_ns >= begin) & (deliveries.settled_ns <= end)
    return bool((rejected & inside).any())


def _concerned(route: Any, fault: Fault) -> bool:
    """Whether a route leads over what an operator changed; everybody's, where that is no queue."""
    if fault.kind == "remove_binding" and route.get("exchange") != fault.parameters["exchange"]:
        return False
    if fault.kind == "remove_exchange":
        return bool(route.get("exchange") == fault.target)
    return fault.target in route.get("queues", ()) or fault.kind not in ON_QUEUES


def held(run: Run, fault: Fault) -> bool:
    """Whether the struck client held something unsettled when it was struck."""
    at_ns, _ = in_force(run, fault)
    return bool(_unsettled(run, fault, at_ns).any() or _unanswered(run, fault, at_ns).any())


def _unsettled(run: Run, fault: Fault, at_ns: int) -> Array:
    """Tell which deliveries the client held then; what its connection's loss took is not held."""
    deliveries, closed_ns = run.history.deliveries, run.history.links.channel_closed_ns
    if not len(deliveries) or not len(closed_ns):
        return np.zeros(0, bool)
    mine = (deliveries.process == struck_process(fault)) & ~deliveries.drained
    waits = (deliveries.settled_ns < 0) | (deliveries.settled_ns > at_ns)
    open_still = closed_ns[deliveries.channel] > at_ns
    found: Array = mine & waits & open_still & (deliveries.time_ns <= at_ns)
    return found


def _unanswered(run: Run, fault: Fault, at_ns: int) -> Array:
    attempts = run.history.attempts
    mine = attempts.process == struck_process(fault)
    waits = (attempts.outcome_ns < 0) | (attempts.outcome_ns > at_ns)
    found: Array = mine & waits & (attempts.time_ns <= at_ns)
    return found


def kept_holding(run: Run, fault: Fault) -> bool:
    """Whether the struck client held something from before the fault's end until then."""
    _, end = in_force(run, fault)
    return bool(_unsettled(run, fault, end).any())


def served(run: Run, fault: Fault) -> bool:
    """Whether the struck client was given anything, before the fault or while it lasted."""
    _, end = in_force(run, fault)
    deliveries = run.history.deliveries
    mine = deliveries.process == struck_process(fault)
    return bool((mine & (deliveries.time_ns <= end)).any())


def retried(run: Run, fault: Fault) -> bool:
    """Whether handlers of the struck queue failed in numbers while it lasted."""
    begin, end = in_force(run, fault)
    deliveries = run.history.deliveries
    number = run.history.queue_number(fault.target)
    failed = (deliveries.result == Result.TRANSIENT) & (deliveries.queue == number)
    inside = (deliveries.handled_ns >= begin) & (deliveries.handled_ns <= end)
    return int((failed & inside).sum()) >= GROWTH


def grew(run: Run, fault: Fault) -> bool:
    """Whether the backlog of the flooded producers' queues was larger at the end."""
    begin, end = in_force(run, fault)
    names = {
        queue
        for route in run.history.names.list("route")
        if fault.target in {"all", route.get("producer")}
        for queue in route.get("queues", ())
    }
    copies, attempts = run.history.copies, run.history.attempts
    mine = queue_mask(run.history, names)[copies.queue] & (copies.status == Outcome.OK)
    confirmed = attempts.outcome_ns[copies.attempt][mine]
    settled = copies.settled_ns[mine]

    def backlog(at_ns: int) -> int:
        return int(((confirmed <= at_ns) & ((settled < 0) | (settled > at_ns))).sum())

    return backlog(end) - backlog(begin) >= GROWTH


Rule = Callable[[Run, Fault], bool]

MISSING: dict[Rule, str] = {
    published: "was in force while nobody published what it is about",
    held: "struck a client that held nothing",
    kept_holding: "lasted while the client held nothing",
    served: "struck a client that was never given anything",
    grew: "let no backlog grow",
    retried: "let hardly any handler fail",
}
CLIENTS: dict[str, Rule] = {
    "kill_client": held,
    "wedge_client": kept_holding,
    "slow_client": served,
    "cancel_consumer": served,
    "retry_storm": retried,
}
BY_CLASS: dict[str, Rule] = {"operator": published, "overload": grew}
ON_QUEUES = frozenset({"remove_binding", "delete_queue", "purge_queue"})
"""Kinds of operators' faults whose target is a queue: only what goes there is concerned."""
