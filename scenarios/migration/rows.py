"""What is compared: each row is one broker in one setting, and the table shows the setting."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gameday.clusters.redis_record import DEFAULT, HARDENED, RedisSettings
from gameday.traffic.celery.wiring import BrokerName

QUORUM_FROM = (4, 3)
"""From this version quorum queues keep priorities strictly."""
NO_MIRRORS_FROM = (4, 0)

QUICK_SWEEP: Mapping[str, Any] = {
    "visibility_timeout": 6,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": 4,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 2,
}
"""Kombu's transport as a careful team sets it: what a dead worker held is back in seconds."""


@dataclass(frozen=True)
class Row:
    """One broker in one setting. `comes_back_s` is how long a dead worker's tasks stay away."""

    id: str
    broker: BrokerName
    setting: str
    label: str
    options: Mapping[str, Any] = field(default_factory=dict)
    redis: RedisSettings | None = None
    alternative: str = ""
    heartbeat_s: int = 0
    comes_back_s: float = 3.0

    def shown(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings for the report's table."""
        shown: dict[str, Any] = {"transport": dict(self.options) or "kombu's defaults"}
        if self.redis is not None:
            shown["redis.conf"] = list(self.redis.lines) or "Redis' defaults"
        else:
            shown["queue"] = dict(arguments)
            shown["heartbeat_s"] = self.heartbeat_s
        return shown

    def as_json(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row for the manifest."""
        return {
            "id": self.id,
            "broker": self.broker,
            "setting": self.setting,
            "label": self.label,
            "settings": self.shown(arguments),
        }


REDIS_DEFAULT = Row(
    "redis-default", "redis", "default", "Redis, as it comes", redis=DEFAULT, comes_back_s=3.0
)
REDIS_HARDENED = Row(
    "redis-hardened", "redis", "hardened", "Redis, hardened", QUICK_SWEEP, HARDENED,
    comes_back_s=9.0,
)  # fmt: skip
_CONFIRMS = {"confirm_publish": True}
CLASSIC = Row(
    "rabbitmq-classic", "rabbitmq", "classic-priority", "RabbitMQ, classic priority queue",
    _CONFIRMS, heartbeat_s=10,
)  # fmt: skip
QUORUM = Row(
    "rabbitmq-quorum", "rabbitmq", "quorum-priority", "RabbitMQ, quorum queue with priorities",
    _CONFIRMS, alternative="quorum-evaluations", heartbeat_s=10,
)  # fmt: skip


def keeps_order(version: str) -> bool:
    """Tell whether quorum queues of a version keep priorities."""
    major, minor, *_ = (int(part) for part in version.split(".")[:2])
    return (major, minor) >= QUORUM_FROM


def rows_for(version: str) -> tuple[Row, ...]:
    """Return the rows that a version of RabbitMQ can play."""
    rows = (REDIS_DEFAULT, REDIS_HARDENED, CLASSIC)
    return (*rows, QUORUM) if keeps_order(version) else rows


def left_out(version: str) -> list[dict[str, str]]:
    """Return the rows that a version cannot play, each with its reason, for the report."""
    if keeps_order(version):
        return []
    return [
        {
            "id": QUORUM.id,
            "reason": f"quorum queues of RabbitMQ {version} do not keep priorities: from 4.3 on",
            "how": "gameday migrate --broker 4.3",
        }
    ]


def candidate_of(rows: tuple[Row, ...]) -> Row:
    """Return the row that the decision is about: replicated with priorities, if there is one."""
    return QUORUM if QUORUM in rows else CLASSIC
