"""Which ports a cluster uses: one block of a hundred, claimed by a lock file.

Two clusters never share a block: the lock is held by the starter and, through an inherited file
descriptor, by the cluster's own epmd, so it outlives a starter that leaves its cluster running.
Blocks lie outside the ranges of a default RabbitMQ (4369, 5672, 15672, 25672) and of the ports
that the system hands to outgoing connections.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from gameday.clusters.cluster import Address
from gameday.errors import UsageError

BLOCK_SIZE = 100
CANDIDATES = range(28100, 30000, BLOCK_SIZE)
"""Where an unpinned cluster looks for a free block."""
NODE_COUNT = 3
BALANCED_DOORS = 5
LOOPBACK = "127.0.0.1"
VARIABLE = "GAMEDAY_PORT_BASE"


@dataclass(frozen=True)
class Ports:
    """The layout of a block; nodes count from one."""

    base: int

    @property
    def epmd(self) -> int:
        """The Erlang port mapper's port."""
        return self.base

    @property
    def toxiproxy(self) -> int:
        """Toxiproxy's control port."""
        return self.base + 9

    def distribution(self, node: int) -> int:
        """Return the port on which a node takes its peers."""
        return self.base + node

    def unused_distribution(self, node: int) -> int:
        """Return a port that RabbitMQ believes to be its distribution's; nothing opens it."""
        return self.base + 4 + node

    def client(self, node: int) -> int:
        """Return the proxied AMQP port."""
        return self.base + 10 + node

    def one_producer(self, node: int) -> int:
        """Return a proxied AMQP port for the producers of one service alone."""
        return self.base + 13 + node

    def one_consumer(self, node: int) -> int:
        """Return a proxied AMQP port for the consumers of one service alone."""
        return self.base + 23 + node

    def spare(self, node: int) -> int:
        """Return a second proxied AMQP port, for clients that are cut off on their own."""
        return self.base + 20 + node

    def amqp(self, node: int) -> int:
        """Return the node's own AMQP port."""
        return self.base + 30 + node

    def management(self, node: int) -> int:
        """Return the node's management port."""
        return self.base + 40 + node

    def prometheus(self, node: int) -> int:
        """Return the node's metrics port, open when the settings name that plugin."""
        return self.base + 50 + node

    def producers(self, node: int) -> int:
        """Return a proxied AMQP port for producers alone."""
        return self.base + 80 + node

    def consumers(self, node: int) -> int:
        """Return a proxied AMQP port for consumers alone."""
        return self.base + 90 + node

    def balanced(self, door: int) -> int:
        """Return the balancer's port for one of the doors by which clients come, from one on."""
        return self.base + 83 + door

    @property
    def ctl_range(self) -> tuple[int, int]:
        """The ports that short-lived command line tools may listen on."""
        return self.base + 60, self.base + 79

    def listening(self) -> Iterator[Address]:
        """Every address on which a running cluster listens, or may."""
        nodes = range(1, NODE_COUNT + 1)
        yield Address(LOOPBACK, self.epmd)
        yield Address(LOOPBACK, self.toxiproxy)
        for node in nodes:
            for port in (
                *(self.client, self.producers, self.consumers, self.spare),
                *(self.one_producer, self.one_consumer),
                *(self.amqp, self.management, self.prometheus),
            ):
                yield Address(LOOPBACK, port(node))
            yield Address(LOOPBACK, self.distribution(node))
        for door in range(1, BALANCED_DOORS + 1):
            yield Address(LOOPBACK, self.balanced(door))
        for source, target in pairs():
            host = link_host(source, target)
            yield Address(host, self.distribution(target))
            yield Address(host, self.epmd)


def pairs() -> Iterator[tuple[int, int]]:
    """Every directed pair of nodes."""
    nodes = range(1, NODE_COUNT + 1)
    return ((source, target) for source in nodes for target in nodes if source != target)


def link_host(source: int, target: int) -> str:
    """Return the loopback address that stands for the link from one node to another."""
    return f"127.0.1{source}.{target}"


@dataclass(frozen=True)
class Claim:
    """A block that is ours as long as the descriptor stays open."""

    ports: Ports
    lock_descriptor: int

    def release(self) -> None:
        """Give our hold on the block up; a running epmd may still hold it."""
        with suppress(OSError):
            os.close(self.lock_descriptor)


def pinned_base() -> int | None:
    """Return the block that the environment pins, none when it leaves the choice to us."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    if not text.isdigit() or not 1024 <= int(text) <= 65535 - BLOCK_SIZE:
        raise UsageError(f"{VARIABLE}={text}: give a port number from 1024 to 65435.")
    return int(text)


def claim_block(
    base: int | None = None,
    *,
    beside: int | None = None,
    is_haunted: Callable[[int], bool] = lambda _: False,
) -> Claim:
    """Claim the pinned block, or the first free one; a haunted one still has processes.

    Beside a block of ours no pinned one is meant: the blocks after it are tried.
    """
    if base is None and beside is None:
        base = pinned_base()
    if base is not None:
        return _claim(base, is_haunted)
    candidates = CANDIDATES if beside is None else range(*_after(beside), BLOCK_SIZE)
    for candidate in candidates:
        with suppress(UsageError):
            return _claim(candidate, is_haunted)
    raise UsageError(
        f"no free block of {BLOCK_SIZE} ports from {candidates.start} to {candidates.stop}: "
        f"end other clusters (`gameday down`, `gameday heal`) or set {VARIABLE}.",
    )


def _after(base: int) -> tuple[int, int]:
    """Return where to look beside a block: the twenty after it that are ports."""
    first = base + BLOCK_SIZE
    return first, min(first + 20 * BLOCK_SIZE, 65536 - BLOCK_SIZE)


def _claim(base: int, is_haunted: Callable[[int], bool]) -> Claim:
    """Lock the block and make sure that nothing listens in it."""
    descriptor = _lock(base)
    if descriptor is None:
        raise UsageError(
            f"the ports from {base} belong to another gameday cluster: end it with "
            f"`gameday down` or `gameday heal`, or set {VARIABLE} to another block.",
        )
    claim = Claim(Ports(base), descriptor)
    if is_haunted(base):
        claim.release()
        raise UsageError(
            f"processes of an earlier cluster on the ports from {base} still run: end them with "
            "`gameday heal`.",
        )
    taken = next((each for each in claim.ports.listening() if not is_free(each)), None)
    if taken is not None:
        claim.release()
        raise UsageError(
            f"port {taken.port} on {taken.host} is taken by another program: free it, run "
            f"`gameday heal` if an earlier run left it, or set {VARIABLE} to another block.",
        )
    return claim


def _lock(base: int) -> int | None:
    """Take the block, none when somebody has it; who inherits the descriptor has it, too.

    The hold is an abstract Unix socket: Linux gives each name once in a network namespace, as it
    does ports. A file would be known to those alone who share its folder, and two who look at the
    same free ports at the same time would both begin to listen.
    """
    hold = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        hold.bind(f"\0gameday-block-{base}")
    except OSError:
        hold.close()
        return None
    return hold.detach()


def is_free(address: Address) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError:
            return False
    return True
