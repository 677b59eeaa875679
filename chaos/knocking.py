"""What a client meets that knocks at a node's door: how late, how much, in how many pieces.

Each look dials by itself, says AMQP's greeting, or that of TLS where the broker speaks it, and
compares with what the toxic should do. None logs in but the one that has to send a lot.
"""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pika

from chaos import probes
from chaos.revert import Seen, Target
from gameday import secured
from gameday.clusters.cluster import Address, Door

REFUSALS = {"econnrefused", "closed", "econnreset", "refused"}
WRONG_GREETING = b"HTTP\x00\x00\x09\x01"
"""AMQP's answer to it is its own greeting, and the end of the connection."""
LISTENS_S = 3.0
BULK_S = 2

Expected = Callable[[Target, str, Door, Mapping[str, int]], Seen]


@dataclass(frozen=True)
class Answer:
    """What came back: when the first byte and the end came, and the size of each piece."""

    first_ms: float | None
    ended_ms: float | None
    pieces: tuple[int, ...]
    end: str

    @property
    def size(self) -> int:
        """How many bytes came."""
        return sum(self.pieces)


def knock(address: Address, greeting: bytes, within_s: float) -> Answer:
    """Dial, greet, and listen until the other side ends it, or the time is up."""
    pieces: list[int] = []
    first_ms = ended_ms = None
    end = "open"
    begun = time.monotonic()
    try:
        with socket.create_connection((address.host, address.port), within_s) as line:
            line.sendall(greeting)
            while (left_s := begun + within_s - time.monotonic()) > 0:
                line.settimeout(left_s)
                data = line.recv(65_536)
                now_ms = (time.monotonic() - begun) * 1000
                first_ms = now_ms if first_ms is None else first_ms
                if not data:
                    end, ended_ms = "closed", now_ms
                    break
                pieces.append(len(data))
    except TimeoutError:
        pass
    except OSError as error:
        end, ended_ms = type(error).__name__, (time.monotonic() - begun) * 1000
    return Answer(first_ms if pieces else None, ended_ms, tuple(pieces), end)


def _at(cluster: Target, node: str, door: Door, within_s: float, wrong: bytes = b"") -> Answer:
    address = cluster.door_address(node, door)
    return knock(address, wrong or greeting_at(address), within_s)


def greeting_at(address: Address) -> bytes:
    """Return the first bytes that whoever listens there answers."""
    return secured.client_hello(address.host) if address.authority else probes.AMQP_GREETING


def unanswered(cluster: Target, node: str, door: Door, values: Mapping[str, int]) -> Seen:
    """No greeting is answered, for one direction is enough to lose it; one stream is silenced."""
    answer = _at(cluster, node, door, 1.0)
    silenced = [each.stream for each in cluster.toxics() if each.proxy == f"{door}-{node}"]
    stream = "upstream" if values["hears"] else "downstream"
    yes = answer.size == 0 and answer.end == "open" and silenced == [stream]
    return Seen(yes, {"bytes": answer.size, "silenced": silenced})


def late(cluster: Target, node: str, door: Door, values: Mapping[str, int]) -> Seen:
    """No answer to a greeting comes sooner than after twice the latency."""
    least_ms = 2 * (values["latency_ms"] - values["jitter_ms"])
    within_s = 2 * (values["latency_ms"] + values["jitter_ms"]) / 1000 + LISTENS_S
    answer = _first(cluster.door_address(node, door), within_s)
    yes = answer is not None and answer >= least_ms
    return Seen(yes, {"round_trip_ms": answer and round(answer), "least_ms": least_ms})


def _first(address: Address, within_s: float) -> float | None:
    """Return after how long the first byte of the answer came, none when none did."""
    begun = time.monotonic()
    with socket.create_connection((address.host, address.port), within_s) as line:
        line.settimeout(within_s)
        line.sendall(greeting_at(address))
        try:
            return (time.monotonic() - begun) * 1000 if line.recv(1) else None
        except TimeoutError:
            return None


def narrow(cluster: Target, node: str, door: Door, values: Mapping[str, int]) -> Seen:
    """No message of so many bytes is confirmed sooner than the rate lets it pass."""
    size = values["rate_kb"] * 1000 * BULK_S
    parameters = secured.parameters(cluster.amqp_url(node, "/", door))
    parameters.socket_timeout = parameters.stack_timeout = 20
    try:
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        channel.confirm_delivery()
        begun = time.monotonic()
        channel.basic_publish("", "nobody's queue", b"\0" * size)
        took_ms = round((time.monotonic() - begun) * 1000)
        connection.close()
    except secured.NO_CONNECTION as error:
        return Seen(yes=False, evidence={"error": type(error).__name__})
    return Seen(took_ms >= 900 * BULK_S, {"bytes": size, "took_ms": took_ms})


def in_pieces(cluster: Target, node: str, door: Door, values: Mapping[str, int]) -> Seen:
    """Answers to a greeting come in pieces, most no larger than a slice."""
    answer = _at(cluster, node, door, LISTENS_S)
    largest = values["size"] + values["variation"]
    small = sum(each <= largest for each in answer.pieces)
    evidence = {"bytes": answer.size, "pieces": len(answer.pieces), "small": small}
    return Seen(len(answer.pieces) > 1 and 2 * small > len(answer.pieces), evidence)


def closed_late(cluster: Target, node: str, door: Door, values: Mapping[str, int]) -> Seen:
    """No connection that the broker ends for a wrong greeting ends sooner than the delay."""
    within_s = values["delay_ms"] / 1000 + LISTENS_S
    answer = _at(cluster, node, door, within_s, WRONG_GREETING)
    yes = answer.ended_ms is not None and answer.ended_ms >= values["delay_ms"]
    return Seen(yes, {"ended_ms": answer.ended_ms and round(answer.ended_ms), "end": answer.end})


def cut_short(cluster: Target, node: str, door: Door, values: Mapping[str, int]) -> Seen:
    """No more bytes come than the limit allows, and then the connection is closed."""
    answer = _at(cluster, node, door, LISTENS_S)
    yes = answer.size <= values["bytes"] and answer.end != "open"
    return Seen(yes, {"bytes": answer.size, "end": answer.end})


def reset(cluster: Target, node: str, door: Door, values: Mapping[str, int]) -> Seen:
    """No answer comes, and the connection is reset, not closed."""
    answer = _at(cluster, node, door, values["after_ms"] / 1000 + LISTENS_S)
    yes = answer.size == 0 and answer.end == "ConnectionResetError"
    return Seen(yes, {"bytes": answer.size, "end": answer.end})
