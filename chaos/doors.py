"""Faults of links to clients: closed, swallowed, half open, slow, narrow, chopped, cut short.

Each node has a door of its own for producers and one for consumers, besides the one for anybody,
and two by which one service alone comes, as a producer and as a consumer: the plan says which. A
fault may take all of a node's clients, one kind, or that service. The nodes still see each other.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar

from chaos import knocking, probes
from chaos.fault import Single, Site, wait_for_time
from chaos.knocking import REFUSALS, Expected
from chaos.revert import Revert, Seen
from chaos.victims import known_node
from gameday.clusters.cluster import CLIENT_DOORS, Door, How, Toxic, both_ways
from gameday.errors import HarnessError, UsageError

Answer = TypeVar("Answer")

SERVICE = "service:"
"""What `whom` begins with when one service of the contract is struck alone."""

WHOSE: dict[str, tuple[Door, ...]] = {
    "everybody": CLIENT_DOORS,
    "producers": ("producers", "one-producer"),
    "consumers": ("consumers", "one-consumer"),
}
"""Whose doors: all of them, or those by which a run's producers or its consumers come."""

Name = Literal[
    "half_open", "latency", "bandwidth", "slicer", "slow_close", "limit_data", "reset_peer"
]

ATTRIBUTES: dict[Name, tuple[dict[str, int], dict[str, int]]] = {
    "half_open": ({}, {"hears": 1}),
    "latency": ({"latency_ms": 1}, {"jitter_ms": 0}),
    "bandwidth": ({"rate_kb": 1}, {}),
    "slicer": ({"size": 16}, {"variation": 0, "delay_us": 2000}),
    "slow_close": ({"delay_ms": 1}, {}),
    "limit_data": ({"bytes": 1}, {}),
    "reset_peer": ({}, {"after_ms": 0}),
}
"""By toxic: the attributes that it needs, with the least of each, and the others' defaults."""


def doors_for(whom: str) -> tuple[Door, ...]:
    """Return the doors by which they come."""
    return WHOSE.get(whom, ("one-producer", "one-consumer"))


def refuse_nobody(whom: str) -> None:
    """Refuse a fault of clients whom nobody knows."""
    if whom in WHOSE or whom.removeprefix(SERVICE) not in {whom, ""}:
        return
    known = ", ".join(WHOSE)
    raise UsageError(f"parameters.whom: nobody is called {whom!r}; give {known}, or {SERVICE}NAME.")


def at_each(doors: Iterable[Door], look: Callable[[Door], Answer]) -> dict[Door, Answer]:
    """Look at some doors, all at once: silence takes its time at each."""
    names = tuple(doors)
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return dict(zip(names, pool.map(look, names), strict=True))


@dataclass(frozen=True)
class CutClients(Single):
    """Part the clients of one node from it; the nodes still reach each other.

    After a reset clients notice at once and go elsewhere; in silence only their own time-outs and
    heartbeats tell them, and the broker holds what they had in hand until its heartbeat does.
    """

    node: str
    how: How = "reset"
    whom: str = "everybody"
    kind: ClassVar[str] = "cut_clients"
    fault_class: ClassVar[str] = "client"

    def __post_init__(self) -> None:
        """Refuse clients whom nobody knows."""
        refuse_nobody(self.whom)

    def capture(self, _site: Site) -> Revert:
        """Undoing it is letting clients through."""
        return Revert("mend_doors", {"node": self.node, "doors": list(doors_for(self.whom))})

    def apply(self, site: Site) -> None:
        """Cut the way by which clients come."""
        site.cluster.cut_doors(self.node, doors_for(self.whom), self.how)

    def observe(self, site: Site) -> Seen:
        """Clients are refused, or not answered, at each of these doors, and at no other."""
        cluster, struck = site.cluster, doors_for(self.whom)
        answers = at_each(
            CLIENT_DOORS, lambda door: probes.greet(cluster.door_address(self.node, door))
        )
        direct = probes.greet(cluster.addresses(self.node).direct)
        expected = {probes.SILENT} if self.how == "silent" else REFUSALS
        cut = all(answers[door] in expected for door in struck)
        others = {door: answer for door, answer in answers.items() if door not in struck}
        spared = {direct, *others.values()} == {probes.ANSWERED}
        return Seen(cut and spared, {"greeting": answers, "direct": direct})


