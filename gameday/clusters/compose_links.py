"""The links of nodes in containers: three Toxiproxies, each in its node's network, as one.

What is cut is noted, applied and read back as on a local cluster (`links.py`); only where a proxy
is, how one is restarted, and where clients find a door differ.
"""

import threading
from collections.abc import Mapping
from typing import Any

from gameday.clusters.cluster import Address, Door
from gameday.clusters.compose_engine import Engine, asking
from gameday.clusters.compose_files import control_address, proxies_of, published
from gameday.clusters.compose_record import ComposeRecord
from gameday.clusters.links import LocalLinks
from gameday.clusters.ports import NODE_COUNT
from gameday.clusters.toxiproxy import LIMIT_S, Consumer, ToxiproxyApi, ToxiproxyError
from gameday.clusters.wait import wait_until

NODES = tuple(range(1, NODE_COUNT + 1))


class Fleet(Consumer):
    """Several servers behind one interface: a proxy's name says which of them has it."""

    def __init__(self, addresses: Mapping[int, Address], homes: Mapping[str, int]) -> None:
        self._each = {node: Consumer(address, LIMIT_S) for node, address in addresses.items()}
        self._homes = homes

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make one call to whom it concerns, or to all, and put their answers together."""
        if path == "/populate":
            for node, one in self._each.items():
                own = [each for each in body if self._homes[each["name"]] == node]
                one.call(method, path, own)
            return None
        _, collection, *rest = path.split("/")
        if collection == "proxies" and rest:
            return self._each[self._homes[rest[0]]].call(method, path, body)
        answers = [one.call(method, path, body) for one in self._each.values()]
        return {name: value for answer in answers for name, value in (answer or {}).items()}


class Toxiproxies(ToxiproxyApi):
    """What the harness asks of all three servers."""

    def __init__(self, addresses: Mapping[int, Address], homes: Mapping[str, int]) -> None:
        self._consumer = Fleet(addresses, homes)


class ComposeLinks(LocalLinks):
    """The power over the links of nodes in containers."""

    _record: ComposeRecord  # type: ignore[assignment]

    def __init__(self, record: ComposeRecord, engine: Engine) -> None:
        self._record = record
        self._engine = engine
        self._lock = threading.Lock()
        self.restarts = 0
        specs = {node: list(proxies_of(node)) for node in NODES}
        self._specs = {spec.name: spec for each in specs.values() for spec in each}
        homes = {spec.name: node for node, each in specs.items() for spec in each}
        addresses = {node: control_address(record.ports, node) for node in NODES}
        self._toxiproxy = Toxiproxies(addresses, homes)
        self._published = {f"r{node}": published(record.ports, node) for node in NODES}

    def door_address(self, node: str, door: Door) -> Address:
        """Return where one kind of clients reaches the node, from this machine."""
        return self._published[node][door]

    def start_toxiproxy(self) -> None:
        """Restart the servers, each with every proxy as it is noted."""
        project = self._record.project
        with asking("restarting Toxiproxy"):
            for node in NODES:
                self._engine.container(project, f"toxiproxy{node}").restart(timeout=0)
        self.wait_toxiproxies()
        cuts = self._cuts()
        self._toxiproxy.populate(self._specs.values(), closed=cuts)
        self._each(list(cuts), cuts)

    def wait_toxiproxies(self) -> None:
        """Wait until every server takes orders."""
        wait_until(
            self._toxiproxy.version, 20, "each node's toxiproxy answered", poll_ms=50,
            errors=(ToxiproxyError,),
        )  # fmt: skip
