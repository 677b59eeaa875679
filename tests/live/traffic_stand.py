"""What the live tests of clients share: a small contract, its run folder, and greenlets awaited.

Clients of this process live on gevent's loop, so everything here waits with `gevent.sleep`.
"""

import contextlib
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any

import gevent
import numpy as np

from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract
from gameday.history.ledger import Ledger, read_history
from gameday.history.records import Kind
from gameday.traffic.comeback import FOR_EVER, Comeback
from gameday.traffic.declaration import declare
from gameday.traffic.lanes import Manners
from gameday.traffic.messages import Outgoing, Route
from gameday.traffic.publisher import Publisher
from gameday.traffic.purpose import Target
from gameday.traffic.sender import Sender
from gameday.traffic.session import Session, open_session
from scenarios.switchboard import Switchboard

ROOT = Path(__file__).parents[2]
WORK, LADDER, DEAD = "work", "ladder", "dead"
SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}

CONTRACT = Contract.model_validate(
    {
        "system": "stand",
        "title": "two queues and a dead-letter queue",
        "topology": {
            "exchanges": [{"name": "dlx", "type": "topic"}],
            "queues": [
                {
                    "name": WORK,
                    "type": "classic",
                    "arguments": {
                        "x-max-priority": 10,
                        "x-dead-letter-exchange": "dlx",
                        "x-dead-letter-routing-key": DEAD,
                    },
                },
                {
                    "name": LADDER,
                    "type": "quorum",
                    "arguments": {
                        "x-dead-letter-exchange": "dlx",
                        "x-dead-letter-routing-key": DEAD,
                    },
                },
                {"name": DEAD, "type": "classic"},
            ],
            "bindings": [{"exchange": "dlx", "queue": DEAD, "routing_key": DEAD}],
        },
        "messages": [{"name": "job", "schema": SCHEMA, "size_bytes": 200}],
        "producers": [
            {"name": "boss", "message": "job", "routing_key": WORK, "pool": 2, "rate_per_s": 50}
        ],
        "consumers": [
            {
                "name": "hand",
                "queue": WORK,
                "service_ms": 20,
                "retry": "republish",
                "drain_s": 10,
                "health": True,
            },
            {"name": "climber", "queue": LADDER, "service_ms": 1, "retry": "requeue"},
        ],
        "requirements": [],
    }
)


def until(predicate: Callable[[], Any], within_s: float, what: str) -> None:
    """Let greenlets run until a condition holds; one that does not may answer what it saw."""
    deadline = monotonic() + within_s
    while not (seen := predicate()):
        assert monotonic() < deadline, f"not within {within_s:g} s: {what}; last seen: {seen}"
        gevent.sleep(0.02)


