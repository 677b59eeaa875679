"""A contract's topology on a real broker: declared, read back, and routing as was foretold."""

import json
from pathlib import Path

import pika
import pytest

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.contracts.definitions import for_one_vhost, from_definitions, to_definitions
from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.contracts.parts import (
    Binding,
    Exchange,
    ExchangeBinding,
    Policy,
    Queue,
    Topology,
)
from gameday.contracts.topology import difference, route, with_alternative

pytestmark = pytest.mark.live

PATTERNS = ("", "#", "*", "*.*", "a.#", "#.a", "a.*.b", "#.a.#", "*.#", "a.b", "#.*", "*.#.b", "a.")
NESTED = Topology(
    exchanges=(
        Exchange(name="in", type="topic", arguments={"alternate-exchange": "else"}),
        Exchange(name="mid", type="direct"),
        Exchange(name="deaf", type="direct"),
        Exchange(name="else", type="fanout"),
        Exchange(name="last", type="fanout"),
    ),
    queues=tuple(Queue(name=name, type="classic") for name in ("q", "m", "e", "l")),
    bindings=(
        Binding(exchange="in", queue="q", routing_key="a.#"),
        Binding(exchange="mid", queue="m", routing_key="a.b"),
        Binding(exchange="else", queue="e"),
        Binding(exchange="last", queue="l"),
    ),
    exchange_bindings=(
        ExchangeBinding(source="in", destination="mid", routing_key="*.b"),
        ExchangeBinding(source="mid", destination="in", routing_key="a.b"),
        ExchangeBinding(source="in", destination="deaf", routing_key="b"),
    ),
    policies=(
        Policy(name="p", pattern="^(mid|deaf)$", apply_to="exchanges",
               definition={"alternate-exchange": "last"}),
    ),
    operator_policies=(
        Policy(name="o", pattern="^q$", definition={"max-length": 100}),
    ),
)  # fmt: skip
"""A cycle, an alternate by argument, one by policy, and an exchange that takes nothing on."""

KEYS = ("", "a", "b", "a.b", "a.a.b", "b.a", "a.", ".a", "..", "c.a.d", "a.b.c.b")


def sparki(alternative: str | None) -> Contract:
    """Return sparki's contract in one of its shapes."""
    contract = load_contract("sparki")
    return with_alternative(contract, alternative) if alternative else contract


def seen(cluster: LocalCluster, vhost: str) -> Topology:
    """Return the topology as a node other than the one that declared it exports it."""
    return from_definitions(cluster.management("r2").get(f"/api/definitions/{vhost}"), vhost)


@pytest.mark.parametrize("alternative", [None, "quorum-builds"])
def test_declaring_twice_leaves_exactly_the_contract(
    cluster: LocalCluster, broker: Broker, vhost: str, alternative: str | None
) -> None:
    """Import is idempotent, and the broker then has the contract's topology and nothing else."""
    contract = sparki(alternative)
    definitions = to_definitions(contract, vhost, cluster.version)
    for _ in range(2):
        cluster.management("r1").post(f"/api/definitions/{vhost}", definitions)
        assert difference(contract.topology, seen(cluster, vhost), cluster.version) == []


def test_what_an_operator_changes_by_hand_is_told(
    cluster: LocalCluster, broker: Broker, vhost: str
) -> None:
    """A queue deleted, one made and a binding moved are three kinds of sentence."""
    contract, api = sparki(None), cluster.management("r1")
    api.post(f"/api/definitions/{vhost}", to_definitions(contract, vhost, cluster.version))
    api.delete(f"/api/queues/{vhost}/notifications")
    api.put(f"/api/queues/{vhost}/extra", {"durable": True, "arguments": {}})
    api.post(f"/api/bindings/{vhost}/e/dlx/q/builds", {"routing_key": "x"})
    assert difference(contract.topology, seen(cluster, vhost), cluster.version) == [
        "queue notifications is missing on the broker",
        "queue extra is on the broker, but not in the contract",
        "binding dlx -> builds with key 'x' is on the broker, but not in the contract",
    ]


