"""Cutting and mending: the links of a local cluster, through its own Toxiproxy.

What is cut is noted in the cluster's folder before it is done, so that any process can mend it,
and so that a Toxiproxy that had to be restarted comes back with the cuts that shall stay:

    noted (cuts.json) -> applied (control API) -> read back -> else: restart, populate, apply

A mended silent link is closed by Toxiproxy: the peers connect anew. A restart of Toxiproxy closes
every proxied connection, clients' included; `restarts` counts them.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from gameday.clusters.cluster import (
    CLIENT_DOORS,
    Address,
    Door,
    How,
    Link,
    Toxic,
    ToxicSeen,
)
from gameday.clusters.ports import LOOPBACK, NODE_COUNT, link_host, pairs
from gameday.clusters.processes import clean_environment, is_alive, kill, spawn
from gameday.clusters.record import ClusterRecord
from gameday.clusters.tls import authority_of
from gameday.clusters.toxiproxy import SILENCE, ProxySpec, ToxiproxyApi, ToxiproxyError
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

CUTS = "cuts"

State = How | list[dict[str, Any]]
"""What a proxy shall do, as it is noted: refuse, swallow, or suffer these toxics."""

GENTLE = frozenset({"latency", "bandwidth", "slicer", "slow_close"})
"""Toxics that are taken from open connections; any other closes them, or could hang the server."""


def link_name(link: Link) -> str:
    """Return the name of a directed link's proxy."""
    return f"{link[0]}-{link[1]}"


def door_name(door: Door, node: str) -> str:
    """Return the name of the proxy behind one of a node's doors."""
    return f"{door}-{node}"


def noted(toxics: Iterable[Toxic]) -> list[dict[str, Any]]:
    """Return toxics as they are noted in the cluster's folder."""
    return [asdict(each) for each in toxics]


def proxy_specs(record: ClusterRecord) -> Iterator[ProxySpec]:
    """Every proxy of the cluster."""
    ports = record.ports
    for source, target in pairs():
        port = ports.distribution(target)
        yield ProxySpec(
            link_name((f"r{source}", f"r{target}")),
            Address(link_host(source, target), port),
            Address(LOOPBACK, port),
        )
    for node in range(1, NODE_COUNT + 1):
        doors: dict[Door, int] = {
            "clients": ports.client(node),
            "producers": ports.producers(node),
            "consumers": ports.consumers(node),
            "one-producer": ports.one_producer(node),
            "one-consumer": ports.one_consumer(node),
            "spare": ports.spare(node),
        }
        for door, port in doors.items():
            listen = Address(LOOPBACK, port, authority_of(record))
            upstream = Address(LOOPBACK, ports.amqp(node))
            yield ProxySpec(door_name(door, f"r{node}"), listen, upstream)


