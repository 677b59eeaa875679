"""How the controls are harmed that an operator's mistake harms: by the real fault, in their place.

| control | published | the fault, in the controls' own virtual host |
|---|---|---|
| not mandatory | while its binding is gone | confirmed, routed nowhere, and never returned |
| refused | while its exchange is gone | written, and refused with the channel |
| drop-head | before its queue is limited | confirmed, and dropped |
| expiring | while a time to live is in force | confirmed, and expired |
| purged | before its queue is purged | confirmed, and gone |
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

from chaos.fault import Fault
from chaos.limited import ExpireMessages, OverflowQueue
from chaos.operators import PurgeQueue, RemoveBinding, RemoveExchange
from chaos.plan import Plan
from gameday.history.harm import (
    AUTOMATIC_ACK,
    CONTROL_FOR,
    DROP_HEAD,
    EXPIRING,
    NO_CONFIRMS,
    NO_DEAD_LETTERS,
    NOT_MANDATORY,
    PURGED,
    REFUSED,
    TRANSIENT,
)

NEEDS: dict[str, str | None] = {
    AUTOMATIC_ACK: None,
    NO_DEAD_LETTERS: None,
    TRANSIENT: "kill_node",
    NO_CONFIRMS: "client_link",
    NOT_MANDATORY: "operate",
    REFUSED: "operate",
    DROP_HEAD: "operate",
    EXPIRING: "operate",
    PURGED: "operate",
}
"""Which power of the cluster a control's fault needs."""

ALWAYS = frozenset({AUTOMATIC_ACK, NO_CONFIRMS})
"""Controls that every run has whose cluster can do their fault, whatever its plan."""


@dataclass(frozen=True)
class Harm:
    """What harms a control; whether it publishes before the fault; how many must be written."""

    fault: Callable[[str], Fault]
    publishes_before: bool = False
    all_confirmed: bool = True
    empties: bool = False


HARMS: dict[str, Harm] = {
    NOT_MANDATORY: Harm(lambda name: RemoveBinding(name, name, name)),
    REFUSED: Harm(RemoveExchange, all_confirmed=False),
    DROP_HEAD: Harm(OverflowQueue, publishes_before=True),
    EXPIRING: Harm(ExpireMessages, empties=True),
    PURGED: Harm(PurgeQueue, publishes_before=True),
}
"""What each control suffers whose queue, exchange and binding have its name."""


def wanted_by(plan: Plan) -> frozenset[str]:
    """Return the controls that a run of this plan must have: its kinds', and those of every run."""
    kinds = {entry.kind for episode in plan.episodes for entry in episode.faults}
    return ALWAYS | {CONTROL_FOR[kind] for kind in kinds & CONTROL_FOR.keys()}


def of_control(fault: Fault) -> Fault:
    """Return the same fault as a control's: what it strikes is none of the system's."""
    kind = type(fault)
    values = {each.name: getattr(fault, each.name) for each in fields(fault)}  # type: ignore[arg-type]
    made: Fault = type(kind.__name__, (kind,), {"fault_class": "control"})(**values)
    return made


def transient_node(plan: Plan, nodes: tuple[str, ...]) -> str | None:
    """Return the node that the plan kills first, where the transient control lives; maybe none.

    A follower is left out: which node that will be is known only when the episode begins.
    """
    for place, episode in enumerate(plan.episodes):
        for entry in episode.faults:
            if CONTROL_FOR.get(entry.kind) != TRANSIENT:
                continue
            first = str(entry.target).split(",")[0].strip()
            if first in nodes:
                return first
            if entry.kind == "kill_all_nodes" or first.startswith("leader of "):
                return nodes[place % len(nodes)]
    return None


def strikes(kind: str, target: str | None, node: str | None) -> bool:
    """Whether a fault, its target resolved, kills the node on which the transient control lives."""
    if CONTROL_FOR.get(kind) != TRANSIENT:
        return False
    return kind == "kill_all_nodes" or node in {each.strip() for each in str(target).split(",")}