@dataclass(frozen=True)
class ClientToxic(Single):
    """Let the clients of one node suffer one toxic of Toxiproxy's, all of them or one kind.

    `half_open` swallows what they send (with `hears: 0`, what they are sent) on connections that
    stay open; `latency` and `bandwidth` are of each direction; `slicer` chops what they are sent;
    `slow_close` delays the end of a connection; `limit_data` ends it after so many bytes were sent
    to them; `reset_peer` resets it when bytes flow. The broker sees slow or silent clients, or
    connections that end in the middle of a frame; it alarms nobody.
    """

    node: str
    toxic: Name
    attributes: Mapping[str, int] = field(default_factory=dict)
    whom: str = "everybody"
    kind: ClassVar[str] = "client_toxic"
    fault_class: ClassVar[str] = "client_link"

    def __post_init__(self) -> None:
        """Refuse attributes that the toxic does not take, lacks, or that would do nothing."""
        refuse_nobody(self.whom)
        needed, others = ATTRIBUTES[self.toxic]
        known = {**needed, **others}
        for name, value in self.attributes.items():
            if name not in known:
                takes = ", ".join(known) or "none"
                raise UsageError(
                    f"parameters.attributes: {self.toxic} knows no {name}, but {takes}."
                )
            if value < needed.get(name, 0):
                least = needed.get(name, 0)
                raise UsageError(
                    f"parameters.attributes.{name}: {self.toxic} needs {least} or more."
                )
        for name in needed.keys() - self.attributes.keys():
            raise UsageError(f"parameters.attributes: {self.toxic} needs {name}.")

    @property
    def values(self) -> dict[str, int]:
        """The attributes, with the defaults of those that were left out."""
        return {**ATTRIBUTES[self.toxic][1], **self.attributes}

    def toxics(self) -> tuple[Toxic, ...]:
        """Return what each of the doors suffers, in Toxiproxy's words."""
        return TOXICS[self.toxic](self.values)

    def capture(self, site: Site) -> Revert:
        """Undoing it is taking the toxic away from each door."""
        node = known_node(site, self.node)
        return Revert("mend_doors", {"node": node, "doors": list(doors_for(self.whom))})

    def apply(self, site: Site) -> None:
        """Put the toxic on each of the doors."""
        site.cluster.distort_doors(self.node, doors_for(self.whom), self.toxics())

    def observe(self, site: Site) -> Seen:
        """See what a client meets at each door: late, little, in pieces, cut short, or nothing."""
        seen = at_each(
            doors_for(self.whom),
            lambda door: EXPECTED[self.toxic](site.cluster, self.node, door, self.values),
        )
        direct = probes.greet(site.cluster.addresses(self.node).direct)
        yes = direct == probes.ANSWERED and all(seen.values())
        return Seen(yes, {"direct": direct, **{d: dict(each.evidence) for d, each in seen.items()}})


def _half_open(values: Mapping[str, int]) -> tuple[Toxic, ...]:
    return (Toxic("timeout", "upstream" if values["hears"] else "downstream", {"timeout": 0}),)


TOXICS: dict[Name, Callable[[Mapping[str, int]], tuple[Toxic, ...]]] = {
    "half_open": _half_open,
    "latency": lambda v: both_ways("latency", latency=v["latency_ms"], jitter=v["jitter_ms"]),
    "bandwidth": lambda v: both_ways("bandwidth", rate=v["rate_kb"]),
    "slicer": lambda v: (
        Toxic(
            "slicer",
            "downstream",
            {"average_size": v["size"], "size_variation": v["variation"], "delay": v["delay_us"]},
        ),
    ),
    "slow_close": lambda v: both_ways("slow_close", delay=v["delay_ms"]),
    "limit_data": lambda v: (Toxic("limit_data", "downstream", {"bytes": v["bytes"]}),),
    "reset_peer": lambda v: both_ways("reset_peer", timeout=v["after_ms"]),
}
"""What each name means to Toxiproxy."""

EXPECTED: dict[Name, Expected] = {
    "half_open": knocking.unanswered,
    "latency": knocking.late,
    "bandwidth": knocking.narrow,
    "slicer": knocking.in_pieces,
    "slow_close": knocking.closed_late,
    "limit_data": knocking.cut_short,
    "reset_peer": knocking.reset,
}
"""What a client that knocks meets under each."""


@dataclass(frozen=True)
class SwallowThenClose(Single):
    """Swallow what the clients of a node's spare address send, for a while, and then close.

    For the control without confirms: what it wrote meanwhile went nowhere, and it cannot know.
    Nobody else uses that address.
    """

    node: str
    swallow_s: float = 2.0
    kind: ClassVar[str] = "swallow_then_close"
    fault_class: ClassVar[str] = "control"

    def capture(self, _site: Site) -> Revert:
        """Undoing it is letting those clients through."""
        return Revert("mend_doors", {"node": self.node, "doors": ["spare"]})

    def apply(self, site: Site) -> None:
        """Swallow, prove it by an unanswered greeting, and close when the time is up."""
        begun = time.monotonic()
        site.cluster.cut_doors(self.node, ["spare"], "silent")
        site.at("apply")
        greeting = probes.greet(site.cluster.door_address(self.node, "spare"))
        if greeting != probes.SILENT:
            raise HarnessError(f"the spare link of {self.node} swallows nothing: {greeting}.")
        wait_for_time(begun + self.swallow_s, "the end of the time to swallow")
        site.cluster.cut_doors(self.node, ["spare"], "reset")

    def observe(self, site: Site) -> Seen:
        """See the address refuse."""
        greeting = probes.greet(site.cluster.door_address(self.node, "spare"))
        return Seen(greeting in REFUSALS, {"greeting": greeting, "swallowed_s": self.swallow_s})
