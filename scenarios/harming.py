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
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from chaos.fault import Breaking, Site
from chaos.limited import ExpireMessages, OverflowQueue
from chaos.operators import PurgeQueue, RemoveBinding, RemoveExchange
from chaos.plan import Plan
from chaos.revert import Revert, Seen
from chaos.steps import carry_out
from chaos.wrapped import Wrapped
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
    NO_CONFIRMS: "spare_door",
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

    fault: Callable[[str], Breaking]
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


@dataclass(frozen=True)
class OfControl(Wrapped):
    """A fault as a control's: it does just the same, and what it strikes is none of the system's.

    The checks leave faults of its class to the controls' own judgement.
    """

    fault_class: ClassVar[str] = "control"

    @property
    def takes_s(self) -> float:
        """How long it may take to apply."""
        return self.fault.takes_s

    @property
    def shows_after_s(self) -> float:
        """How long it may be in force before it can be seen."""
        return self.fault.shows_after_s

    def roles(self, _site: Site, /) -> None:
        """Return nothing: a control's queues are none that anybody leads for the system."""

    def capture(self, site: Site, /) -> Revert:
        """Return how to undo it."""
        return self.fault.capture(site)

    def apply(self, site: Site, /) -> None:
        """Break it."""
        self.fault.apply(site)

    def observe(self, site: Site, /) -> Seen:
        """Look whether it is in force."""
        return self.fault.observe(site)

    def inject(self, site: Site) -> AbstractContextManager[None]:
        """Break it for as long as the context is open."""
        return carry_out(self, site)


def transient_node(plan: Plan, nodes: tuple[str, ...], home: str | None = None) -> str | None:
    """Return the node that the plan takes first, where the transient control lives; maybe none.

    An episode's leader is the node whose turn it is, and its follower the first of the others. A
    main queue with one copy stays where it is: at `home`, which leads then in every episode.
    """
    for place, episode in enumerate(plan.episodes):
        for entry in episode.faults:
            if CONTROL_FOR.get(entry.kind) != TRANSIENT:
                continue
            first = str(entry.target).split(",")[0].strip()
            if first in nodes:
                return first
            leader = home or nodes[place % len(nodes)]
            if entry.kind == "kill_all_nodes" or first.startswith("leader of "):
                return leader
            if first.startswith("follower of "):
                return next((node for node in nodes if node != leader), None)
    return None


def strikes(kind: str, target: str | None, node: str | None) -> bool:
    """Whether a fault, its target resolved, kills the node on which the transient control lives."""
    if CONTROL_FOR.get(kind) != TRANSIENT:
        return False
    return kind == "kill_all_nodes" or node in {each.strip() for each in str(target).split(",")}
