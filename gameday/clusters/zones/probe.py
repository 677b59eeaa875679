"""Open connections and say how each ended: run inside a zone, by Python's own library alone.

    python -I probe.py < targets.json > outcomes.json

Targets are a list of `[host, port, speaks]`; the answer has one `[outcome, said]` for each. All are
tried at once. An outcome is

- `open`: the other end answered in the protocol that is spoken there;
- `mute`: the connection was made, and then the protocol was not spoken;
- `refused`: an answer said that nobody listens, or that it is forbidden;
- `silent`: no answer at all.
"""

import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

CONNECT_S = 1.0
ANSWER_S = 6.0
"""How long to wait for a connection, which the kernel makes, and for the broker's own answer."""
MOST_AT_ONCE = 64

Target = tuple[str, int, str]
Outcome = tuple[str, str]


class ProtocolError(Exception):
    """The other end said something else."""


def amqp(door: socket.socket) -> str:
    """Begin AMQP 0-9-1: the broker opens with `connection.start`, which names its version."""
    door.sendall(b"AMQP\x00\x00\x09\x01")
    kind, channel, size = struct.unpack(">BHI", _read(door, 7))
    payload = _read(door, min(size, 65536))
    if (kind, channel, payload[:4]) != (1, 0, b"\x00\x0a\x00\x0a"):
        raise ProtocolError(f"no connection.start but {payload[:16]!r}")
    at = payload.find(b"\x07versionS")
    if at < 0:
        return "connection.start"
    (length,) = struct.unpack_from(">I", payload, at + 9)
    return "connection.start of " + payload[at + 13 : at + 13 + length].decode("ascii", "replace")


def http(path: str) -> Callable[[socket.socket], str]:
    """Ask for a page; any HTTP status is an answer."""

    def ask(door: socket.socket) -> str:
        host = door.getpeername()[0]
        door.sendall(f"GET {path} HTTP/1.0\r\nHost: [{host}]\r\n\r\n".encode())
        status = _read(door, 12)
        if not status.startswith(b"HTTP/1."):
            raise ProtocolError(f"no HTTP but {status!r}")
        return f"GET {path}: {status[9:].decode('ascii', 'replace')}"

    return ask


def distribution(door: socket.socket) -> str:
    """Begin Erlang's distribution handshake, which answers with a status before any secret."""
    # A name of its own: a node refuses the second of two that are called the same.
    name = f"probe{os.getpid()}x{door.fileno()}@probe".encode()
    flags = 0x0000_000D_07DF_7FBD  # Those of OTP 25; a node hangs up on whoever can less.
    message = b"N" + struct.pack(">QIH", flags, 1, len(name)) + name
    door.sendall(struct.pack(">H", len(message)) + message)
    (size,) = struct.unpack(">H", _read(door, 2))
    answer = _read(door, min(size, 4096))
    if not answer.startswith(b"s"):
        raise ProtocolError(f"no status but {answer[:16]!r}")
    return "status " + answer[1:].decode("ascii", "replace")


def epmd(door: socket.socket) -> str:
    """Ask the port mapper for the names that it knows."""
    door.sendall(b"\x00\x01n")
    _read(door, 4)
    text = b""
    while chunk := door.recv(4096):
        text += chunk
    return text.decode("ascii", "replace").strip() or "no name"


def nothing(_: socket.socket) -> str:
    """Speak nothing: that the connection was made is all that is asked."""
    return "connected"


SPOKEN: dict[str, Callable[[socket.socket], str]] = {
    "amqp": amqp,
    "management": http("/api/overview"),
    "metrics": http("/metrics"),
    "distribution": distribution,
    "epmd": epmd,
    "tcp": nothing,
}


def probe(host: str, port: int, speaks: str) -> Outcome:
    """Open one connection and say how it ended."""
    try:
        door = socket.create_connection((host, port), CONNECT_S)
    except TimeoutError:
        return "silent", f"no answer within {CONNECT_S:g} s"
    except OSError as error:
        return "refused", os.strerror(error.errno) if error.errno else str(error)
    with door:
        door.settimeout(ANSWER_S)
        try:
            return "open", SPOKEN[speaks](door)
        except (OSError, ProtocolError, struct.error) as error:
            return "mute", f"connected, then: {error}"


def probe_all(targets: list[Target]) -> list[Outcome]:
    """Try all of them at once."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return list(pool.map(lambda each: probe(*each), targets))


def _read(door: socket.socket, size: int) -> bytes:
    """Read exactly so many bytes."""
    data = b""
    while len(data) < size:
        chunk = door.recv(size - len(data))
        if not chunk:
            raise ProtocolError(f"closed after {len(data)} of {size} bytes")
        data += chunk
    return data


if __name__ == "__main__":
    json.dump(probe_all(json.load(sys.stdin)), sys.stdout)
