"""The run's end of the line to its load processes, and what faults may do to them.

It listens on a Unix socket in the run folder. Each load process says hello with its name and pid,
and reports twice a second; the latest report of each is what progress shows. The ledgers, not
these reports, are what is judged.
"""

import json
import os
import signal as signals
import socket
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos import traffic
from chaos.traffic import Client
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError
from gameday.traffic.wire import SOCKET_NAME, short_path

NOW = frozenset({"unanswered", "blocked", "connected", "pool", "unsettled", "consuming"})
"""The figures of a report that say how things stand, not what was done so far."""


@dataclass
class Caller:
    """One load process on the line: what it said of itself, and its latest report."""

    name: str
    role: str
    process: int
    pid: int
    line: socket.socket
    report: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    reports: int = 0
    gone: bool = False


class Switchboard:
    """Takes calls from load processes; serves `chaos.traffic.Traffic` to faults."""

    def __init__(self, folder: Path, add_workers: Callable[[str, int], None]) -> None:
        self.meant: set[int] = set()
        self.start_herd: Callable[[int, Path], object] = _nobody_starts
        self._add_workers = add_workers
        self._callers: list[Caller] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path = folder / SOCKET_NAME
        self._listener.bind(short_path(self._path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Hang up on everybody: a load process that hears nothing more ends by itself."""
        self._listener.close()
        with self._lock:
            for caller in self._callers:
                caller.line.close()
        self._path.unlink(missing_ok=True)

    def callers(self, role: str | None = None) -> list[Caller]:
        """Return who is on the line, in the order of their calls."""
        with self._lock:
            return [c for c in self._callers if not c.gone and role in {None, c.role}]

    def number_of(self, pid: int) -> int | None:
        """Return the process number of a load process, living or gone, if it ever called."""
        with self._lock:
            return next((c.process for c in self._callers if c.pid == pid), None)

    def total(self, key: str) -> int:
        """Add a figure up over the latest reports: what was done, by all that ever called.

        What stands or waits now (`NOW`) is counted of the living alone: the dead hold nothing.
        """
        with self._lock:
            counted = [each for each in self._callers if not (each.gone and key in NOW)]
            return sum(int(caller.report.get(key, 0)) for caller in counted)

    def tell(self, role: str, do: str, **words: Any) -> None:
        """Give an order to everybody of a role."""
        for caller in self.callers(role):
            _order(caller, {"do": do, **words})

    def tell_processes(self, pids: Collection[int], do: str, **words: Any) -> None:
        """Give an order to some processes, by their ids."""
        for caller in self.callers():
            if caller.pid in pids:
                _order(caller, {"do": do, **words})

    def total_of(self, pids: Collection[int], key: str) -> int:
        """Add a figure up over the latest reports of some living processes."""
        return sum(int(c.report.get(key, 0)) for c in self.callers() if c.pid in pids)

    def reports_of(self, pids: Collection[int]) -> int:
        """Return how often the one of some living processes that reported least has reported."""
        return min((c.reports for c in self.callers() if c.pid in pids), default=0)

    def tell_name(self, name: str, do: str, **words: Any) -> None:
        """Give an order to the processes of one name."""
        for caller in self.callers():
            if caller.name == name:
                _order(caller, {"do": do, **words})

    def wait_for(self, names: dict[str, int], within_s: float) -> None:
        """Wait until so many processes of each name have called."""

        def missing() -> bool:
            here = [caller.name for caller in self.callers()]
            return all(here.count(name) >= count for name, count in names.items())

        wait_until(missing, within_s, f"the load processes {names} to call")

    def expect_end(self, name: str) -> None:
        """Take the end of the processes of one name as meant."""
        self.meant |= {caller.pid for caller in self.callers() if caller.name == name}

    # What faults may do (chaos.traffic.Traffic).

    def clients(self) -> tuple[Client, ...]:
        """Return every client process that is alive, named by its process number."""
        roles = {"publisher": "publisher", "worker": "worker"}
        return tuple(
            Client(
                name=f"{caller.name}-{caller.process}",
                role=roles.get(caller.role, "control"),  # type: ignore[arg-type]
                process=caller.process,
                pid=caller.pid,
                node=next(iter(caller.report.get("nodes", ())), ""),
                queue=str(caller.report.get("queue", "")),
                servers=int(caller.report.get("servers", 1)),
                producers=tuple(caller.report.get("producers", ())),
            )
            for caller in self.callers()
        )

    def stop_publishers(self) -> None:
        """Let nothing more fall due."""
        self.tell("publisher", "stop")

    def start_publishers(self) -> None:
        """Let messages fall due again."""
        self.tell("publisher", "start")

    def kill(self, client: str) -> None:
        """Kill a client as `kill -9` does."""
        self.signal(client, signals.SIGKILL)

    def signal(self, client: str, number: int) -> None:
        """Send a client a signal; its end is meant from now on."""
        found = self._find(client)
        if number not in {signals.SIGSTOP, signals.SIGCONT}:
            self.meant.add(found.pid)
        try:
            os.kill(found.pid, number)
        except ProcessLookupError as error:
            raise HarnessError(f"the client {client} is no longer there") from error

    def pause(self, client: str) -> None:
        """Suspend a client's process."""
        self.signal(client, signals.SIGSTOP)

    def resume(self, client: str) -> None:
        """Let a suspended client go on."""
        self.signal(client, signals.SIGCONT)

    def wedge(self, client: str) -> None:
        """Let no handler of a worker end; its connection stands."""
        self._tell_one(client, "wedge", shown=traffic.WEDGED)

    def slow(self, client: str, delay_ms: float) -> None:
        """Let a worker take so much longer over each message."""
        self._tell_one(client, "slow", delay_ms=delay_ms, shown=traffic.SLOWED)

    def fail(self, client: str) -> None:
        """Let a worker fail each message but on its last try."""
        self._tell_one(client, "fail", shown=traffic.FAILING)

    def retried(self) -> int:
        """Return how many messages the workers have given back or published again so far."""
        return self.total("retried")

    def rest(self, client: str) -> None:
        """Let a worker's consumers cancel, and settle what they hold."""
        self._tell_one(client, "rest", shown=traffic.RESTING)

    def flood(self, client: str, producer: str, factor: float) -> None:
        """Let a client's producer, or `all` of them, offer so many times its rate."""
        words = {"producer": producer, "factor": factor, "shown": traffic.FLOODING}
        self._tell_one(client, "flood", **words)

    def herd(self, count: int, file: Path) -> None:
        """Start so many idle clients, which stay for as long as the file is there."""
        self.start_herd(count, file)

    def add_workers(self, consumer: str, count: int) -> None:
        """Start further workers of a consuming service."""
        self._add_workers(consumer, count)

    def surge(self, count_factor: float) -> None:
        """Let every producer that has a surge send it."""
        self.tell("publisher", "surge", factor=count_factor)

    def poison(self, count: int) -> None:
        """Let every producer that knows poison send so many messages of it."""
        self.tell("publisher", "poison", count=count)

    def rejected(self) -> int:
        """Return how many messages the workers have rejected so far."""
        return self.total("rejected")

    def _tell_one(self, client: str, do: str, **words: Any) -> None:
        _order(self._find(client), {"do": do, **words})

    def replay(self, count: int) -> None:
        """Let every producer publish its last confirmed messages again."""
        self.tell("publisher", "replay", count=count)

    def replayed(self) -> int:
        """Return how many messages have been published again so far."""
        return self.total("replayed")

    def renew(self, password: str | None) -> None:
        """Let every client log in anew with another password; none: with its first one again."""
        for role in ("publisher", "worker"):
            self.tell(role, "renew", password=password)

    def _find(self, client: str) -> Caller:
        for caller in self.callers():
            if f"{caller.name}-{caller.process}" == client:
                return caller
        raise HarnessError(f"no client {client} is on the line")

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return  # Closed: the run is over.
            threading.Thread(target=self._listen, args=(line,), daemon=True).start()

    def _listen(self, line: socket.socket) -> None:
        caller: Caller | None = None
        for text in _lines(line):
            message = json.loads(text)
            if caller is None:
                caller = Caller(line=line, **message["hello"])
                with self._lock:
                    self._callers.append(caller)
            elif "report" in message:
                caller.report = message["report"]
                caller.reports += 1
            else:
                caller.said.update(message)
        if caller is not None:
            caller.gone = True


def _nobody_starts(count: int, _file: Path) -> None:
    raise HarnessError(f"nobody here can start a herd of {count}")


def _order(caller: Caller, order: dict[str, Any]) -> None:
    try:
        caller.line.sendall(json.dumps(order).encode() + b"\n")
    except OSError:
        caller.gone = True


def _lines(line: socket.socket) -> Any:
    """Yield whole lines until the other side hangs up."""
    buffer = b""
    while True:
        try:
            data = line.recv(65536)
        except OSError:
            return
        if not data:
            return
        *whole, buffer = (buffer + data).split(b"\n")
        yield from whole
