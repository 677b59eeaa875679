"""A password that is renewed under load: who knows it comes in, who does not is refused."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import pika
import pytest
from chaos_stand import evidence, healthy, undone_by_another
from pika.exceptions import AMQPError

from chaos.fault import Site
from chaos.renewing import RenewPassword
from chaos.traffic import NoTraffic
from gameday.clusters.broker import clients_user
from gameday.clusters.connections import connections
from gameday.clusters.held import held
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

FIRST = secrets.token_urlsafe(12)
"""The clients' password; their user lives as long as one test."""


@dataclass
class Clients(NoTraffic):
    """Two clients that log in anew when they are told to, one after another."""

    site: Site
    told: list[str | None] = field(default_factory=list)
    standing: list[pika.BlockingConnection] = field(default_factory=list)

    def open(self, password: str) -> pika.BlockingConnection:
        """Log in with a password."""
        user = clients_user(self.site.vhost), password
        url = self.site.cluster.amqp_url("r1", self.site.vhost, user=user)
        return pika.BlockingConnection(pika.URLParameters(url))

    def renew(self, password: str | None) -> None:
        """Close each connection and open it again with what counts now."""
        self.told.append(password)
        for place, old in enumerate(self.standing):
            old.close()
            self.standing[place] = self.open(password or FIRST)

    def is_refused(self, password: str) -> bool:
        """Whether nobody comes in with a password."""
        try:
            self.open(password).close()
        except AMQPError:
            return True
        return False


@pytest.fixture
def clients(own: Site) -> Iterator[Clients]:
    """Give two clients with a user of their own."""
    name = clients_user(own.vhost)
    own.broker.make_user(name, FIRST, own.vhost)
    found = Clients(own)
    found.standing = [found.open(FIRST), found.open(FIRST)]
    # A node lists a connection only after it has answered its open.
    wait_until(lambda: len(listed(own)) == 2, 10, "both clients are listed")
    yield found
    for each in found.standing:
        if each.is_open:
            each.close()
    own.cluster.management("r1").delete(f"/api/users/{quote(name, safe='')}")


def listed(site: Site) -> set[str]:
    """Name the connections of the site's virtual host, each by its node and process."""
    stand = connections(site.cluster, site.vhost)
    return {f"{node} {pid}" for node, pids in stand.items() for pid in pids}


def test_everybody_logs_in_anew_and_back_again(own: Site, clients: Clients) -> None:
    """The old password is refused while the new one is in force, and the other way round after."""
    site = replace(own, traffic=clients)
    with RenewPassword().inject(site):
        [new] = clients.told
        assert new is not None
        assert clients.is_refused(FIRST)
        assert not clients.is_refused(new)
        assert all(each.is_open for each in clients.standing)

    assert clients.told == [new, None]
    assert clients.is_refused(new)
    assert all(each.is_open for each in clients.standing)
    assert sum(map(len, connections(own.cluster, own.vhost).values())) == 2
    seen = evidence(site, "observed")
    assert (seen["old"], seen["abandoned"], seen["had"], seen["have"]) == (0, 0, 2, 2)
    text = site.journal.path.read_text()
    assert FIRST not in text
    assert new not in text
    healthy(site)


def test_whoever_has_the_journal_gives_the_first_one_back(own: Site, clients: Clients) -> None:
    """Without the run, the old password counts again, by its hash."""
    site = replace(own, traffic=clients)
    undone_by_another(RenewPassword(), site)

    assert not clients.is_refused(FIRST)


def test_whoever_holds_one_is_known_and_nobody_else(own: Site, clients: Clients) -> None:
    """What stands is held by somebody; what its client has closed is not."""
    stand = connections(own.cluster, own.vhost)

    assert set(held(own.cluster, stand)) == listed(own)
    clients.standing[0].close()
    wait_until(lambda: len(held(own.cluster, stand)) == 1, 10, "who closed holds none")


def test_nobody_is_told_where_nobody_is(own: Site) -> None:
    """Where no connection stands there is nothing to be renewed under load, and it says so."""
    own.broker.make_user(clients_user(own.vhost), FIRST, own.vhost)

    with pytest.raises(HarnessError, match="nobody is to log in anew"):
        RenewPassword().capture(own)
