"""Who gets in by TLS, and who is refused for what: each way to be wrong is tried on a real node.

    dial -> verify the server -> log in, at the doors for clients and on the management API
    dial -> verify each other -> greet as a node does, on the links between nodes

Each try has a limit, and its outcome is a name: a certificate that has ended is told apart from
one of another name, one of nobody known, and a wrong password.
"""

import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pika
from pika.exceptions import AuthenticationError, ProbableAuthenticationError

from gameday import secured
from gameday.clusters.authority import (
    AUTHORITY,
    CONTROL,
    EXPIRED_NAME,
    OTHER_NAME,
    STRANGE,
    STRANGER,
)
from gameday.clusters.cluster import Address
from gameday.clusters.expressions import binary
from gameday.clusters.inetrc import host_name
from gameday.clusters.local import LocalCluster
from gameday.clusters.management import Management, ManagementError
from gameday.clusters.ports import link_host
from gameday.clusters.tls import folder_of

ACCEPTED = "accepted"
WRONG_NAME, EXPIRED, UNKNOWN = "wrong name", "expired", "unknown authority"
WRONG_PASSWORD, NO_CERTIFICATE, WITHOUT = "wrong password", "no certificate", "not by TLS"
NO_ANSWER = "no answer"
WITHIN_S = 3.0
TRIES = 3
"""So often each way is tried before it counts as without an answer: a busy node may take long."""
UNAUTHORISED = 401

BY_CODE = {10: EXPIRED, 18: UNKNOWN, 19: UNKNOWN, 20: UNKNOWN, 21: UNKNOWN,
           62: WRONG_NAME, 64: WRONG_NAME}  # fmt: skip
"""OpenSSL's reasons not to believe a certificate, by number."""

ALERTS = {"CERTIFICATE_REQUIRED": NO_CERTIFICATE, "HANDSHAKE_FAILURE": NO_CERTIFICATE,
          "UNKNOWN_CA": UNKNOWN}  # fmt: skip
"""What a node tells a peer that shows it no certificate, or one that it does not believe."""

AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
HTTP_GREETING = b"GET /api/overview HTTP/1.0\r\n\r\n"
_NAME = b"probe@mqprobe"
NODE_GREETING = b"N" + (0xD07DF7FBD).to_bytes(8) + (1).to_bytes(4) + len(_NAME).to_bytes(2) + _NAME
"""How a node of Erlang begins to speak to its peer, which answers with a status."""

Outcomes = Mapping[str, str]


def try_doors(
    cluster: LocalCluster, node: str, user: tuple[str, str], vhost: str
) -> dict[str, Outcomes]:
    """Try every way at a node's door for clients, its management API and the links to it."""
    addresses = cluster.addresses(node)
    name, password = user

    def client(authority: str, host: str, secret: str) -> str:
        return _log_in(addresses.client, authority, host, (name, secret), vhost)

    def api(authority: str, host: str, secret: str) -> str:
        return _call(addresses.management, authority, host, (cluster.username, secret))

    doors = {
        "clients": _ways(cluster, client, password, addresses.client, AMQP_GREETING),
        "management": _ways(cluster, api, cluster.password, addresses.management, HTTP_GREETING),
        "links": _link_ways(cluster, node),
    }
    with ThreadPoolExecutor(max_workers=16) as pool:
        tries = {door: {way: pool.submit(each) for way, each in ways.items()}
                 for door, ways in doors.items()}  # fmt: skip
        found = {door: {way: each.result() for way, each in ways.items()}
                 for door, ways in tries.items()}  # fmt: skip
    # One at a time: all at once they may have kept a busy node, and each other, from answering.
    return {door: {way: answered(doors[door][way], met) for way, met in ways.items()}
            for door, ways in found.items()}  # fmt: skip


def answered(enter: Callable[[], str], met: str) -> str:
    """Return what a try met; one that met no answer is made again, and what it meets counts."""
    for _ in range(TRIES - 1):
        if not met.startswith(NO_ANSWER):
            break
        met = enter()
    return met


def _ways(
    cluster: LocalCluster,
    enter: Callable[[str, str, str], str],
    password: str,
    address: Address,
    greeting: bytes,
) -> dict[str, Callable[[], str]]:
    """Return each way to come to a door, the right one first."""
    folder = folder_of(cluster.record)
    ours, strange = str(folder / f"{AUTHORITY}.pem"), str(folder / f"{STRANGER}.pem")
    return {
        "right": lambda: enter(ours, address.host, password),
        "wrong_name": lambda: enter(ours, OTHER_NAME, password),
        "expired": lambda: enter(ours, EXPIRED_NAME, password),
        "unknown_authority": lambda: enter(strange, address.host, password),
        "wrong_login": lambda: enter(ours, address.host, f"not-{password}"),
        "without_tls": lambda: _plainly(address, greeting),
    }


