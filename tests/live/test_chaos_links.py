"""Faults of links on a real cluster: between nodes, and between clients and their node."""

import time
from collections.abc import Iterator

import pika
import pytest
from chaos_stand import evidence, healthy

from chaos import probes
from chaos.degraded import FlapLinks, SlowLinks
from chaos.doors import ClientToxic, CutClients
from chaos.fault import Site
from chaos.journal import read
from chaos.knocking import knock
from chaos.links import CutLinks
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import CLIENT_DOORS, Door
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live


def views_noted(site: Site) -> list[dict[str, dict[str, object]]]:
    """Return what the nodes were seen to make of a cut, in order."""
    return [each["views"] for each in read(site.journal.path) if each["event"] == "views"]


def test_a_cut_between_two_nodes_stops_both_on_mnesia(site: Site) -> None:
    """One link is cut: with Mnesia both its ends pause and the third is alone; with Khepri none."""
    mnesia = site.cluster.version.startswith("3.")
    with CutLinks("r1", "single", peer="r2").inject(site):
        facts = Broker(site.cluster)
        assert probes.over_link(site.cluster, ("r1", "r2")) == "econnrefused"
        assert probes.over_link(site.cluster, ("r1", "r3")) == probes.ANSWERED
        serving = {"r1": not mnesia, "r2": not mnesia, "r3": True}
        wait_until(
            lambda: {node: facts.view(node).serving for node in serving} == serving,
            15,
            "the brokers made up their minds",
            errors=(HarnessError,),
        )
        assert probes.stranded(site.cluster) == [], "who pauses comes back by himself"

    healthy(site)
    assert set(evidence(site, "observed")["whole"].values()) == {probes.ANSWERED}


@pytest.mark.nightly
def test_a_bridge_sees_both_who_do_not_see_each_other(site: Site) -> None:
    """The node in the middle answers both; between the others no greeting passes."""
    with CutLinks("r2", "bridge").inject(site):
        for link in (("r1", "r3"), ("r3", "r1")):
            assert probes.over_link(site.cluster, link) == "econnrefused"
        for link in (("r2", "r1"), ("r2", "r3"), ("r1", "r2"), ("r3", "r2")):
            assert probes.over_link(site.cluster, link) == probes.ANSWERED

    healthy(site)


@pytest.mark.nightly
def test_one_direction_only_is_heard_and_not_answered(site: Site) -> None:
    """The far side hears nothing of it; the near side hears on, until the far side gives up."""
    before = heard_by(site, "r1", "r2")
    with CutLinks("r1", "one_way", "silent", peer="r2").inject(site):
        streams = {each.proxy: each.stream for each in site.cluster.toxics()}
        assert streams == {"r1-r2": "upstream", "r2-r1": "downstream"}
        assert heard_by(site, "r1", "r2") >= before, "what r2 says still arrives"
        wait_until(lambda: "r1" not in Broker(site.cluster).seen_nodes("r2"), 20, "r2 missed r1")

    healthy(site)


def heard_by(site: Site, node: str, peer: str) -> int:
    """Return how many packets a node has had from its peer, over their present connection."""
    name = site.cluster.addresses(peer).erlang_name
    question = (
        f"case net_kernel:node_info('{name}') of"
        " {ok, About} -> proplists:get_value(in, About); _ -> 0 end"
    )
    return int(site.cluster.evaluate(node, question))


@pytest.mark.nightly
def test_an_isolated_node_is_cut_from_all(site: Site) -> None:
    """The whole of one node's links, in silence: a minority of one."""
    with CutLinks("r3", "isolate", "silent").inject(site):
        wait_until(lambda: not Broker(site.cluster).seen_nodes("r3"), 20, "r3 missed its peers")

    healthy(site)


def test_slow_links_take_their_time(site: Site) -> None:
    """A call takes twice the latency, and nobody loses anybody over it."""
    before = probes.connections(site.cluster, "r1")
    with SlowLinks("r1", latency_ms=150, jitter_ms=20).inject(site):
        begun = time.monotonic()
        site.cluster.evaluate("r1", "erpc:call('r2@mq2', erlang, node, [], 5000)")
        assert time.monotonic() - begun > 0.26
        assert Broker(site.cluster).seen_nodes("r1") == {"r2", "r3"}

    healthy(site)
    assert probes.connections(site.cluster, "r1") == before, "no connection was closed for it"
    assert probes.call_ms(site.cluster, ("r1", "r2"), 0) < 100


@pytest.mark.nightly
def test_narrow_links_let_little_through(site: Site) -> None:
    """A large call is slowed to the rate; a small one is not."""
    with SlowLinks("r1", rate_kb=100).inject(site):
        assert probes.call_ms(site.cluster, ("r3", "r1"), 150_000) > 1200
        assert probes.call_ms(site.cluster, ("r3", "r2"), 150_000) < 1000

    healthy(site)


@pytest.mark.nightly
def test_flapping_links_are_not_noticed(site: Site) -> None:
    """Stalls shorter than the tick time close nothing: each node keeps its connections."""
    before = {node: probes.connections(site.cluster, node) for node in site.cluster.nodes}
    with FlapLinks("r1", times=3, stall_ms=1300).inject(site):
        after = {node: probes.connections(site.cluster, node) for node in site.cluster.nodes}
        assert after == before

    healthy(site)
    assert evidence(site, "observed")["unnoticed"] is True
    assert len(evidence(site, "observed")["stalled_s"]) == 3


