"""TLS as a client has it: whom it trusts, under which name, and how it dials.

An address says so itself, in the words of RabbitMQ's own URIs: `amqps://HOST:PORT/VHOST` with
`?cacertfile=PATH` for an authority other than the machine's, and `server_name_indication=NAME`
where the certificate has another name than the host. The server is always verified.
"""

import socket
import ssl
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from gameday.errors import UsageError

AUTHORITY, NAME, VERIFY = "cacertfile", "server_name_indication", "verify"
OURS = frozenset({AUTHORITY, NAME, VERIFY})
SCHEME = "amqps"

NO_CONNECTION = (AMQPError, AMQPConnectorException, OSError)
"""What pika raises where no connection comes about: a late handshake is no `AMQPError` to it."""


@lru_cache(maxsize=16)
def trusting(authority: str | None) -> ssl.SSLContext:
    """Return a context that verifies names and trusts one authority's file, or the machine's."""
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{AUTHORITY}={authority}: {error.strerror or error}: name a file with the "
            "authority's certificate in PEM."
        ) from error


def dial(
    host: str, port: int, within_s: float, authority: str | None = None, name: str | None = None
) -> socket.socket:
    """Open a connection: by TLS to a verified server where an authority is given, else plainly."""
    line = socket.create_connection((host, port), within_s)
    if authority is None:
        return line
    try:
        return trusting(authority).wrap_socket(line, server_hostname=name or host)
    except OSError:
        line.close()
        raise


def options(authority: str | None, host: str) -> Any:
    """Return pika's options of TLS to a server of this name; none without an authority."""
    return None if authority is None else pika.SSLOptions(trusting(authority), host)


def authority_in(url: str) -> str | None:
    """Return the authority's file that a URL names."""
    return _parted(url)[1].get(AUTHORITY)


def client_hello(host: str) -> bytes:
    """Return the first bytes that a client of TLS sends: whoever speaks it answers them."""
    sent = ssl.MemoryBIO()
    half = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname=host)
    with suppress(ssl.SSLWantReadError):
        half.do_handshake()
    return sent.read()


def parameters(url: str) -> Any:
    """Return pika's parameters for a URL; those of TLS are ours to read, all others pika's."""
    place, ours = _parted(url)
    if place.scheme != SCHEME or not ours:
        return pika.URLParameters(url)
    found = pika.URLParameters(place.geturl())
    found.ssl_options = pika.SSLOptions(
        trusting(ours.get(AUTHORITY)), ours.get(NAME) or place.hostname
    )
    return found


def for_aio_pika(url: str) -> dict[str, Any]:
    """Return what `aio_pika.connect` takes for the same URL."""
    place, ours = _parted(url)
    if place.scheme != SCHEME or not ours:
        return {"url": url}
    if ours.get(NAME) not in {None, place.hostname}:
        raise UsageError(f"{NAME}: the reader of queues knows a server by its host's name alone.")
    return {"url": place.geturl(), "ssl_context": trusting(ours.get(AUTHORITY))}


def query(authority: str, name: str | None = None) -> str:
    """Return the part of a URL that names the authority and, if it is not the host, the server."""
    named = {NAME: name} if name else {}
    return "?" + urlencode({AUTHORITY: authority, VERIFY: "verify_peer", **named}, safe="/")


def _parted(url: str) -> tuple[SplitResult, dict[str, str]]:
    """Return the URL without what it says of TLS, and that."""
    place = urlsplit(url)
    pairs = parse_qsl(place.query, keep_blank_values=True)
    ours = {name: value for name, value in pairs if name in OURS}
    if ours.get(VERIFY, "verify_peer") != "verify_peer":
        raise UsageError(f"{VERIFY}={ours[VERIFY]}: remove it; a server is always verified.")
    rest = urlencode([pair for pair in pairs if pair[0] not in OURS])
    return place._replace(query=rest), ours
