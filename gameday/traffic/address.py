"""Which broker a bare load test talks to: `AMQP_URL`, else the cluster of `gameday up`, else 5672.

`gameday up` leaves `current.json` in the state folder; nothing else is asked for it.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pika

from gameday import secured
from gameday.errors import UsageError
from gameday.traffic.purpose import Target

DEFAULT_URL = "amqp://guest:guest@127.0.0.1:5672/%2f"
CURRENT = "current.json"


@dataclass(frozen=True)
class Address:
    """Where a broker is: one URL a node, the management API if it is known, the version."""

    targets: tuple[Target, ...]
    management_url: str | None
    version: str
    source: str


def state_dir() -> Path:
    """Return where `gameday up` notes what it started."""
    named = os.environ.get("GAMEDAY_STATE_DIR")
    if named:
        return Path(named).resolve()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "gameday"


def find_broker() -> Address:
    """Return the broker to use, once it has answered; else say in one sentence what to do."""
    targets, management, source = _candidates()
    version = probe(targets[0].url, source)
    return Address(targets, management, version, source)


def broker_url(named: str | None) -> str:
    """Return the address that is named, else the one that `find_broker` would try first."""
    return named or _candidates()[0][0].url


def _candidates() -> tuple[tuple[Target, ...], str | None, str]:
    management = os.environ.get("GAMEDAY_MANAGEMENT_URL")
    url = os.environ.get("AMQP_URL")
    if url:
        return (Target("broker", url),), management, "AMQP_URL"
    kept = state_dir() / CURRENT
    if kept.exists():
        known: dict[str, Any] = json.loads(kept.read_text())
        targets = tuple(Target(node, each) for node, each in known["targets"])
        return targets, known.get("management_url"), "the cluster of `gameday up`"
    return (Target("broker", DEFAULT_URL),), management, "the default address"


def probe(url: str, source: str) -> str:
    """Return the version of the broker at a URL."""
    place = urlsplit(url)
    where = f"{place.hostname}:{place.port or 5672}"
    try:
        parameters = secured.parameters(url)
        parameters.socket_timeout = parameters.stack_timeout = 5
        connection = pika.BlockingConnection(parameters)
    except (*secured.NO_CONNECTION, ValueError) as error:
        said = getattr(error, "reply_text", "") or type(error).__name__
        raise UsageError(
            f"no broker answers at {where} ({source}: {said}); set AMQP_URL, or start a cluster "
            "with `gameday up`"
        ) from None
    properties = connection._impl.server_properties  # noqa: SLF001  # pika offers no public way.
    connection.close()
    version = properties.get("version", b"0")
    return version.decode() if isinstance(version, bytes) else str(version)
