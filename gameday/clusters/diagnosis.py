"""Why a host cannot use its broker, found out as a person on call would: one probe after another.

    name -> connect -> handshake -> credentials, from the host; overview and alarms from elsewhere

A broker that is down is told apart from one that only this host does not reach. Each probe is
real, has a limit, and says what it saw; `verdict_of` is the reasoning, pure.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.exceptions import (
    AuthenticationError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from gameday import secured
from gameday.clusters.cluster import Http
from gameday.clusters.management import ManagementError
from gameday.errors import HarnessError

GREETING = b"AMQP\x00\x00\x09\x01"
"""The protocol header of AMQP 0-9-1."""
FOREIGN_GREETING = b"AMQP\x00\x00\x08\x00"
"""The protocol header of a version that no broker of today speaks: 0-8."""
WITHIN_S = 1.5
UNAVAILABLE = 503

OPEN, REFUSED, SILENT, CLOSED = "open", "refused", "no answer", "closed"
START = "Connection.Start"
"""What a broker answers to a greeting of its own version: a method frame, class 10, method 10."""
TURNED_AWAY = "AMQP"
"""What a broker answers to any other: its own header, and it closes."""
ACCEPTED = "accepted"

VERDICTS = {
    "up": "the host can use the broker",
    "blocked": "the broker is up, and an alarm blocks whoever publishes",
    "wrong_name": "the host's name for the broker does not resolve, and the broker is up",
    "no_route": "the host gets no answer from the broker, which answers elsewhere",
    "credentials": "the broker refuses the host's credentials",
    "down": "nobody gets an answer from the broker",
}


@dataclass(frozen=True)
class Door:
    """What one host knows of the broker."""

    host: str
    port: int
    username: str
    vhost: str
    password: str = field(repr=False)
    authority: str | None = None
    """The file of the authority that vouches for the broker, where it speaks TLS."""


@dataclass(frozen=True)
class Diagnosis:
    """What each probe saw, and what follows from that."""

    verdict: str
    probes: Mapping[str, Any]


def diagnose(door: Door, elsewhere: Http) -> Diagnosis:
    """Probe the broker from a host, and ask its management API from elsewhere."""
    probes: dict[str, Any] = {"name": resolve(door.host)}
    if probes["name"] != "unknown":
        probes["connect"] = connect(door.host, door.port)
        probes["handshake"] = shake_hands(door.host, door.port, authority=door.authority)
        if probes["handshake"] == START:
            probes["credentials"] = log_in(door)
    probes |= ask_elsewhere(elsewhere)
    return Diagnosis(verdict_of(probes), probes)


def verdict_of(probes: Mapping[str, Any]) -> str:
    """Return the verdict that probes lead to, one of `VERDICTS`."""
    if probes["elsewhere"] is None and probes.get("credentials") is None:
        return "down"
    if probes["name"] == "unknown":
        return "wrong_name"
    if probes.get("handshake") != START:
        return "no_route"
    if probes.get("credentials") != ACCEPTED:
        return "credentials" if probes.get("credentials") == REFUSED else "no_route"
    return "blocked" if probes["alarms"] else "up"


def resolve(host: str) -> str:
    """Return a name's address, as `getent hosts` does, or `unknown`."""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return "unknown"
    return str(found[0][4][0])


def connect(host: str, port: int) -> str:
    """Open a TCP connection, as `nc -z` does."""
    try:
        with socket.create_connection((host, port), WITHIN_S):
            return OPEN
    except TimeoutError:
        return SILENT
    except OSError:
        return REFUSED


def shake_hands(
    host: str, port: int, greeting: bytes = GREETING, authority: str | None = None
) -> str:
    """Greet the broker and name its answer: `Connection.Start`, `AMQP`, or none."""
    try:
        with secured.dial(host, port, WITHIN_S, authority) as dialled:
            dialled.settimeout(WITHIN_S)
            dialled.sendall(greeting)
            return name_answer(dialled.recv(11))
    except TimeoutError:
        return SILENT
    except ConnectionRefusedError:
        return REFUSED
    except OSError:
        return CLOSED


def name_answer(data: bytes) -> str:
    """Name the first bytes that a broker sends."""
    if data.startswith(b"AMQP"):
        return TURNED_AWAY
    if len(data) >= 11 and data[0] == 1 and data[7:11] == b"\x00\x0a\x00\x0a":
        return START
    return CLOSED if not data else f"something else: {data.hex()}"


def log_in(door: Door) -> str | None:
    """Open an AMQP connection with the host's credentials; none when the broker did not say."""
    parameters = pika.ConnectionParameters(
        door.host, door.port, door.vhost, pika.PlainCredentials(door.username, door.password),
        connection_attempts=1, socket_timeout=WITHIN_S, stack_timeout=2 * WITHIN_S,
        blocked_connection_timeout=WITHIN_S, ssl_options=secured.options(door.authority, door.host),
    )  # fmt: skip
    try:
        pika.BlockingConnection(parameters).close()
    except (AuthenticationError, ProbableAuthenticationError, ProbableAccessDeniedError):
        return REFUSED
    except secured.NO_CONNECTION:
        return None
    return ACCEPTED


def ask_elsewhere(api: Http) -> dict[str, Any]:
    """Ask the management API, by a way that is not the host's: who it is, what it holds, alarms."""
    try:
        overview = api.get("/api/overview")
    except HarnessError:
        return {"elsewhere": None, "alarms": []}
    found = {"cluster_name": overview["cluster_name"], "object_totals": overview["object_totals"]}
    return {"elsewhere": found, "alarms": ["in force"] if _alarmed(api) else []}


def _alarmed(api: Http) -> bool:
    """Whether an alarm is in force: the health check answers 503 then."""
    try:
        api.get("/api/health/checks/alarms")
    except ManagementError as error:
        return error.status == UNAVAILABLE
    except HarnessError:
        return False
    return False
