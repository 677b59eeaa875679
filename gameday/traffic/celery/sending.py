"""Sending one task to one broker, with every try written down.

Celery's own hidden retries are off: a try that fails is a record, and the next try is another
attempt of the same message, under the same task id. A connection that failed is not used again.
"""

import socket
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from amqp.exceptions import AMQPError, MessageNacked
from celery import Celery
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gameday.history.records import Kind
from gameday.traffic.celery.application import EVALUATE
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.schedule import Planned
from gameday.traffic.celery.wiring import QUEUE, Wiring
from gameday.traffic.identity import Identity

CONFIRM_WITHIN_S = 4.0
TIME_LIMIT_S = 0.6
TROUBLE = (AMQPError, KombuError, OperationalError, RedisError, OSError)
NO_CONNECTION = "no connection of the pool is open"
BACKOFF_S = 0.2
DROP_WITHIN_S = 0.5


@dataclass(frozen=True)
class Outgoing:
    """One try of one message: who it is, what it does, and which task it is."""

    who: Identity
    planned: Planned
    task_id: str
    task: str = EVALUATE
    arguments: tuple[Any, ...] = ()
    eta_s: float = 0.0

    def options(self, number: int) -> dict[str, Any]:
        """Return what `send_task` takes."""
        options: dict[str, Any] = {
            "task_id": self.task_id, "priority": number, "headers": self.who.headers(),
            "retry": False, "timeout": CONFIRM_WITHIN_S, "confirm_timeout": CONFIRM_WITHIN_S,
        }  # fmt: skip
        if self.planned.ends in {"eta", "revoked"}:
            options["countdown"] = self.eta_s
        if self.planned.ends == "timed_out":
            options["soft_time_limit"] = TIME_LIMIT_S
        if self.task == EVALUATE:
            options["queue"] = QUEUE
            options["args"] = (self.task_id, self.planned.service_ms, self.planned.ends)
        else:
            options["args"] = self.arguments
        return options


class Line:
    """One publishing thread's connection to one broker."""

    def __init__(self, app: Celery, wiring: Wiring, ledger: TaskLedger, client: str) -> None:
        self.wiring = wiring
        self._app, self._ledger = app, ledger
        self._channel = ledger.channel(client, wiring.broker)
        self._tag = 0
        self._connection: Any = None
        self._producer: Any = None

    def send(self, out: Outgoing, queue: str = QUEUE) -> bool:
        """Try once; return whether the broker answered that it has the task."""
        who, ledger = out.who, self._ledger
        kind = f"evaluate.{out.planned.ends}"
        route = ledger.route(self.wiring.broker, queue, kind)
        self._tag += 1
        now = monotonic_ns()
        ledger.invoke(who, self._channel, self._tag, route, now - who.due_ns, now)
        where = (who, self._channel, self._tag, route)
        if not self.open():
            ledger.gave_up(Kind.FAILED, *where, NO_CONNECTION)
            return False
        try:
            number = self.wiring.number(who.priority)
            self._app.send_task(out.task, producer=self._producer, **out.options(number))
        except TROUBLE as error:
            meant, reason = meaning(error)
            if meant is Kind.NACKED:
                ledger.nacked(self._channel, self._tag)
            else:
                ledger.gave_up(meant, *where, reason)
            self.drop()
            return False
        ledger.confirmed(self._channel, self._tag)
        return True

    def open(self) -> bool:
        """Connect unless a connection stands; return whether one does."""
        if self._connection is not None:
            return True
        try:
            connection = self._app.connection_for_write()
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
            self._producer = self._app.amqp.Producer(connection.default_channel)
        except TROUBLE:
            return False
        self._connection = connection
        return True

    def drop(self) -> None:
        """Give the connection up without asking the other side."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*TROUBLE):
                connection.collect(DROP_WITHIN_S)


def meaning(error: BaseException) -> tuple[Kind, str]:
    """Return what is known of a try that raised: refused, or anybody's guess."""
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen:
        seen.append(at)
        at = at.__cause__ or at.__context__
    for each in seen:
        if isinstance(each, ResponseError):
            return Kind.FAILED, f"refused: {str(each)[:60]}"
        if isinstance(each, MessageNacked):
            return Kind.NACKED, "nacked by the broker"
    if any(isinstance(each, socket.timeout | RedisTimeoutError) for each in seen):
        return Kind.UNKNOWN, "no confirm in time"
    if any(isinstance(each, RedisConnectionError | OSError | AMQPError) for each in seen):
        return Kind.UNKNOWN, "connection lost"
    return Kind.UNKNOWN, "exception"
