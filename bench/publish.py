"""What a message costs: `python bench/publish.py [--messages N] [--broker B] [--profile]`.

One gevent process publishes and consumes with the ledger on: 1 kB, persistent, confirmed, at most
500 unconfirmed, prefetch 100, into a classic queue with `x-max-priority` on a cluster of three, by
one connection each to the node that leads it, past Toxiproxy, as PerfTest would. `--spread`
connects to all three nodes instead, so that most messages cross a proxied link twice; `--validate`
adds the schemas, `--mirrored` the contract's policy (before 4.0). CPU is this process's own.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
from _figures import figure, say_load
from gevent.event import Event

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, local_cluster
from gameday.clusters.settings import BrokerSettings
from gameday.contracts.load import load_contract
from gameday.contracts.model import Consumer as ConsumerContract
from gameday.contracts.model import Mix
from gameday.history.ledger import LedgerWriter
from gameday.traffic.consumer import Consumer
from gameday.traffic.lanes import Manners
from gameday.traffic.messages import Route, Sequences, Source
from gameday.traffic.purpose import Target
from gameday.traffic.sender import Sender
from gameday.traffic.settling import Tools
from gameday.traffic.validation import validator
from scenarios.prepare import declare

CONTRACT = load_contract("sparki")
QUEUE = "builds"
UNCONFIRMED = 500
PREFETCH = 100
WARM = 3000
WITHIN_S = 180
VHOST = "chaos-bench"


class Clients:
    """The publisher and the consumer of the measurement."""

    def __init__(self, folder: Path, targets: tuple[Target, ...], *, validate: bool) -> None:
        self.ledger = LedgerWriter(folder, "bench", 1, "bench")
        self.pool = len(targets)
        self.sender = Sender(self.ledger, targets, Manners("bench", pool=self.pool))
        self._source = self._make_source()
        self._open = 0
        self._room = Event()
        contract = ConsumerContract(
            name="bench", queue=QUEUE, prefetch=PREFETCH, service_ms=0, retry="none"
        )
        check = validator(CONTRACT) if validate else lambda *_: True
        tools = Tools(self.ledger, targets, None, check, {})
        self.consumers = [
            Consumer(contract, tools, number, f"c{number}") for number in range(self.pool)
        ]

    def _make_source(self) -> Source:
        producer = CONTRACT.producers[0].model_copy(update={"mix": Mix()})
        kind = next(each for each in CONTRACT.messages if each.name == producer.message)
        value = {"exchange": "", "routing_key": QUEUE, "type": kind.name, "queues": [QUEUE]}
        route = Route(self.ledger.intern("route", value), "", QUEUE, kind.name)
        return Source(producer, kind, None, route, process=1, seed=1, sequences=Sequences())

    @property
    def handled(self) -> int:
        """How many messages have been consumed."""
        return sum(each.served.handled for each in self.consumers)

    def connect(self) -> None:
        """Wait until everything is connected."""
        with gevent.Timeout(60):
            while self.sender.open_links < self.pool or not self._all_consuming():
                gevent.sleep(0.05)

    def _all_consuming(self) -> bool:
        return all(each.is_consuming for each in self.consumers)

    def move(self, count: int) -> None:
        """Publish and consume so many messages."""
        goal = self.handled + count
        sender, source = self.sender, self._source
        with gevent.Timeout(WITHIN_S):
            for _ in range(count):
                while self._open >= UNCONFIRMED:
                    self._room.clear()
                    self._room.wait()
                message = source.next(time.monotonic_ns())
                message.done = self._answered
                self._open += 1
                sender.send(message)
            while self.handled < goal:
                gevent.sleep(0.005)

    def _answered(self, _: bool) -> None:
        self._open -= 1
        self._room.set()

    def close(self) -> None:
        """Close everything."""
        for consumer in self.consumers:
            consumer.drain(10)
        self.sender.close()
        self.ledger.close()


@contextmanager
def clients(
    cluster: LocalCluster, *, validate: bool, mirrored: bool, spread: bool
) -> Iterator[Clients]:
    """Give connected clients on a fresh queue."""
    policies = CONTRACT.topology.policies if mirrored else ()
    topology = CONTRACT.topology.model_copy(update={"policies": policies})
    declare(Broker(cluster), VHOST, CONTRACT.model_copy(update={"topology": topology}))
    leader = Broker(cluster).queue_leaders(VHOST)[QUEUE]
    chosen = cluster.nodes if spread else (leader,)
    targets = tuple(Target(node, _direct(cluster, node)) for node in chosen)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        made = Clients(Path(folder), targets, validate=validate)
        try:
            made.connect()
            yield made
        finally:
            made.close()


def _direct(cluster: LocalCluster, node: str) -> str:
    """Return the node's own address, past Toxiproxy."""
    addresses = cluster.addresses(node)
    return cluster.amqp_url(node, VHOST).replace(str(addresses.client), str(addresses.direct))


def measure(made: Clients, count: int) -> None:
    """Print rate and cost."""
    made.move(WARM)
    say_load()
    begun, cpu = time.perf_counter(), time.process_time()
    made.move(count)
    took_s, used_s = time.perf_counter() - begun, time.process_time() - cpu
    figure("publish_consume_rate", count / took_s, "messages/s", "at least 8000")
    figure("publish_consume_cpu", used_s / count * 1e6, "us/message", "PerfTest: 32 to 33")


def main() -> None:
    """Start a cluster, measure, and end it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--broker")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--mirrored", action="store_true")
    parser.add_argument("--spread", action="store_true")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as state,
        local_cluster(BrokerSettings(), broker=asked.broker, state_dir=Path(state)) as cluster,
        clients(
            cluster, validate=asked.validate, mirrored=asked.mirrored, spread=asked.spread
        ) as made,
    ):
        if not asked.profile:
            measure(made, asked.messages)
            return
        profile = cProfile.Profile()
        profile.runcall(made.move, asked.messages)
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main()
