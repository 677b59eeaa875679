"""Cutting and mending: the links of a local cluster, through its own Toxiproxy.

What is cut is noted in the cluster's folder before it is done, so that any process can mend it,
and so that a Toxiproxy that had to be restarted comes back with the cuts that shall stay:

    noted (cuts.json) -> applied (control API) -> read back -> else: restart, populate, apply

A mended silent link is closed by Toxiproxy: the peers connect anew. A restart of Toxiproxy closes
every proxied connection, clients' included; `restarts` counts them.
"""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from gameday.clusters.cluster import Address, How, Link, ToxicSeen
from gameday.clusters.ports import LOOPBACK, NODE_COUNT, link_host, pairs
from gameday.clusters.processes import clean_environment, is_alive, kill, spawn
from gameday.clusters.record import ClusterRecord
from gameday.clusters.toxiproxy import ProxySpec, ToxiproxyApi, ToxiproxyError
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

CUTS = "cuts"


def link_name(link: Link) -> str:
    """Return the name of a directed link's proxy."""
    return f"{link[0]}-{link[1]}"


def client_name(node: str) -> str:
    """Return the name of the proxy through which a node's clients come."""
    return f"client-{node}"


def spare_name(node: str) -> str:
    """Return the name of the node's second client proxy."""
    return f"spare-{node}"


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
        upstream = Address(LOOPBACK, ports.amqp(node))
        yield ProxySpec(client_name(f"r{node}"), Address(LOOPBACK, ports.client(node)), upstream)
        yield ProxySpec(spare_name(f"r{node}"), Address(LOOPBACK, ports.spare(node)), upstream)


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
        self._change([link_name(link) for link in links], how)

    def mend(self, links: Iterable[Link]) -> None:
        """Mend links; harmless for links that are whole."""
        self._change([link_name(link) for link in links], None)

    def cut_clients(self, node: str, how: How) -> None:
        """Cut the clients of one node off."""
        self._change([client_name(node)], how)

    def mend_clients(self, node: str) -> None:
        """Let clients reach the node again."""
        self._change([client_name(node)], None)

    def cut_spare(self, node: str, how: How) -> None:
        """Cut off the clients that use the node's second proxied address, and no others."""
        self._change([spare_name(node)], how)

    def mend_spare(self, node: str) -> None:
        """Let clients through the second proxied address again."""
        self._change([spare_name(node)], None)

    def spare_address(self, node: str) -> Address:
        """Return a second proxied AMQP address of the node."""
        return self._specs[spare_name(node)].listen

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

    def _change(self, names: list[str], how: How | None) -> None:
        """Note what shall be, then make it so."""
        for name in names:
            if name not in self._specs:
                raise HarnessError(f"no link {name}; there are {', '.join(self._specs)}")
        with self._lock:
            cuts = {name: value for name, value in self._cuts().items() if name not in names}
            if how is not None:
                cuts.update(dict.fromkeys(names, how))
            self._record.note_value(CUTS, cuts)
            self._apply(names)

    def _cuts(self) -> dict[str, How]:
        """Return what shall be cut, by proxy."""
        return dict(self._record.read_value(CUTS) or {})

    def _apply(self, names: list[str]) -> None:
        """Make proxies what is noted; a server that fails or hangs is restarted."""
        try:
            self._each(names, self._cuts())
        except ToxiproxyError:
            self.restarts += 1
            self.start_toxiproxy()

    def _each(self, names: list[str], cuts: dict[str, How]) -> None:
        """Bring proxies into their state, all at once, so that a cut is one event."""
        if not names:
            return
        with ThreadPoolExecutor(max_workers=len(names)) as pool:
            list(pool.map(lambda name: self._bring(name, cuts.get(name)), names))

    def _bring(self, name: str, how: How | None) -> None:
        """Bring one proxy into its state."""
        if how == "silent":
            self._toxiproxy.set_enabled(name, True)
            self._toxiproxy.swallow(name)
            return
        if how == "reset" or self._toxiproxy.has_toxics(name):
            # Closed first: removing a toxic from an open connection can hang the server.
            self._toxiproxy.set_enabled(name, False)
            self._toxiproxy.remove_toxics(name)
        if how is None:
            self._toxiproxy.set_enabled(name, True)