class LocalLinks:
    """The power over a local cluster's links."""

    def __init__(self, record: ClusterRecord) -> None:
        self._record = record
        self._toxiproxy = ToxiproxyApi(Address(LOOPBACK, record.ports.toxiproxy))
        self._specs = {spec.name: spec for spec in proxy_specs(record)}
        self._lock = threading.Lock()
        self.restarts = 0

    def cut(self, links: Iterable[Link], how: How) -> None:
        """Cut directed links; cut both directions to part two nodes."""
        self._change({link_name(link): how for link in links})

    def mend(self, links: Iterable[Link]) -> None:
        """Mend links; harmless for links that are whole."""
        self._change({link_name(link): None for link in links})

    def distort(self, toxics: Mapping[Link, Sequence[Toxic]]) -> None:
        """Let links carry their bytes late, slowly or one way only, all at once."""
        self._change({link_name(link): noted(each) for link, each in toxics.items()})

    def cut_clients(self, node: str, how: How) -> None:
        """Cut the clients of one node off, by whichever door they come."""
        self.cut_doors(node, CLIENT_DOORS, how)

    def mend_clients(self, node: str) -> None:
        """Let clients reach the node again."""
        self.mend_doors(node, CLIENT_DOORS)

    def door_address(self, node: str, door: Door) -> Address:
        """Return where one kind of clients reaches the node."""
        return self._specs[door_name(door, node)].listen

    def cut_doors(self, node: str, doors: Iterable[Door], how: How) -> None:
        """Cut some kinds of clients of one node off."""
        self._change({door_name(door, node): how for door in doors})

    def distort_doors(self, node: str, doors: Iterable[Door], toxics: Sequence[Toxic]) -> None:
        """Let some kinds of clients of one node suffer these toxics."""
        self._change({door_name(door, node): noted(toxics) for door in doors})

    def mend_doors(self, node: str, doors: Iterable[Door]) -> None:
        """Let clients through again; what only slowed them is taken away under them."""
        self._change({door_name(door, node): None for door in doors})

    def toxics(self) -> list[ToxicSeen]:
        """Return every toxic in force, as Toxiproxy reports it."""
        return self._toxiproxy.toxics()

    def disabled_proxies(self) -> list[str]:
        """Return the names of the proxies that refuse connections, as Toxiproxy reports it."""
        found = self._toxiproxy.proxies()
        return sorted(name for name, proxy in found.items() if not proxy.enabled)

    def mend_all(self) -> None:
        """Mend everything, whoever cut it; a Toxiproxy that is gone or hangs is restarted."""
        with self._lock:
            self._record.note_value(CUTS, {})
            self._apply(list(self._specs))

    def start_toxiproxy(self) -> None:
        """Start the server, or restart it when it hangs, with every proxy as it is noted."""
        old = self._record.process("toxiproxy")
        if old is not None and is_alive(old):
            kill(old)
        port = str(self._record.ports.toxiproxy)
        process = spawn(
            [str(self._record.toxiproxy), "-host", LOOPBACK, "-port", port],
            {**clean_environment(self._record.token, self._record.home), "LOG_LEVEL": "warn"},
            self._record.logs / "toxiproxy.log",
        )
        self._record.remember("toxiproxy", process)
        wait_until(
            self._toxiproxy.version,
            10,
            f"toxiproxy answered on port {port}",
            poll_ms=20,
            errors=(ToxiproxyError,),
        )
        cuts = self._cuts()
        self._toxiproxy.populate(self._specs.values(), closed=cuts)
        self._each(list(cuts), cuts)

    def _change(self, states: Mapping[str, State | None]) -> None:
        """Note what shall be, then make it so."""
        for name in states:
            if name not in self._specs:
                raise HarnessError(f"no link {name}; there are {', '.join(self._specs)}")
        with self._lock:
            cuts = {**self._cuts(), **states}
            self._record.note_value(CUTS, {k: v for k, v in cuts.items() if v is not None})
            self._apply(list(states))

    def _cuts(self) -> dict[str, State]:
        """Return what shall be cut or distorted, by proxy."""
        return dict(self._record.read_value(CUTS) or {})

    def _apply(self, names: list[str]) -> None:
        """Make proxies what is noted; a server that fails or hangs is restarted."""
        try:
            self._each(names, self._cuts())
        except ToxiproxyError:
            self.restarts += 1
            self.start_toxiproxy()

    def _each(self, names: list[str], cuts: dict[str, State]) -> None:
        """Bring proxies into their state, all at once, so that a cut is one event."""
        if not names:
            return
        with ThreadPoolExecutor(max_workers=len(names)) as pool:
            list(pool.map(lambda name: self._bring(name, cuts.get(name)), names))

    def _bring(self, name: str, state: State | None) -> None:
        """Bring one proxy into its state."""
        if state is None or state == "reset":
            self._clear(name, closed=state == "reset")
            if state is None:
                self._toxiproxy.set_enabled(name, True)
            return
        wanted = SILENCE if state == "silent" else [Toxic(**each) for each in state]
        if self._toxiproxy.has_others(name, wanted):
            self._clear(name)
        self._toxiproxy.set_toxics(name, wanted)
        self._toxiproxy.set_enabled(name, True)

    def _clear(self, name: str, *, closed: bool = False) -> None:
        """Take a proxy's toxics away; one that holds bytes back for good is closed first."""
        types = self._toxiproxy.toxic_types(name)
        if closed or types - GENTLE:
            # Removing such a toxic from an open connection can hang the server.
            self._toxiproxy.set_enabled(name, False)
        if types:
            self._toxiproxy.remove_toxics(name)
