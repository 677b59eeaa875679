"""A real HAProxy before the nodes: one address for all clients, as a process on loopback.

    clients -> HAProxy, one port a door -> Toxiproxy, that door of each node -> the node

It knows a node by whether it answers AMQP's greeting (by TLS where the cluster speaks that), each
second and twice, since Toxiproxy takes connections for a node that is dead. A connection goes to
the node that has fewest, and those of a node that is found dead are closed. Its statistics are
read from its own socket, in the cluster's folder.
"""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gameday import secured
from gameday.clusters.addresses import LocalAddresses
from gameday.clusters.cluster import CLIENT_DOORS, Address, Door
from gameday.clusters.processes import (
    ProcessRef,
    clean_environment,
    is_alive,
    kill,
    send_signal,
    spawn,
    tail,
)
from gameday.clusters.record import ClusterRecord, replace
from gameday.clusters.tls import authority_of
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError, UsageError

BALANCER = "balancer"
"""What the process is called, and the node that clients believe to be connected to."""
START_LIMIT_S = 15.0
END_LIMIT_S = 10.0
PLACES = ("/usr/sbin/haproxy", "/usr/local/sbin/haproxy")
CHECKED: dict[Door, Door] = {"one-producer": "producers", "one-consumer": "consumers"}
"""Doors whose servers are believed to be as those of another door: nobody looks twice."""

GREETING = "414d515000000901"
ANSWER = "01000000"
"""AMQP's greeting, and how a node's answer begins: a method's frame on channel 0."""


@dataclass(frozen=True)
class Server:
    """One node behind one door, as the balancer itself has it."""

    door: str
    node: str
    status: str
    sessions: int
    total: int


def find_haproxy() -> Path:
    """Return HAProxy's program, or say how to get it."""
    found = shutil.which("haproxy") or next((each for each in PLACES if Path(each).exists()), None)
    if found is None:
        raise UsageError(
            "behind haproxy: HAProxy is not installed, so no balancer can stand before the nodes "
            "— run with: make setup, or: apt-get install haproxy."
        )
    return Path(found)


def configuration(record: ClusterRecord, nodes: tuple[str, ...], doors: LocalAddresses) -> str:
    """Return HAProxy's whole configuration."""
    return "\n".join([*_head(record), *_parts(record, nodes, doors), ""])


def _head(record: ClusterRecord) -> list[str]:
    return [
        "global",
        f"    stats socket unix@{BALANCER}.sock mode 600 level user",
        "    nbthread 1",
        "    maxconn 4000",
        "    log stdout format raw local0 notice",
        "defaults",
        "    log global",
        "    mode tcp",
        "    timeout connect 2s",
        "    timeout check 3s",
        "    timeout client 3h",
        "    timeout server 3h",
        "    option clitcpka",
        "    option srvtcpka",
        "    option redispatch 1",
        "    retries 3",
        "    default-server inter 1s fall 2 rise 2 on-marked-down shutdown-sessions",
        f"# the cluster on the ports from {record.ports.base}",
    ]


def _parts(record: ClusterRecord, nodes: tuple[str, ...], doors: LocalAddresses) -> Iterator[str]:
    """Yield one frontend and one backend for each door by which a system's clients come."""
    authority = authority_of(record)
    by_tls = f" check-ssl verify required ca-file {authority}" if authority else ""
    for door in CLIENT_DOORS:
        yield f"frontend in-{door}"
        yield f"    bind {doors.balanced_address(door)}"
        yield f"    default_backend {door}"
        yield f"backend {door}"
        yield "    balance leastconn"
        like = CHECKED.get(door)
        if like is None:
            yield "    option tcp-check"
            yield "    tcp-check connect" + (" ssl" if authority else "")
            yield f"    tcp-check send-binary {GREETING}"
            yield f"    tcp-check expect binary {ANSWER}"
        for node in nodes:
            check = f"track {like}/{node}" if like else f"check{by_tls}"
            yield f"    server {node} {doors.door_address(node, door)} {check}"


