"""The doors to a Redis server of ours: one for anybody, one for workers, both by Toxiproxy."""

from collections.abc import Iterable

from gameday.clusters.cluster import Address, How
from gameday.clusters.ports import LOOPBACK, Claim
from gameday.clusters.processes import clean_environment, spawn
from gameday.clusters.redis_record import RedisRecord
from gameday.clusters.toxiproxy import SILENCE, ProxySpec, ToxiproxyApi, ToxiproxyError
from gameday.clusters.wait import wait_until

PROXY, WORKERS = "redis", "redis-workers"
"""The doors' names: workers have one of their own, so that they can be cut off alone."""


class RedisDoors:
    """Where a server is reached, and the power to cut its clients off."""

    def __init__(self, record: RedisRecord) -> None:
        self.record = record
        self.direct = Address(LOOPBACK, record.base)
        self.doors = {PROXY: Address(LOOPBACK, record.base + 1),
                      WORKERS: Address(LOOPBACK, record.base + 2)}  # fmt: skip
        self.client = self.doors[PROXY]
        self._toxiproxy = ToxiproxyApi(Address(LOOPBACK, record.base + 9))

    def cut(self, how: How, doors: Iterable[str] = (PROXY, WORKERS)) -> None:
        """Cut clients off: sockets closed and refused, or open and swallowing every byte."""
        for door in doors:
            if how == "reset":
                self._toxiproxy.set_enabled(door, False)
            else:
                self._toxiproxy.set_toxics(door, SILENCE)

    def mend(self) -> None:
        """Let clients reach the server again; connections that were silent are closed."""
        for door in self.doors:
            if self._toxiproxy.toxic_types(door):
                # Removing such a toxic from an open connection can hang Toxiproxy.
                self._toxiproxy.set_enabled(door, False)
                self._toxiproxy.remove_toxics(door)
            self._toxiproxy.set_enabled(door, True)

    def cut_doors(self) -> list[str]:
        """Return the doors by which clients are cut off, as Toxiproxy itself reports it."""
        toxic = {each.proxy for each in self._toxiproxy.toxics()}
        closed = {name for name, each in self._toxiproxy.proxies().items() if not each.enabled}
        return sorted(toxic | closed)

    def is_cut(self) -> bool:
        """Whether clients are cut off, as Toxiproxy itself reports it."""
        return bool(self.cut_doors())

    def start_toxiproxy(self, claim: Claim) -> None:
        """Start the proxy before the server; it holds the block's lock as long as it lives."""
        port = str(self.record.base + 9)
        process = spawn(
            [str(self.record.toxiproxy), "-host", LOOPBACK, "-port", port],
            {**clean_environment(self.record.token, self.record.folder), "LOG_LEVEL": "warn"},
            self.record.logs / "toxiproxy.log",
            pass_descriptors=(claim.lock_descriptor,),
        )
        self.record.remember("toxiproxy", process)
        wait_until(
            self._toxiproxy.version, 10, f"toxiproxy answered on port {port}",
            poll_ms=20, errors=(ToxiproxyError,),
        )  # fmt: skip
        self._toxiproxy.populate(
            [ProxySpec(name, door, self.direct) for name, door in self.doors.items()]
        )
