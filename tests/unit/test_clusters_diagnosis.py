"""The reasoning of a diagnosis, without a broker: which probes lead to which verdict."""

import os
import socket
from typing import Any

import pytest

from gameday.clusters.diagnosis import (
    FOREIGN_GREETING,
    START,
    VERDICTS,
    Door,
    connect,
    name_answer,
    resolve,
    shake_hands,
    verdict_of,
)
from gameday.clusters.first_moves import changed

WELL = {
    "name": "127.0.0.1", "connect": "open", "handshake": START, "credentials": "accepted",
    "elsewhere": {"cluster_name": "c", "object_totals": {}}, "alarms": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ({}, "up"),
        ({"alarms": ["in force"]}, "blocked"),
        ({"elsewhere": None}, "up"),
        ({"name": "unknown", "connect": None, "handshake": None, "credentials": None},
         "wrong_name"),
        ({"connect": "refused", "handshake": "refused", "credentials": None}, "no_route"),
        ({"handshake": "no answer", "credentials": None}, "no_route"),
        ({"credentials": "refused"}, "credentials"),
        ({"credentials": None}, "no_route"),
        ({"handshake": "closed", "credentials": None, "elsewhere": None}, "down"),
        ({"name": "unknown", "handshake": None, "credentials": None, "elsewhere": None}, "down"),
    ],
)  # fmt: skip
def test_probes_lead_to_a_verdict(seen: dict[str, Any], verdict: str) -> None:
    """Down is said only when nobody gets an answer; all else is the host's own trouble."""
    assert verdict_of({**WELL, **seen}) == verdict
    assert verdict in VERDICTS


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x01\x00\x00\x00\x00\x01\xf3\x00\x0a\x00\x0a", START),
        (b"AMQP\x00\x00\x09\x01", "AMQP"),
        (b"", "closed"),
        (b"HTTP/1.1 40", "something else: 485454502f312e31203430"),
    ],
)
def test_an_answer_is_named_by_its_first_bytes(data: bytes, name: str) -> None:
    """A method frame of Connection.Start, the broker's own header, silence, or a stranger."""
    assert name_answer(data) == name


def test_a_name_that_nobody_knows() -> None:
    """A reserved name resolves to nothing, an address to itself."""
    assert resolve("rabbitmq.invalid") == "unknown"
    assert resolve("127.0.0.1") == "127.0.0.1"


def test_a_port_that_swallows() -> None:
    """A listener that accepts and says nothing is open, and gives no answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert connect("127.0.0.1", port) == "open"
        assert shake_hands("127.0.0.1", port) == "no answer"


def test_a_port_that_nobody_has() -> None:
    """A port without a listener refuses, whatever the greeting."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]

        assert connect("127.0.0.1", port) == "refused"
        assert shake_hands("127.0.0.1", port, FOREIGN_GREETING) == "refused"


def test_a_door_does_not_show_its_password() -> None:
    """Printing what a host knows gives no secret away."""
    assert "hush" not in repr(Door("h", 1, "u", "/", "hush"))


def test_only_what_was_started_lately_counts_as_changed() -> None:
    """This process is new, and one that is gone is left out; so is one of longer ago."""
    found = changed([("mine", os.getpid()), ("gone", 2**22 - 1)])

    assert [each["what"] for each in found] == ["mine"]
    assert changed([("mine", os.getpid())], within_s=0) == []
