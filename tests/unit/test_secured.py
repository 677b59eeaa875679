"""TLS as clients have it: what a URL says, whom it trusts, and what an authority issues."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest

from gameday import secured
from gameday.clusters import diagnosis
from gameday.clusters.authority import EXPIRED_NAME, OTHER_NAME, issue_all
from gameday.clusters.cluster import ALL_POWERS, Address
from gameday.clusters.diagnosis import Door, log_in
from gameday.clusters.handshakes import (
    EXPIRED,
    NO_ANSWER,
    UNKNOWN,
    WRONG_NAME,
    answered,
    unbelieved,
)
from gameday.contracts.load import load_contract
from gameday.errors import UsageError
from scenarios.claims import claims
from scenarios.options import ClusterKind, Options
from scenarios.run import contract_of


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of certificates, as a cluster of one node has it."""
    folder = tmp_path_factory.mktemp("issued") / "tls"
    issue_all(folder, 1)
    return folder


@contextmanager
def server(folder: Path, title: str) -> Iterator[Address]:
    """Run a server that shows one certificate to whoever dials, and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{title}.pem", folder / f"{title}.key")

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                context.wrap_socket(listening.accept()[0], server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield Address(*listening.getsockname())
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize(
    ("shown", "trusted", "name", "outcome"),
    [
        ("r1", "authority", "127.0.0.1", ""),
        ("r1", "authority", "mq1", ""),
        ("r1", "authority", OTHER_NAME, WRONG_NAME),
        ("r1", "authority", "127.0.0.2", WRONG_NAME),
        ("expired", "authority", EXPIRED_NAME, EXPIRED),
        ("r1", "stranger", "127.0.0.1", UNKNOWN),
        ("strange", "authority", "mq1", UNKNOWN),
    ],
)
def test_each_wrong_certificate_has_its_own_outcome(
    issued: Path, shown: str, trusted: str, name: str, outcome: str
) -> None:
    """A client believes the right one, and says of each other what is wrong with it."""
    with server(issued, shown) as address:
        assert unbelieved(address, str(issued / f"{trusted}.pem"), name) == outcome


def test_a_port_that_nobody_has_is_no_refusal(issued: Path) -> None:
    """Who does not answer at all is told apart from who is not believed."""
    with server(issued, "r1") as address:
        pass

    found = unbelieved(address, str(issued / "authority.pem"), "127.0.0.1")

    assert found == f"{NO_ANSWER} (ConnectionRefusedError)"


def test_a_broker_that_accepts_and_says_nothing_is_no_defect_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pika has an exception apart for a late handshake; whoever asks hears that nobody answered."""
    monkeypatch.setattr(diagnosis, "WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()

        assert log_in(Door(host, port, "u", "/", "p")) is None


def test_a_try_without_an_answer_is_made_again() -> None:
    """What answers at the third time counts; one that never does is without an answer."""
    late = iter([f"{NO_ANSWER} (TimeoutError)", WRONG_NAME])
    calls: list[int] = []

    def never() -> str:
        calls.append(1)
        return f"{NO_ANSWER} (TimeoutError)"

    assert answered(lambda: next(late), f"{NO_ANSWER} (TimeoutError)") == WRONG_NAME
    assert answered(never, never()) == f"{NO_ANSWER} (TimeoutError)"
    assert len(calls) == 3
    assert answered(never, EXPIRED) == EXPIRED, "what was met is not tried again"
    assert len(calls) == 3


def test_keys_are_for_their_owner_alone(issued: Path) -> None:
    """No file of the authority's can be read by anybody else, and its own key is not there."""
    assert not list(issued.glob("authority.key")) + list(issued.glob("stranger.key"))
    assert {path.stat().st_mode & 0o777 for path in issued.iterdir()} == {0o600}
    assert issued.stat().st_mode & 0o777 == 0o700


def test_a_url_names_its_authority_as_rabbitmq_does(issued: Path) -> None:
    """`cacertfile` and the server's name reach pika; its own parameters stay its own."""
    where = secured.query(str(issued / "authority.pem"))
    url = f"amqps://u:p@127.0.0.1:5671/v{where}&server_name_indication=mq1&heartbeat=7"
    found = secured.parameters(url)

    assert found.ssl_options.server_hostname == "mq1"
    assert found.ssl_options.context.verify_mode is ssl.CERT_REQUIRED
    assert found.ssl_options.context.check_hostname
    assert (found.host, found.port, found.virtual_host, found.heartbeat) == (
        "127.0.0.1", 5671, "v", 7,
    )  # fmt: skip


def test_the_last_reader_understands_the_same_url(issued: Path) -> None:
    """aio-pika gets the address without what is ours, and the context in its place."""
    found = secured.for_aio_pika(
        "amqps://u:p@127.0.0.1:5671/v" + secured.query(str(issued / "authority.pem"))
    )

    assert found["url"] == "amqps://u:p@127.0.0.1:5671/v"
    assert found["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_a_plain_url_is_left_alone() -> None:
    """Without TLS, or without a word about it, the libraries read the URL as ever."""
    assert secured.for_aio_pika("amqp://h/v") == {"url": "amqp://h/v"}
    assert secured.parameters("amqp://h/v?heartbeat=7").heartbeat == 7
    assert isinstance(secured.parameters("amqps://h/v").ssl_options, pika.SSLOptions)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("cacertfile=/nowhere/ca.pem", "cacertfile=/nowhere/ca.pem: No such file"),
        ("verify=verify_none", "verify=verify_none: remove it"),
    ],
)
def test_what_cannot_be_trusted_is_refused(query: str, said: str) -> None:
    """A missing file, and the wish to verify nobody, are each one sentence."""
    with pytest.raises(UsageError, match=said):
        secured.parameters(f"amqps://h/v?{query}")


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    """A file that holds no certificate is named, with what to name in its place."""
    (tmp_path / "ca.pem").write_text("no certificate")

    with pytest.raises(UsageError, match="name a file with the authority's certificate"):
        secured.trusting(str(tmp_path / "ca.pem"))


def test_the_first_bytes_of_tls_are_a_client_hello() -> None:
    """What is sent to see whether anybody listens is a whole record of a handshake."""
    sent = secured.client_hello("127.0.0.1")

    assert sent[0] == 0x16
    assert sent[5] == 1
    assert len(sent) == 5 + int.from_bytes(sent[3:5])


def test_a_run_without_tls_says_how_to_have_it() -> None:
    """A row that needs TLS is dropped with the option's name, and claimed where it is given."""
    contract = load_contract("sparki")
    claimed, dropped = claims(contract, Options(), ALL_POWERS - {"tls"})

    assert "sparki-08" not in claimed
    [row] = [each for each in dropped if each["id"] == "sparki-08"]
    assert row["reason"].endswith("run with: gameday run sparki --tls")
    assert "sparki-08" in claims(contract, Options(tls=True), ALL_POWERS)[0]


@pytest.mark.parametrize("cluster", ["attached", "compose"])
def test_only_a_cluster_of_our_own_is_told_to_speak_tls(cluster: ClusterKind) -> None:
    """Elsewhere `--tls` is refused, not silently forgotten."""
    with pytest.raises(UsageError, match="--tls: a cluster that is"):
        contract_of(Options(tls=True, cluster=cluster))