@pytest.mark.parametrize(
    ("whom", "cut"),
    [
        ("producers", {"producers", "one-producer"}),
        ("consumers", {"consumers", "one-consumer"}),
        ("service:api", {"one-producer", "one-consumer"}),
    ],
)
def test_one_kind_of_clients_is_cut_and_no_other(site: Site, whom: str, cut: set[Door]) -> None:
    """The other doors of the same node answer."""
    with CutClients("r1", whom=whom).inject(site):
        for door in CLIENT_DOORS:
            answer = probes.greet(site.cluster.door_address("r1", door))
            assert (answer == "refused") == (door in cut)

    healthy(site)


@pytest.fixture
def talk(site: Site, vhost: str) -> Iterator[tuple[Site, str]]:
    """Give a site and its virtual host with one queue."""
    with pika.BlockingConnection(pika.URLParameters(site.cluster.amqp_url("r1", vhost))) as line:
        line.channel().queue_declare("q", durable=True)
        yield site, vhost


def opened(site: Site, vhost: str, door: Door = "clients") -> pika.BlockingConnection:
    """Connect by a door, with limits of seconds on everything."""
    parameters = pika.URLParameters(site.cluster.amqp_url("r1", vhost, door))
    parameters.socket_timeout = parameters.stack_timeout = 20
    return pika.BlockingConnection(parameters)


def test_late_clients_are_served_late(talk: tuple[Site, str]) -> None:
    """A synchronous call takes twice the latency by that door, and not by another."""
    site, vhost = talk
    consumer, producer = opened(site, vhost, "consumers"), opened(site, vhost, "producers")
    with ClientToxic("r1", "latency", {"latency_ms": 200}, "producers").inject(site):
        assert asked_ms(producer) > 390
        assert asked_ms(consumer) < 200

    healthy(site)
    assert asked_ms(producer) < 200, "the same connection, as fast as before"


def asked_ms(connection: pika.BlockingConnection) -> float:
    """Return how long a channel takes to open."""
    begun = time.monotonic()
    connection.channel()
    return (time.monotonic() - begun) * 1000


@pytest.mark.nightly
@pytest.mark.parametrize("hears", [0, 1])
def test_half_open_is_one_direction(talk: tuple[Site, str], hears: int) -> None:
    """What one side sends arrives, what it is sent does not: which one, the attribute says."""
    site, vhost = talk
    half, other = opened(site, vhost, "producers"), opened(site, vhost, "consumers")
    speaking = half.channel()
    delivered: list[bytes] = []
    speaking.basic_consume("q", lambda *it: delivered.append(it[-1]), auto_ack=True)
    half.process_data_events(0.5)
    with ClientToxic("r1", "half_open", {"hears": hears}, "producers").inject(site):
        other.channel().basic_publish("", "q", b"to the half-open client")
        if hears:
            wait_until(
                lambda: half.process_data_events(0.1) or bool(delivered), 5, "it was delivered"
            )
            speaking.basic_publish("", "q", b"from it")
            half.process_data_events(1)
            assert len(delivered) == 1, "the broker never heard it, so nothing came back"
        else:
            half.process_data_events(1)
            assert not delivered
            assert Broker(site.cluster).message_counts(vhost) == {"q": (0, 0)}, "it was sent out"

    healthy(site)
    other.close()


TOXICS = [
    ("bandwidth", {"rate_kb": 50}),
    ("slicer", {"size": 40, "delay_us": 3000}),
    ("slow_close", {"delay_ms": 1200}),
    ("limit_data", {"bytes": 100}),
    ("reset_peer", {}),
]


@pytest.mark.nightly
@pytest.mark.parametrize(("toxic", "attributes"), TOXICS)
def test_each_toxic_does_its_own(
    talk: tuple[Site, str], toxic: str, attributes: dict[str, int]
) -> None:
    """Its effect is met at the door that was struck, and not at another."""
    site, vhost = talk
    fault = ClientToxic("r1", toxic, attributes, "consumers")  # type: ignore[arg-type]
    with fault.inject(site):
        MET[toxic](site, vhost, attributes)
        assert probes.greet(site.cluster.door_address("r1", "producers")) == probes.ANSWERED

    healthy(site)
    opened(site, vhost, "consumers").close()


def _narrow(site: Site, vhost: str, attributes: dict[str, int]) -> None:
    """Two seconds' worth of bytes take two seconds to arrive in the queue."""
    connection = opened(site, vhost, "consumers")
    connection.channel().basic_publish("", "q", b"x" * attributes["rate_kb"] * 2000)
    begun = time.monotonic()
    counts = Broker(site.cluster).message_counts
    wait_until(lambda: counts(vhost)["q"][0] == 1, 10, "it arrived", poll_ms=20)
    assert time.monotonic() - begun > 1.5


def _sliced(site: Site, _vhost: str, attributes: dict[str, int]) -> None:
    """Every piece of the broker's greeting is as small as a slice."""
    address = site.cluster.door_address("r1", "consumers")
    pieces = knock(address, probes.AMQP_GREETING, 2).pieces
    assert len(pieces) > 5
    assert sorted(pieces)[len(pieces) // 2] <= attributes["size"]


def _closed_late(site: Site, vhost: str, attributes: dict[str, int]) -> None:
    """See the end that the broker makes at once only after the delay."""
    begun = time.monotonic()
    answer = knock(site.cluster.door_address("r1", "consumers"), b"GET / HTTP/1.1\r\n\r\n", 5)
    assert answer.end == "closed"
    assert (time.monotonic() - begun) * 1000 >= attributes["delay_ms"]
    del vhost


def _cut_short(site: Site, vhost: str, attributes: dict[str, int]) -> None:
    """Nobody gets far enough to log in."""
    del attributes
    with pytest.raises((pika.exceptions.AMQPError, OSError)):
        opened(site, vhost, "consumers")


MET = {
    "bandwidth": _narrow,
    "slicer": _sliced,
    "slow_close": _closed_late,
    "limit_data": _cut_short,
    "reset_peer": _cut_short,
}