def _log_in(address: Address, authority: str, host: str, user: tuple[str, str], vhost: str) -> str:
    """Open an AMQP connection by TLS to a server of this name."""
    if refused := unbelieved(address, authority, host):
        return refused
    parameters = pika.ConnectionParameters(
        address.host, address.port, vhost, pika.PlainCredentials(*user),
        ssl_options=pika.SSLOptions(secured.trusting(authority), host),
        connection_attempts=1, socket_timeout=WITHIN_S, stack_timeout=2 * WITHIN_S,
        blocked_connection_timeout=WITHIN_S,
    )  # fmt: skip
    try:
        pika.BlockingConnection(parameters).close()
    except (AuthenticationError, ProbableAuthenticationError):
        return WRONG_PASSWORD
    except secured.NO_CONNECTION as error:
        return f"{NO_ANSWER} ({type(error).__name__})"
    return ACCEPTED


def _call(address: Address, authority: str, host: str, user: tuple[str, str]) -> str:
    """Ask the management API who one is, by HTTPS to a server of this name."""
    if refused := unbelieved(address, authority, host):
        return refused
    api = Management(f"https://{address}", *user, authority=authority, limit_s=WITHIN_S)
    try:
        api.get("/api/whoami")
    except ManagementError as error:
        unauthorised = error.status == UNAUTHORISED
        return WRONG_PASSWORD if unauthorised else f"{NO_ANSWER} ({error.status})"
    return ACCEPTED


def unbelieved(address: Address, authority: str, host: str) -> str:
    """Return why a client does not believe the server, empty when it does."""
    try:
        secured.dial(address.host, address.port, WITHIN_S, authority, host).close()
    except ssl.SSLCertVerificationError as error:
        return BY_CODE.get(error.verify_code, f"not believed ({error.verify_message})")
    except OSError as error:
        return f"{NO_ANSWER} ({type(error).__name__})"
    return ""


def _plainly(address: Address, greeting: bytes) -> str:
    """Say what a client without TLS says, and see that it is not answered in kind."""
    try:
        line = socket.create_connection((address.host, address.port), WITHIN_S)
    except OSError as error:
        return f"{NO_ANSWER} ({type(error).__name__})"
    with line:
        try:
            line.settimeout(WITHIN_S)
            line.sendall(greeting)
            answer = line.recv(16)
        except OSError:
            return WITHOUT
    understood = (b"\x01", b"AMQP", b"HTTP/1.1 2", b"HTTP/1.1 4", b"\x00\x03sok")
    return ACCEPTED if answer.startswith(understood) else WITHOUT


def _link_ways(cluster: LocalCluster, node: str) -> dict[str, Callable[[], str]]:
    """Return each way to come to a node as its peer, over each link that leads to it."""
    record, number = cluster.record, cluster.nodes.index(node) + 1
    ways: dict[str, Callable[[], str]] = {}
    for source in (each for each in range(1, len(cluster.nodes) + 1) if each != number):
        at = Address(link_host(source, number), record.ports.distribution(number))
        tries: dict[str, Callable[[], str]] = {
            "right": _as_peer(cluster, at, host_name(number), CONTROL),
            "no_certificate": _as_peer(cluster, at, host_name(number), None),
            "unknown_authority": _as_peer(cluster, at, host_name(number), STRANGE),
            "without_tls": partial(_plainly, at, len(NODE_GREETING).to_bytes(2) + NODE_GREETING),
        }
        ways |= {f"{way} from r{source}": each for way, each in tries.items()}
    return ways


def _as_peer(
    cluster: LocalCluster, address: Address, host: str, title: str | None
) -> Callable[[], str]:
    """Return the try to speak to a node as its peer, with a certificate or without."""
    folder = folder_of(cluster.record)

    def enter() -> str:
        context = ssl.create_default_context(cafile=str(folder / f"{AUTHORITY}.pem"))
        if title is not None:
            context.load_cert_chain(folder / f"{title}.pem", folder / f"{title}.key")
        try:
            with (
                socket.create_connection((address.host, address.port), WITHIN_S) as line,
                context.wrap_socket(line, server_hostname=host) as spoken,
            ):
                spoken.sendall(len(NODE_GREETING).to_bytes(4) + NODE_GREETING)
                answer = spoken.recv(16)
        except ssl.SSLCertVerificationError as error:
            return BY_CODE.get(error.verify_code, f"not believed ({error.verify_message})")
        except ssl.SSLError as error:
            known = [name for alert, name in ALERTS.items() if alert in (error.reason or "")]
            return known[0] if known else f"refused ({error.reason})"
        except OSError as error:
            return f"{NO_ANSWER} ({type(error).__name__})"
        # `sok`, or `snok` where a peer of this name speaks to it by another link already.
        return ACCEPTED if answer[4:5] == b"s" else f"{NO_ANSWER} ({answer!r})"

    return enter


def client_connections(cluster: LocalCluster, vhost: str) -> dict[str, int]:
    """Count the connections to a virtual host that came by TLS, and those that did not."""
    question = (
        "begin Ways = [proplists:get_value(ssl, Infos) || {_, Infos} <- "
        f"ets:tab2list(connection_created), proplists:get_value(vhost, Infos) =:= {binary(vhost)}],"
        ' iolist_to_binary(io_lib:format("~w ~w", [length([1 || true <- Ways]), length(Ways)])) end'
    )
    total = {"tls": 0, "plain": 0}
    for node in cluster.nodes:
        by_tls, everybody = map(int, cluster.evaluate(node, question).split())
        total["tls"] += by_tls
        total["plain"] += everybody - by_tls
    return total