class LocalBalancer(LocalAddresses):
    """The power over a local cluster's balancer, where it was started with one."""

    def start_balancer(self, nodes: tuple[str, ...]) -> None:
        """Start it, if it does not run, and wait until it believes in every node."""
        record = self._record
        if self.balancer_process() is None:
            path = record.folder / f"{BALANCER}.cfg"
            replace(path, configuration(record, nodes, self))
            # It runs in the cluster's folder: the path of a socket may have 107 bytes at most.
            words = ["sh", "-c", 'cd "$1"; shift; exec "$@"', BALANCER, str(record.folder)]
            process = spawn(
                [*words, str(find_haproxy()), "-db", "-f", path.name],
                clean_environment(record.token, record.home),
                record.logs / f"{BALANCER}.log",
            )
            record.remember(BALANCER, process)
        wait_until(
            lambda: self._believes_in(nodes), START_LIMIT_S, "the balancer believes in every node",
            poll_ms=50, errors=(OSError,),
        )  # fmt: skip

    def kill_balancer(self) -> None:
        """Kill it at once, as `kill -9` does, with every connection that it carries."""
        kill(self._living_balancer())

    def stop_balancer(self) -> None:
        """Tell it to end, as an operator's restart does, and return when it is gone."""
        process = self._living_balancer()
        send_signal(process, signal.SIGTERM)
        wait_until(lambda: not is_alive(process), END_LIMIT_S, "the balancer ended", poll_ms=20)

    def balancer_process(self) -> ProcessRef | None:
        """Return its process, none when it does not run."""
        process = self._record.process(BALANCER)
        return process if process is not None and is_alive(process) else None

    def balancer_servers(self) -> list[Server]:
        """Return what it believes of each node behind each door, and how many it carries there."""
        try:
            return self._servers()
        except OSError as error:
            raise HarnessError(f"the balancer says nothing of its nodes: {error}") from error

    def _servers(self) -> list[Server]:
        """Return the same; one that does not listen yet is an `OSError`."""
        lines = self._asked("show stat -1 4 -1").splitlines()
        names = lines[0].removeprefix("# ").split(",")
        rows = (dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line)
        return [
            Server(row["pxname"], row["svname"], row["status"].partition(" ")[0],
                   int(row["scur"]), int(row["stot"]))
            for row in rows
        ]  # fmt: skip

    def balanced_url(self, vhost: str, door: Door, user: tuple[str, str]) -> str:
        """Return the URL, password included, by which clients reach whichever node it chooses."""
        return self.url_at(self.balanced_address(door), vhost, user)

    def _living_balancer(self) -> ProcessRef:
        process = self.balancer_process()
        if process is None:
            raise HarnessError("no balancer is running")
        return process

    def _believes_in(self, nodes: tuple[str, ...]) -> bool | NotYet:
        """Whether every node was seen to answer; one that is not looked at yet counts as up."""
        if self.balancer_process() is None:
            raise HarnessError(f"the balancer ended: {tail(self._record.logs / 'balancer.log')}")
        found = self._servers()
        doubted = [f"{each.node}: {each.status}" for each in found if each.status != "UP"]
        there = {each.node for each in found} == set(nodes)
        return True if there and not doubted else NotYet(doubted or "nothing yet")

    def _asked(self, question: str) -> str:
        """Ask it by its own socket."""
        folder = os.open(self._record.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(2)
                line.connect(f"/proc/self/fd/{folder}/{BALANCER}.sock")
                line.sendall(question.encode() + b"\n")
                return b"".join(iter(lambda: line.recv(65_536), b"")).decode()
        finally:
            os.close(folder)


def greeted(address: Address, within_s: float = 2.0) -> bool:
    """Whether a node answers AMQP's greeting at this address: an end-to-end look."""
    try:
        with secured.dial(address.host, address.port, within_s, address.authority) as line:
            line.settimeout(within_s)
            line.sendall(bytes.fromhex(GREETING))
            return line.recv(4) == bytes.fromhex(ANSWER)
    except OSError:
        return False
