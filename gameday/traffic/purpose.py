"""Where a link leads and what it is for, and what its connection is opened with."""

from dataclasses import dataclass
from typing import Any

from gameday import secured
from gameday.contracts.parts import Topology
from gameday.traffic.comeback import FOR_EVER, Comeback
from gameday.traffic.keys import KEYS


@dataclass(frozen=True)
class Target:
    """A node's name and the AMQP address under which clients reach it."""

    node: str
    url: str


@dataclass(frozen=True)
class Purpose:
    """What a link is for, as it stands in the ledger's names, and what it declares on opening."""

    role: str
    client: str
    heartbeat_s: int = 60
    details: tuple[tuple[str, Any], ...] = ()
    comeback: Comeback = FOR_EVER
    declares: Topology | None = None


def parameters(target: Target, purpose: Purpose) -> Any:
    """Return what a connection is opened with, the password that counts now included."""
    found = secured.parameters(target.url)
    KEYS.apply(found)
    found.heartbeat = purpose.heartbeat_s
    found.socket_timeout = purpose.comeback.timeout_s
    found.stack_timeout = purpose.comeback.timeout_s
    found.connection_attempts = 1
    found.client_properties = {"connection_name": purpose.client}
    return found
