"""What a leg left: every task that still lies on a broker, read and written down, then removed.

Redis keeps what nobody has taken in kombu's lists, one for each step of priority, and what a
worker took and never acknowledged in the hash `unacked`; RabbitMQ keeps dead letters and events
in queues of their own. Read over the control path, once no client of the leg is left.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kombu import Connection

from gameday.history.records import DEATH_REASONS, Death
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.sending import TROUBLE
from gameday.traffic.celery.wiring import redis_lists
from gameday.traffic.identity import identify

CONTROL = ".pidbox"
STEP_SEPARATOR = "\x06\x16"
UNACKED = "unacked"
UNACKED_INDEX = "unacked_index"


@dataclass(frozen=True)
class Left:
    """How many tasks of ours were found in each place, and how many that nobody of ours sent."""

    found: Mapping[str, int]
    foreign: int
    trouble: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for the journal."""
        return {"left": dict(self.found), "foreign": self.foreign, "trouble": self.trouble}


def redis_queues(client: Any) -> tuple[str, ...]:
    """Return every queue of which kombu keeps a list in a database."""
    lists = (each.decode() for each in client.scan_iter(_type="list"))
    names = {each.partition(STEP_SEPARATOR)[0] for each in lists}
    return tuple(sorted(each for each in names if not each.endswith(CONTROL)))


def is_of_tasks(queue: str) -> bool:
    """Tell queues of tasks from those by which workers are controlled."""
    return not (queue.endswith(CONTROL) or queue.startswith("celeryev"))


def drain_redis(client: Any, queues: Iterable[str], ledger: TaskLedger) -> Left:
    """Empty the lists of these queues, and the hash of what was taken and never acknowledged."""
    found: dict[str, int] = {}
    foreign = 0
    for queue in queues:
        for name in redis_lists(queue):
            while (text := client.rpop(name)) is not None:
                foreign += not _note(ledger, queue, json.loads(text))
                found[queue] = found.get(queue, 0) + 1
    for text in client.hvals(UNACKED):
        foreign += not _note(ledger, UNACKED, json.loads(text)[0])
        found[UNACKED] = found.get(UNACKED, 0) + 1
    client.delete(UNACKED, UNACKED_INDEX)
    for queue in (*queues, UNACKED):
        ledger.drain_empty(queue)
    return Left(found, foreign)


def drain_rabbitmq(url: str, queues: Iterable[str], ledger: TaskLedger) -> Left:
    """Take and acknowledge everything that lies in these queues."""
    found: dict[str, int] = {}
    foreign = 0
    try:
        with Connection(url, connect_timeout=5) as connection:
            channel: Any = connection.default_channel
            for queue in queues:
                while (message := channel.basic_get(queue, no_ack=False)) is not None:
                    headers = message.headers or {}
                    properties = message.properties or {}
                    foreign += not _write(ledger, queue, headers, properties.get("priority"))
                    found[queue] = found.get(queue, 0) + 1
                    channel.basic_ack(message.delivery_tag)
                ledger.drain_empty(queue)
    except TROUBLE as error:
        return Left(found, foreign, f"{type(error).__name__}: {error}")
    return Left(found, foreign)


def _note(ledger: TaskLedger, queue: str, message: Mapping[str, Any]) -> bool:
    """Write one of kombu's own messages down; return whether it is one of ours."""
    properties = message.get("properties", {})
    return _write(ledger, queue, message.get("headers", {}), properties.get("priority"))


def _write(ledger: TaskLedger, queue: str, headers: Mapping[str, Any], priority: Any) -> bool:
    who = identify({k: v for k, v in headers.items() if str(k).startswith("x-gameday")})
    if who is None:
        return False
    deaths = headers.get("x-death") or []
    reason = str(headers.get("x-first-death-reason", ""))
    death = DEATH_REASONS.get(reason, Death.OTHER) if deaths else Death.NONE
    plain = json.loads(json.dumps(deaths, default=str))
    ledger.drained(who, queue, priority, plain, int(death))
    return True
