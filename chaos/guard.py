"""Which targets may be broken or loaded: this machine's loopback, and what is owned on purpose.

The address is resolved once and pinned, so that a name cannot mean one thing when it is checked
and another when it is used. A name that looks like production is refused whoever owns it.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from gameday.errors import UsageError

SCHEMES = {"amqp": 5672, "amqps": 5671, "http": 80, "https": 443, "redis": 6379, "rediss": 6379}
PRODUCTION = re.compile(r"(?:^|[^a-z])(?:prod|production|prd|live)(?:[^a-z]|$)")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Pinned:
    """A target that may be used: its host as it was named, and the one address to dial."""

    host: str
    address: str
    port: int


def resolve(host: str, port: int) -> list[str]:
    """Return every address that a name stands for."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host} is not known: check the name.") from error
    return [str(each[4][0]) for each in found]


def allow(url: str, owned: Collection[str] = (), resolve: Resolve = resolve) -> Pinned:
    """Return the pinned target, or refuse it in one sentence."""
    parts = _split(url)
    host = _host(parts)
    port = _port(parts)
    addresses = [_plain(each) for each in resolve(host, port)]
    pinned = Pinned(host, str(addresses[0]), port)
    if all(each.is_loopback for each in addresses):
        return pinned
    if PRODUCTION.search(host.lower()):
        raise UsageError(f"{host} looks like production: gameday breaks nothing there, ever.")
    if host not in owned:
        raise UsageError(
            f"{host} is not on this machine: only loopback is allowed, unless you own the target "
            f"and say so with `--i-own {host}`.",
        )
    if parts.scheme == "amqps" and any(each.is_global for each in addresses):
        raise UsageError(f"{host} is a public address: gameday loads nothing over the internet.")
    return pinned


@dataclass(frozen=True)
class Others:
    """What is on a cluster that this run did not make: its name, queues and connections."""

    cluster: str
    queues: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()


def allow_beside(others: Others, host: str, owned: Collection[str] = ()) -> None:
    """Refuse a cluster that somebody else works on, unless its owner says that it is to be used.

    A cluster whose own name looks like production is refused whoever owns it.
    """
    if PRODUCTION.search(others.cluster.lower()):
        raise UsageError(
            f"the cluster calls itself {others.cluster!r}, which looks like production: gameday "
            "breaks and loads nothing there, ever.",
        )
    if host in owned or not (others.queues or others.connections):
        return
    shown = ", ".join((*others.queues, *others.connections)[:3])
    raise UsageError(
        f"{len(others.queues)} queues and {len(others.connections)} connections on {host} are not "
        f"this run's ({shown}): use a broker that nobody else uses, or, if they may suffer, say "
        f"`--i-own {host}`.",
    )


def _split(url: str) -> SplitResult:
    """Split a URL; one that could be read in two ways is refused."""
    if re.search(r"[\s\\\x00-\x1f]", url) or url.count("@") > 1:
        raise UsageError("the target's URL can be read in two ways: percent-encode its password.")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"the target's URL is not one: {error}.") from error
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"{each}://" for each in SCHEMES)
        raise UsageError(f"the target's URL must begin with one of {known}")
    return parts


def _host(parts: SplitResult) -> str:
    """Return the URL's host; an encoded one is refused, for clients differ on what it means."""
    host = parts.hostname
    if not host or unquote(host) != host:
        raise UsageError("the target's URL names no plain host: write amqp://HOST:PORT/VHOST.")
    return host.rstrip(".")


def _port(parts: SplitResult) -> int:
    """Return the URL's port, or its scheme's."""
    try:
        return parts.port or SCHEMES[parts.scheme]
    except ValueError as error:
        raise UsageError(f"the target's port is none: {error}.") from error


def _plain(text: str) -> Address:
    """Return an address; one of the old kind in the dress of the new is taken for what it is."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
