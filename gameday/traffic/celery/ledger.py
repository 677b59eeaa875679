"""The ledger of a Celery process: each process its own, children of a prefork worker too.

Celery forks, and runs threads; a ledger has one writer. So the file is opened by the process that
first writes, found by its process id, and a lock orders its threads. What the records mean is the
same as for all other clients: delivered when a task is begun, handled when it has ended.
"""

import os
import threading
from pathlib import Path
from time import monotonic_ns
from typing import Any

from gameday.history.ledger import LedgerWriter
from gameday.history.records import COUNT_MAX, NO_PRIORITY, Flag, Kind, Result
from gameday.history.records import pack_attempt as pack
from gameday.traffic.identity import Identity
from gameday.traffic.session import claim_number


class TaskLedger:
    """Writes what one process does with tasks. Every call returns with the record written."""

    def __init__(self, folder: Path, run: str, scope: str, role: str, broker: str = "") -> None:
        self._folder, self._run, self._scope, self._role = folder, run, scope, role
        self._broker = broker
        self._lock = threading.Lock()
        self._pid = 0
        self._writer: LedgerWriter | None = None
        self._tag = 0
        self._channel = 0

    @property
    def process(self) -> int:
        """The number of this process in the run."""
        with self._lock:
            return self._open().process

    def attempt(self, count: int) -> int:
        """Name this process's count-th publish of a message."""
        return pack(self.process, min(count, COUNT_MAX))

    def route(self, broker: str, queue: str, kind: str) -> int:
        """Return the number of a route: which broker, which queue, and what kind of task."""
        value = {
            "exchange": "", "routing_key": queue, "type": kind, "queues": [queue], "broker": broker,
        }  # fmt: skip
        with self._lock:
            return self._open().intern("route", value)

    def channel(self, client: str, node: str) -> int:
        """Begin a connection and its channel; publishing threads have one each."""
        with self._lock:
            return self._begin(client, node)

    def invoke(
        self, who: Identity, channel: int, tag: int, route: int, lag_ns: int, at_ns: int
    ) -> None:
        """Record that a publish begins."""
        self._append(
            Kind.INVOKE, at_ns, who, tag=tag, channel=channel, queue=route,
            detail=min(max(lag_ns, 0) // 1000, 0xFFFFFFFF),
            priority=who.priority, flags=Flag.PUBLISH_PERSISTENT, extra=who.expect,
        )  # fmt: skip

    def confirmed(self, channel: int, tag: int) -> None:
        """Record the broker's answer: an AMQP confirm, or the reply to Redis' LPUSH."""
        with self._lock:
            self._open().append(Kind.CONFIRMED, monotonic_ns(), tag=tag, channel=channel)

    def nacked(self, channel: int, tag: int) -> None:
        """Record that the broker refused a publish, wholly or in part."""
        with self._lock:
            self._open().append(Kind.NACKED, monotonic_ns(), tag=tag, channel=channel)

    def gave_up(self, kind: Kind, who: Identity, channel: int, tag: int, route: int,
                reason: str) -> None:  # fmt: skip
        """Record that a try failed: FAILED if it is not there for certain, else UNKNOWN."""
        with self._lock:
            detail = self._open().intern("reason", reason)
        self._append(
            kind, monotonic_ns(), who, tag=tag, channel=channel, queue=route, detail=detail
        )

    def delivered(self, who: Identity, queue: str, priority: int | None, *,
                  redelivered: bool) -> int:  # fmt: skip
        """Record that a task begins; return the tag by which its end is recorded."""
        now = monotonic_ns()
        with self._lock:
            writer = self._open()
            if not self._channel:
                self._channel = self._begin(self._role, self._broker)
            self._tag += 1
            writer.append(
                Kind.DELIVERED, now, who.sequence, self._tag, 0, who.producer, self._channel,
                writer.intern("queue", queue), who.attempt,
                NO_PRIORITY if priority is None else min(max(priority, 0), 254),
                Flag.SEEN_REDELIVERED if redelivered else 0, 0,
            )  # fmt: skip
            return self._tag

    def handled(self, who: Identity, queue: str, tag: int, result: Result) -> None:
        """Record that a task has ended."""
        self._of_delivery(Kind.HANDLED, who, queue, tag, extra=result)

    def superseded(self, who: Identity, queue: str, tag: int) -> None:
        """Record that a task is tried again: `who` is the new attempt, `tag` the old delivery's."""
        self._of_delivery(Kind.SUPERSEDED, who, queue, tag)

    def rejected(self, who: Identity, queue: str, tag: int) -> None:
        """Record that a task was refused for good: revoked, or failed for good."""
        self._of_delivery(Kind.REJECTED, who, queue, tag)

    def effect(self, who: Identity, key: str) -> None:
        """Record that a task took effect, or where its ending was told."""
        with self._lock:
            detail = self._open().intern("effect", key)
        self._append(Kind.EFFECT, monotonic_ns(), who, detail=detail)

    def drained(
        self, who: Identity, queue: str, priority: int | None, deaths: list[Any], death: int
    ) -> None:
        """Record a task that a broker still had after its leg; `deaths` is its whole x-death."""
        now = monotonic_ns()
        with self._lock:
            writer = self._open()
            if not self._channel:
                self._channel = self._begin(self._role, self._broker)
            self._tag += 1
            whole = writer.intern("deaths", deaths) + 1 if deaths else 0
            writer.append(
                Kind.DRAINED, now, who.sequence, self._tag, whole, who.producer, self._channel,
                writer.intern("queue", queue), who.attempt,
                NO_PRIORITY if priority is None else min(max(priority, 0), 254), 0, death,
            )  # fmt: skip

    def drain_empty(self, queue: str) -> None:
        """Record that a place was read to its end."""
        with self._lock:
            writer = self._open()
            writer.append(Kind.DRAIN_EMPTY, monotonic_ns(), queue=writer.intern("queue", queue))

    def close(self) -> None:
        """Cut this process's file to its records."""
        with self._lock:
            if self._writer is not None and self._pid == os.getpid():
                self._writer.close()
            self._writer = None
            self._pid = 0

    def _of_delivery(self, kind: Kind, who: Identity, queue: str, tag: int, **more: int) -> None:
        with self._lock:
            number = self._open().intern("queue", queue)
        self._append(
            kind, monotonic_ns(), who, tag=tag, channel=self._channel, queue=number, **more
        )

    def _append(self, kind: Kind, at_ns: int, who: Identity, **fields: int) -> None:
        with self._lock:
            self._open().append(
                kind, at_ns, sequence=who.sequence, producer=who.producer, attempt=who.attempt,
                **fields,
            )  # fmt: skip

    def _begin(self, client: str, node: str) -> int:
        writer = self._open()
        who = {"client": client, "role": self._role, "node": node, "epoch": 1}
        connection = writer.intern("connection", who)
        channel = writer.intern("channel", {**who, "connection": connection, "number": 1})
        now = monotonic_ns()
        writer.append(Kind.CONNECTION_OPENED, now, channel=connection)
        writer.append(Kind.CHANNEL_OPENED, now, channel=channel)
        return channel

    def _open(self) -> LedgerWriter:
        """Return this process's writer; a child that was forked begins a file of its own."""
        if self._writer is None or self._pid != os.getpid():
            self._pid = os.getpid()
            history = self._folder / "history" / self._scope
            number = claim_number(history)
            self._writer = LedgerWriter(history, self._run, number, self._role, self._scope)
            self._tag = self._channel = 0
            # Index 0 is no channel here, so that "none yet" can be told.
            self._writer.intern("channel", {"client": "none", "role": "none"})
        return self._writer
