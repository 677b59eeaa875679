"""A password that is renewed under clients: no connection stays on the old one, whatever it did."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gevent
import pytest
from traffic_stand import CONTRACT, Stand, of_kind, records, stand, until

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.history.records import Kind
from gameday.traffic.declaring import Declaring
from gameday.traffic.keys import KEYS
from gameday.traffic.lanes import Manners
from gameday.traffic.link import Link
from gameday.traffic.purpose import Purpose, Target
from gameday.traffic.sender import Sender

pytestmark = pytest.mark.live

FIRST, SECOND = secrets.token_urlsafe(12), secrets.token_urlsafe(12)


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients on the session's cluster, all with their first password."""
    try:
        with stand(cluster, vhost, tmp_path / "run") as made:
            yield made
    finally:
        KEYS.renew(None)


@pytest.fixture
def targets(here: Stand) -> Iterator[tuple[Target, ...]]:
    """Give the nodes' addresses for a user of the test's own."""
    user = f"{here.vhost}-user"
    Broker(here.cluster).make_user(user, FIRST, here.vhost)
    yield tuple(
        Target(node, here.cluster.amqp_url(node, here.vhost, user=(user, FIRST)))
        for node in here.cluster.nodes
    )
    here.cluster.management("r1").delete(f"/api/users/{quote(user, safe='')}")


def renew(here: Stand) -> None:
    """Change the password at the broker, and tell this process's clients."""
    Broker(here.cluster).make_user(f"{here.vhost}-user", SECOND, here.vhost)
    KEYS.renew(SECOND)


def used(link: Link) -> str:
    """Return the password by which a link logged in."""
    return str(link.connection.params.credentials.password)


def renewing_once(here: Stand) -> Callable[..., None]:
    """Return a `Declaring.begin` that has the password renewed first, when it is called first."""
    begin, told = Declaring.begin, list[str]()

    def renewed_first(self: Declaring, channel: Any, done: Callable[[], None]) -> None:
        def renew_and_begin() -> None:
            renew(here)
            begin(self, channel, done)

        if told:
            begin(self, channel, done)
        else:
            told.append("let in by the first password")
            gevent.spawn(renew_and_begin)

    return renewed_first


def test_who_is_logging_in_meanwhile_logs_in_anew(
    here: Stand, targets: tuple[Target, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that the broker let in by the old password a moment before is not left on it."""
    opened: list[str] = []
    monkeypatch.setattr(Declaring, "begin", renewing_once(here))
    purpose = Purpose("publish", "late", declares=CONTRACT.topology)
    link = Link(here.session.ledger, targets, 0, purpose, lambda it: opened.append(used(it)),
                lambda _: None)  # fmt: skip

    try:
        until(lambda: link.is_open, 20, "it stands")
    finally:
        link.close()
    here.close()

    assert opened == [SECOND], "it never worked with the old one"
    rows = records(here.folder)[0]
    assert len(of_kind(rows, Kind.CONNECTION_OPENED)) == 2
    assert len(of_kind(rows, Kind.CONNECTION_CLOSED)) == 2
    assert len(of_kind(rows, Kind.CONNECT_FAILED)) == 0


def test_a_pool_that_publishes_is_renewed_to_the_last_connection(
    here: Stand, targets: tuple[Target, ...]
) -> None:
    """Under load each connection of a pool logs in anew, and every message is confirmed."""
    sender = Sender(here.session.ledger, targets, Manners("boss", pool=6))
    here.senders.append(sender)
    until(lambda: sender.open_links == 6, 40, "the pool stands")

    for number in range(200):
        if number == 50:
            renew(here)
            sender.renew()
        sender.send(here.message())
        gevent.sleep(0.01)
    until(lambda: len(here.heard) == 200, 40, "every message was answered")
    links = list(sender._lanes)  # Nobody but a test asks for them.
    until(lambda: all(each.is_open and used(each) == SECOND for each in links), 40, "all are new")

    assert set(here.heard.values()) == {True}
