"""What lint's live tests stand on: a virtual host, its export linted, and a client that looks.

Nothing is mocked: a topology is declared through the management API as definitions are imported,
exported again by the same broker, and that export is linted. So a rule is tried on what the
broker itself says, and its consequence on the broker beside it.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.contracts.lint.linting import lint_file

QUORUM = {"x-queue-type": "quorum"}
PERSISTENT = pika.BasicProperties(delivery_mode=2)
ARRIVES_S = 5.0


def queue(name: str, *, durable: bool = True, auto_delete: bool = False, **arguments: Any) -> Any:
    """Return a queue as an import takes it; arguments are named `x_message_ttl=…`."""
    named = {name.replace("_", "-"): value for name, value in arguments.items()}
    return {
        "name": name,
        "durable": durable,
        "auto_delete": auto_delete,
        "arguments": named,
    }


def quorum(name: str, **arguments: Any) -> Any:
    """Return a quorum queue as an import takes it."""
    return queue(name, x_queue_type="quorum", **arguments)


def exchange(name: str, kind: str, **arguments: Any) -> Any:
    """Return an exchange as an import takes it."""
    named = {name.replace("_", "-"): value for name, value in arguments.items()}
    return {
        "name": name,
        "type": kind,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": named,
    }


def binding(source: str, destination: str, key: str = "") -> Any:
    """Return a queue's binding as an import takes it."""
    return {
        "source": source,
        "destination": destination,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }


class Stand:
    """One virtual host on a cluster, for one test."""

    def __init__(self, cluster: LocalCluster, vhost: str, folder: Path, node: str = "r1") -> None:
        self.cluster, self.vhost, self.folder, self.node = cluster, vhost, folder, node
        self.broker = Broker(cluster)
        self.api = cluster.management(node)

    def declare(self, *queues: Any, **sections: Any) -> None:
        """Import a topology into the virtual host."""
        self.api.post(f"/api/definitions/{self.vhost}", {"queues": list(queues), **sections})

    def policy(self, name: str, pattern: str, **definition: Any) -> None:
        """Set a policy; keys are named `ha_mode=…`."""
        named = {key.replace("_", "-"): value for key, value in definition.items()}
        body = {"pattern": pattern, "definition": named, "apply-to": "queues"}
        self.api.put(f"/api/policies/{self.vhost}/{name}", body)

    def found(self, nodes: int = 3) -> set[str]:
        """Return the rules that find something in what the broker exports."""
        exported = self.api.get(f"/api/definitions/{self.vhost}")
        return self._found("definitions.json", json.dumps(exported), nodes)

    def found_of(self, *queues: Any, **sections: Any) -> set[str]:
        """Return the rules that find something in definitions that are not declared yet."""
        return self._found("definitions.json", json.dumps({"queues": queues, **sections}), 3)

    def found_in(self, contract: str, nodes: int = 3) -> set[str]:
        """Return the rules that find something in a contract, on this broker's version."""
        return self._found("contract.yaml", contract, nodes)

    def _found(self, name: str, text: str, nodes: int) -> set[str]:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        linted = lint_file(str(path), self.cluster.version, nodes)
        return {finding.id for finding in linted.findings}

    def bindings(self) -> list[Any]:
        """Return the bindings, without those of the default exchange."""
        exported = self.api.get(f"/api/definitions/{self.vhost}")
        return list(exported["bindings"])

    @contextmanager
    def channel(self, node: str | None = None, *, confirms: bool = True) -> Iterator[Any]:
        """Give a channel of a connection of its own."""
        url = self.cluster.amqp_url(node or self.node, self.vhost)
        connection = pika.BlockingConnection(pika.URLParameters(url))
        try:
            channel = connection.channel()
            if confirms:
                channel.confirm_delivery()
            yield channel
        finally:
            if connection.is_open:
                connection.close()

    def counts(self) -> dict[str, int]:
        """Return how many messages each queue has, delivered ones included."""
        return {name: sum(both) for name, both in self.broker.message_counts(self.vhost).items()}

    def wait_counts(self, **wanted: int) -> None:
        """Wait until queues have so many messages; dots in names are written `__`."""
        expected = {name.replace("__", "."): count for name, count in wanted.items()}

        def reached() -> bool | NotYet:
            counts = self.counts()
            seen = {name: counts.get(name) for name in expected}
            return True if seen == expected else NotYet(f"queues have {seen}")

        wait_until(reached, ARRIVES_S, f"queues have {expected}", poll_ms=50)


def take(channel: BlockingChannel, name: str) -> Any:
    """Return the next delivery of a queue, waiting for it."""
    got: list[Any] = []

    def look() -> bool:
        method, properties, body = channel.basic_get(name)
        got[:] = [method, properties, body]
        return method is not None

    wait_until(look, ARRIVES_S, f"a message of {name} came", poll_ms=20)
    return got


def published(channel: Any, name: str, priorities: tuple[int | None, ...]) -> None:
    """Publish a message of each priority, in this order, each with its priority as its body."""
    for each in priorities:
        properties = pika.BasicProperties(delivery_mode=2, priority=each)
        channel.basic_publish("", name, str(each).encode(), properties, mandatory=True)


def taken(channel: Any, name: str, count: int) -> list[str]:
    """Return the next messages' bodies, each acknowledged before the next is asked for."""
    found = []
    for _ in range(count):
        method, _, body = take(channel, name)
        channel.basic_ack(method.delivery_tag)
        found.append(body.decode())
    return found


def contract(queues: str, producer: str, consumer: str) -> str:
    """Return a small contract of one queue `work`, one producer and one consumer."""
    return f"""\
system: s
title: t
topology: {{queues: [{queues}]}}
messages: [{{name: m, schema: {{type: object}}}}]
producers: [{{name: p, message: m, routing_key: work, rate_per_s: 1{producer and f", {producer}"}}}]
consumers: [{{name: c, queue: work{consumer and f", {consumer}"}}}]
requirements: []
"""


def refusal(act: Callable[[], Any], error: type[Exception]) -> str:
    """Return what the broker says when it refuses."""
    with pytest.raises(error) as raised:
        act()
    return str(raised.value)


@contextmanager
def stopped(cluster: LocalCluster, node: str) -> Iterator[None]:
    """Stop a node's broker, and start it again; its Erlang machine goes on."""
    assert cluster.evaluate(node, "rabbit:stop()", timeout_s=30) == "ok"
    try:
        yield
    finally:
        assert cluster.evaluate(node, "rabbit:start()", timeout_s=60) == "ok"


@contextmanager
def stand_on(cluster: LocalCluster, folder: Path) -> Iterator[Stand]:
    """Give a stand with a virtual host of its own."""
    name = f"lint-{uuid.uuid4().hex[:8]}"
    broker = Broker(cluster)
    broker.make_vhost(name)
    yield Stand(cluster, name, folder)
    broker.drop_vhost(name)