@dataclass
class Stand:
    """One test's clients on the cluster, and the run folder that they write."""

    cluster: LocalCluster
    vhost: str
    folder: Path
    board: Switchboard
    heard: dict[int, bool] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    publishers: list[Publisher] = field(default_factory=list)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every node, by the address through which its clients come."""
        return tuple(Target(n, self.cluster.amqp_url(n, self.vhost)) for n in self.cluster.nodes)

    @cached_property
    def session(self) -> Session:
        """This process's part in the run."""
        return open_session(self.folder, "test", self.targets)

    def environment(self) -> dict[str, str]:
        """Return what a load process is given."""
        pairs = json.dumps([[each.node, each.url] for each in self.targets])
        return {**os.environ, "GAMEDAY_TARGETS": pairs, "PYTHONPATH": str(ROOT)}

    def sender(
        self, *, pool: int = 2, confirm_timeout_ms: int = 5000, comeback: Comeback = FOR_EVER
    ) -> Sender:
        """Open a pool, and wait until it stands."""
        manners = Manners(
            "boss", pool=pool, confirm_timeout_ms=confirm_timeout_ms, backoff_ms=50,
            comeback=comeback,
        )  # fmt: skip
        sender = Sender(self.session.ledger, self.targets, manners)
        self.senders.append(sender)
        until(lambda: sender.open_links == pool, 40, "the pool stands")
        return sender

    def message(
        self, key: str = WORK, *, fail: int = 0, expect: int = 0, body: bytes | None = None,
        bare: bool = False, priority: int | None = None,
    ) -> Outgoing:  # fmt: skip
        """Make a message of this process; how it ends is heard in `heard`."""
        ledger, sequence = self.session.ledger, self.session.sequences.next()
        value = {"exchange": "", "routing_key": key, "type": "job", "queues": [key]}
        route = Route(ledger.intern("route", value), "", key, "job")
        body = json.dumps({"id": str(sequence)}).encode() if body is None else body
        made = Outgoing(
            ledger.process, sequence, monotonic_ns(), priority, expect, fail, body,
            zlib.crc32(body), f"m-{sequence}", route, bare,
        )  # fmt: skip
        made.done = lambda arrived: self.heard.__setitem__(sequence, arrived)
        return made

    def worker(self, name: str = "hand") -> subprocess.Popen[bytes]:
        """Start a worker process, and wait until it consumes."""
        words = [sys.executable, "-m", "gameday.traffic.worker", str(self.folder), name, "0"]
        known = sum(each.poll() is None for each in self.processes)
        process = subprocess.Popen(words, env=self.environment())
        self.processes.append(process)
        until(lambda: self.board.total("consuming") > known, 60, "the worker consumes")
        return process

    def herd(self, count: int, file: Path) -> None:
        """Start a herd of idle clients."""
        words = [sys.executable, "-m", "gameday.traffic.herd", str(self.folder), str(count)]
        self.processes.append(subprocess.Popen([*words, str(file)], env=self.environment()))

    def producer(self, name: str = "boss") -> subprocess.Popen[bytes]:
        """Start a producer process, wait until its pool stands, and let it publish."""
        script = Path(__file__).with_name("traffic_producer.py")
        words = [sys.executable, str(script), str(self.folder), name, "0"]
        process = subprocess.Popen(words, env=self.environment())
        self.processes.append(process)
        until(lambda: self.board.total("connected") > 0, 20, "the pool stands")
        self.board.start_publishers()
        return process

    def drain(self) -> int:
        """Drain the run's queues in a process of its own; return its exit code."""
        words = [sys.executable, "-m", "gameday.traffic.drain", str(self.folder), "2", "40"]
        done = subprocess.run(words, env=self.environment(), timeout=90, check=False)
        return done.returncode

    def close(self) -> None:
        """End everything that the test started."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        for publisher in self.publishers:
            publisher.stop()
            publisher.close()
        for sender in self.senders:
            sender.close()
        if "session" in self.__dict__:
            self.session.close()
        self.board.close()


@contextlib.contextmanager
def stand(
    cluster: LocalCluster, vhost: str, folder: Path, contract: Contract = CONTRACT
) -> Iterator[Stand]:
    """Give a stand for one test; a greenlet that failed meanwhile fails the test."""
    declare(cluster.amqp_url("r1", vhost), contract.topology)
    (folder / "metrics").mkdir(parents=True)
    manifest = {
        "run": "test",
        "seed": 1,
        "contract": contract.model_dump(mode="json", by_alias=True),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    made = Stand(cluster, vhost, folder, Switchboard(folder, lambda *_: None))
    made.board.start_herd = made.herd
    hub, failed = gevent.get_hub(), []
    show = hub.handle_error

    def note(context: Any, kind: Any, value: Any, trace: Any) -> None:
        show(context, kind, value, trace)
        if not issubclass(kind, hub.NOT_ERROR):
            failed.append(value)

    hub.handle_error = note
    try:
        yield made
    finally:
        made.close()
        hub.handle_error = show
    assert not failed, "greenlets failed"


def records(folder: Path, role: str | None = None) -> tuple[np.ndarray, list[Ledger]]:
    """Return all records of a run in the order of time, and the ledgers that they come from."""
    ledgers = [e for e in read_history(folder / "history") if role in {None, e.header.role}]
    joined = np.concatenate([np.asarray(each.records) for each in ledgers])
    return joined[np.argsort(joined["time"], kind="stable")], ledgers


def of_kind(rows: np.ndarray, *kinds: Kind) -> np.ndarray:
    """Return the records of some kinds."""
    return rows[np.isin(rows["kind"], kinds)]
