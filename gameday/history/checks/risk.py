"""What a fault of operators, clients or load must have met: a fault that nobody was there to feel.

A binding that was removed while nobody published, a worker that was wedged while it held nothing,
a flood that the consumers kept up with: each leaves the promise as untested as before. Times are
the journal's: in force from *applied* until *reverting*.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks import met
from gameday.history.checks.met import in_force, struck_process
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
    rule = rule_for(fault.kind, fault.fault_class)
    if rule is not None and not rule.holds(run, fault):
        yield f"{fault.id} ({fault.kind}) {rule.missing}"


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
    """Whether a consumer rejected what dead-letters into a queue or exchange, between two times."""
    deliveries, roles = run.history.deliveries, run.history.roles
    ends = [
        target in {*roles.targets(name), roles.dead_letter_exchange(name)}
        for name in run.history.queues
    ]
    sources = np.array(ends or [False])
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


@dataclass(frozen=True)
class Rule:
    """What a fault must have met, in words, and what is said of one that did not."""

    holds: Callable[[Run, Fault], bool]
    needs: str
    missing: str


PUBLISHED = Rule(
    published, "somebody published what it is about, while it was in force",
    "was in force while nobody published what it is about",
)  # fmt: skip
HELD = Rule(
    held, "the client held something unsettled or unanswered when it was struck",
    "struck a client that held nothing",
)  # fmt: skip
KEPT_HOLDING = Rule(
    kept_holding, "the client held something until the fault's end",
    "lasted while the client held nothing",
)  # fmt: skip
SERVED = Rule(
    served, "the client was given messages, before it or while it lasted",
    "struck a client that was never given anything",
)  # fmt: skip
WORKED = Rule(
    met.worked, "the client had published, or been given messages",
    "struck a client that had done nothing",
)  # fmt: skip
GREW = Rule(grew, f"the backlog grew by {GROWTH} copies while it lasted", "let no backlog grow")
RETRIED = Rule(retried, f"{GROWTH} handlers failed while it lasted", "let hardly any handler fail")
CONNECTED = Rule(
    met.connected, "a client of those whom it strikes was connected to the node",
    "struck when none of those whom it is about was connected there",
)  # fmt: skip
KNOCKED = Rule(
    met.knocked, "a client connected, or tried to, while it was in force",
    "was in force while nobody tried to connect",
)  # fmt: skip
TOO_LARGE = Rule(
    met.refused_as_too_large, "a channel was closed with 406 while it was in force",
    "was in force while nobody published anything larger",
)  # fmt: skip
WAITED = Rule(
    met.waited_too_long, "a message published to the queue meanwhile waited past its time",
    "was in force while nothing waited too long",
)  # fmt: skip
POISONED = Rule(
    met.poisoned, "messages that must die were published", "published nothing that must die"
)

BY_KIND: dict[str, Rule] = {
    "kill_client": HELD,
    "signal_client": WORKED,
    "wedge_client": KEPT_HOLDING,
    "slow_client": SERVED,
    "cancel_consumer": SERVED,
    "retry_storm": RETRIED,
    "cut_clients": CONNECTED,
    "client_toxic": CONNECTED,
    "close_connections": CONNECTED,
    "thundering_herd": PUBLISHED,
    "overflow_queue": PUBLISHED,
    "expire_messages": WAITED,
    "limit_message_size": TOO_LARGE,
    "limit_files": CONNECTED,
    "limit_vhost": KNOCKED,
    "limit_user": KNOCKED,
}
BY_CLASS: dict[str, Rule] = {
    "operator": PUBLISHED,
    "overload": GREW,
    "link_degraded": PUBLISHED,
    "poison": POISONED,
    "clock": PUBLISHED,
    "balancer": KNOCKED,
    "credentials": KNOCKED,
}
NO_RULE: dict[str, str] = {
    "nothing": "it breaks nothing",
    "swallow_then_close": "it belongs to a control, which is judged by what it loses",
    "replay": "its proof of effect counts what was published again: no fewer may be",
    "wrong_name": "it strikes a host that carries no load; the host's own probes are its proof",
    "rotate_credentials": "the same: its proof is a refused log-in of that host",
}
"""Kinds of fault that put nothing of the load at risk, and why."""

ON_QUEUES = frozenset({"remove_binding", "delete_queue", "purge_queue", "overflow_queue"})
"""Kinds of fault whose target is a queue: only what goes there is concerned."""


def rule_for(kind: str, fault_class: str) -> Rule | None:
    """Return the rule of a fault; a control's faults are the controls' business."""
    if fault_class == "control" or kind in NO_RULE:
        return None
    return BY_KIND.get(kind) or BY_CLASS.get(fault_class)