def test_a_definitions_file_makes_the_whole_vhost(
    cluster: LocalCluster, broker: Broker, vhost: str, state_dir: Path
) -> None:
    """The file that rabbitmqctl imports needs nothing beside it, not even its vhost."""
    contract, made = sparki(None), f"{vhost}-file"
    # Below the cluster's folder: a broker in a tree of its own sees nothing else of this machine.
    path = cluster.record.folder / "definitions.json"
    path.write_text(json.dumps(to_definitions(contract, made, cluster.version)), encoding="utf-8")
    inside = cluster.record.release.inside(cluster.record.folder, path)
    try:
        cluster.ctl("r1", "import_definitions", inside)
        exported = cluster.management("r2").get("/api/definitions")
        observed = from_definitions(exported, made)
        assert difference(contract.topology, observed, cluster.version) == []
    finally:
        broker.drop_vhost(made)
        path.unlink()


def test_topics_route_as_the_broker_does(cluster: LocalCluster, broker: Broker, vhost: str) -> None:
    """For every pattern and key here the broker reaches the very queues that route names."""
    topology = Topology(
        exchanges=(Exchange(name="x", type="topic"),),
        queues=tuple(Queue(name=f"q{i}", type="classic") for i in range(len(PATTERNS))),
        bindings=tuple(
            Binding(exchange="x", queue=f"q{i}", routing_key=pattern)
            for i, pattern in enumerate(PATTERNS)
        ),
    )
    with pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r1", vhost))) as connection:
        channel = connection.channel()
        channel.exchange_declare("x", "topic", durable=True)
        for binding in topology.bindings:
            channel.queue_declare(binding.queue, durable=True)
            channel.queue_bind(binding.queue, "x", binding.routing_key)
        channel.confirm_delivery()
        for key in KEYS:
            channel.basic_publish("x", key, b"")
            reached = tuple(
                queue.name
                for queue in topology.queues
                if channel.basic_get(queue.name, auto_ack=True)[0]
            )
            assert reached == route(topology, "x", key), f"key {key!r}"


def test_exchanges_behind_exchanges_route_as_the_broker_does(
    cluster: LocalCluster, broker: Broker, vhost: str
) -> None:
    """Bindings between exchanges and alternate exchanges lead where route says, cycles included."""
    with pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r1", vhost))) as connection:
        contract = Contract.model_construct(topology=NESTED)
        definitions = to_definitions(contract, vhost, cluster.version)
        cluster.management("r1").post(f"/api/definitions/{vhost}", for_one_vhost(definitions))
        assert difference(NESTED, seen(cluster, vhost), cluster.version) == []
        channel = connection.channel()
        channel.confirm_delivery()
        for key in ("a", "a.b", "b", "c", "d.e"):
            channel.basic_publish("in", key, b"")
            reached = tuple(
                queue.name
                for queue in NESTED.queues
                if channel.basic_get(queue.name, auto_ack=True)[0]
            )
            assert reached == route(NESTED, "in", key), f"key {key!r}"


def test_a_rejected_message_lies_in_the_dlq_that_the_contract_names(
    cluster: LocalCluster, broker: Broker, vhost: str
) -> None:
    """Rejecting in builds and deployments fills their DLQs, each with its reason and queue."""
    contract = sparki(None)
    definitions = to_definitions(contract, vhost, cluster.version)
    cluster.management("r1").post(f"/api/definitions/{vhost}", definitions)
    with pika.BlockingConnection(pika.URLParameters(cluster.amqp_url("r3", vhost))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=1)
        for queue in ("builds", "deployments"):
            channel.basic_publish("", queue, b"poison", mandatory=True)
            taken, _, _ = next(channel.consume(queue, inactivity_timeout=10))
            assert taken is not None
            channel.basic_reject(taken.delivery_tag, requeue=False)
            channel.cancel()
            dead = next(channel.consume(f"{queue}.failed", inactivity_timeout=10))
            assert dead[0] is not None, f"nothing came to {queue}.failed"
            headers = dead[1].headers
            assert headers["x-first-death-queue"] == queue
            assert headers["x-first-death-reason"] == "rejected"
            channel.cancel()
