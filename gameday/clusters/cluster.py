"""What a cluster is to everybody else: addresses, and powers as small protocols.

Faults and runs are written against these protocols and never ask which cluster stands behind
them. `Cluster` is what every cluster has; `NodeControl`, `LinkControl` and `Ctl` are powers that
a cluster may have, named in `powers`, so that a fault can be declined with a reason instead of
failing half way. Nothing here starts or talks to anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from gameday.contracts.promises import Power

How = Literal["reset", "silent"]
"""Two ways to cut: sockets closed and refused, or open and swallowing every byte."""

Link = tuple[str, str]
"""One directed link between two nodes: from, to."""

Door = Literal["clients", "producers", "consumers", "one-producer", "one-consumer", "spare"]
"""A node's proxied AMQP addresses: for anybody, for a run's producers, for its consumers, for the
producers and for the consumers of one service alone, and one for a control's clients."""

CLIENT_DOORS: tuple[Door, ...] = (
    "clients", "producers", "consumers", "one-producer", "one-consumer",
)  # fmt: skip
"""The doors by which a system's clients come; the spare one is a control's."""

ALL_POWERS: frozenset[str] = frozenset(get_args(Power))
"""All that a cluster may be able to do to itself, and beside itself."""


@dataclass(frozen=True)
class Address:
    """Where something listens; with `authority`, a file, by TLS to whom that vouches for.

    `name` is what his certificate calls him, where that is not the host that is dialled.
    """

    host: str
    port: int
    authority: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class NodeAddresses:
    """One node's names and doors; only `client` passes through Toxiproxy."""

    name: str
    erlang_name: str
    client: Address
    direct: Address
    management: Address


@dataclass(frozen=True)
class Toxic:
    """One distortion of one direction of a proxy, in Toxiproxy's own words.

    `upstream` is what the dialling side sends, `downstream` what it is sent.
    """

    type: str
    stream: Literal["upstream", "downstream"]
    attributes: Mapping[str, int]

    @property
    def name(self) -> str:
        """The name under which Toxiproxy has it."""
        return f"{self.type}_{self.stream}"


def both_ways(type_: str, **attributes: int) -> tuple[Toxic, Toxic]:
    """Return the same toxic for both directions."""
    return Toxic(type_, "upstream", attributes), Toxic(type_, "downstream", attributes)


@dataclass(frozen=True)
class ToxicSeen:
    """One toxic as Toxiproxy itself reports it."""

    proxy: str
    name: str
    type: str
    stream: str


class Http(Protocol):
    """The management API of one node; every call has a time limit and raises on 400 and more."""

    def get(self, path: str) -> Any:
        """Return what the API answers for a path such as `/api/overview`."""

    def put(self, path: str, body: object = None, *, limit_s: float | None = None) -> Any:
        """Create or change something."""

    def post(self, path: str, body: object = None, *, limit_s: float | None = None) -> Any:
        """Post something."""

    def delete(self, path: str) -> Any:
        """Delete something."""


class Cluster(Protocol):
    """A broker of one or more nodes, whoever started it."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes' short names, `r1` first."""

    @property
    def version(self) -> str:
        """The broker's version, such as `3.10.8`."""

    @property
    def username(self) -> str:
        """An administrator's name."""

    @property
    def password(self) -> str:
        """The administrator's password; never to be logged or put on a command line."""

    @property
    def powers(self) -> frozenset[str]:
        """The kinds of fault that this cluster can do."""

    def addresses(self, node: str) -> NodeAddresses:
        """Return where a node listens."""

    def amqp_url(self, node: str, vhost: str, door: Door = "clients") -> str:
        """Return the URL, password included, by which clients reach the node."""

    def management_url(self, node: str) -> str:
        """Return the URL of the node's management API, without the password."""


class NodeControl(Protocol):
    """The power over nodes as processes."""

    def kill(self, node: str) -> None:
        """Kill the node at once, as `kill -9` does, and return when it is gone."""

    def start(self, node: str, *, wait: bool = True) -> None:
        """Start a node that is not running and, unless told otherwise, wait until it serves."""

    def stop(self, node: str) -> None:
        """Stop the node in good order and return when it is gone."""

    def pause(self, node: str) -> None:
        """Suspend the node's process."""

    def resume(self, node: str) -> None:
        """Let a suspended node go on; harmless when it was not suspended."""

    def is_suspended(self, node: str) -> bool:
        """Whether the node is there and stands still."""

    def process_id(self, node: str) -> int | None:
        """Return the node's process id, none when it is not running."""

    def is_running(self, node: str) -> bool:
        """Whether the node's process is there, suspended or not."""

    def wipe(self, node: str) -> None:
        """Delete all that a node which is not running has stored."""

    def has_data(self, node: str) -> bool:
        """Whether the node has stored anything."""

    def set_clock(self, node: str, offset_s: float) -> None:
        """Let the node's time of day be so far ahead of the machine's; needs clocks of its own."""

    def clock_offset_s(self, node: str) -> float:
        """Return how far ahead the node's time of day was told to be."""


class LinkControl(Protocol):
    """The power over the links between nodes, and between clients and nodes."""

    def cut(self, links: Iterable[Link], how: How) -> None:
        """Cut directed links; cut both directions to part two nodes."""

    def mend(self, links: Iterable[Link]) -> None:
        """Mend links; harmless for links that are whole."""

    def cut_clients(self, node: str, how: How) -> None:
        """Cut the clients of one node off, by whichever door they come."""

    def mend_clients(self, node: str) -> None:
        """Let clients reach the node again."""

    def distort(self, toxics: Mapping[Link, Sequence[Toxic]]) -> None:
        """Let links carry their bytes late, slowly or one way only, all at once."""

    def door_address(self, node: str, door: Door) -> Address:
        """Return where one kind of clients reaches the node."""

    def cut_doors(self, node: str, doors: Iterable[Door], how: How) -> None:
        """Cut some kinds of clients of one node off."""

    def distort_doors(self, node: str, doors: Iterable[Door], toxics: Sequence[Toxic]) -> None:
        """Let some kinds of clients of one node suffer these toxics."""

    def mend_doors(self, node: str, doors: Iterable[Door]) -> None:
        """Let clients through again; what only slowed them is taken away under them."""

    def toxics(self) -> list[ToxicSeen]:
        """Return every toxic in force, as Toxiproxy reports it."""

    def disabled_proxies(self) -> list[str]:
        """Return the names of the proxies that refuse connections, as Toxiproxy reports it."""

    def mend_all(self) -> None:
        """Mend everything, whoever cut it."""


class Ctl(Protocol):
    """The control path: it passes no proxy, so that a node which is cut off can be asked too."""

    def ctl(
        self, node: str, *arguments: str, timeout_s: float = 30, tool: str = "rabbitmqctl"
    ) -> str:
        """Run `rabbitmqctl` or its like against the node; return what it prints (1 to 2 s CPU)."""

    def evaluate(self, node: str, expression: str, *, timeout_s: float = 10) -> str:
        """Evaluate an Erlang expression on the node and return the value's text (milliseconds)."""

    def management(self, node: str) -> Http:
        """Return the node's management API, unproxied."""


class ControlledCluster(Cluster, Ctl, Protocol):
    """A cluster that can be asked through its control path."""
