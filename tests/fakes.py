"""An in-memory broker that writes a whole run folder, as a real run of sparki's smoke would.

`simulate` drives publishers, workers and faults through a plan and returns a `FakeRun`: tapes,
journal, manifest, metrics, all still in memory, so that a mutant can damage one thing; `write`
makes the folder. `--bug` switches one fault of the broker or of a client on.

    python -m tests.fakes OUT --messages N --seed S [--bug NAME]
"""

import argparse
import random
from pathlib import Path

from gameday.history.records import NO_PRIORITY, Kind
from tests.fake_broker import MILLISECOND, SECOND, ZERO_NS, Broker, Clock, Message, Queue
from tests.fake_clients import Pool
from tests.fake_contract import contract
from tests.fake_controls import add_controls
from tests.fake_episodes import EPISODES, STEADY_S, Episodes, end_s
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_worker import Worker, seen

BUGS = (
    "lose_confirmed", "lose_one_in_ten_thousand", "lose_on_kill", "duplicate_unflagged",
    "ignore_priority", "dlq_drop", "dlq_wrong", "dlq_reason", "swap_order", "corrupt_body",
    "change_priority", "foreign", "hung_consumer", "poison_swallowed", "unlimited_retries",
    "prefetch_ignored", "stuck_confirm", "slow_failover", "never_unblocked", "control_not_caught",
    "vacuous",
)  # fmt: skip


class Simulation:
    """One run: broker, clients and episodes on one clock."""

    def __init__(self, messages: int, seed: int, bug: str | None) -> None:
        assert bug is None or bug in BUGS, f"no such bug: {bug}; there are {', '.join(BUGS)}"
        self.random = random.Random(seed)
        self.seed, self.bug = seed, bug
        self.clock = Clock()
        self.broker = Broker(self.clock, self.random, bug)
        surges = sum(episode.surge for episode in EPISODES)
        self.surge = 80 if messages >= 2000 else max(1, messages // (6 * surges))
        total = max(1, messages - 2 * self.surge * surges)
        self.rate_per_s = total / (end_s() - 2)
        self.contract = contract(self.rate_per_s)
        for queue in self.contract.topology.queues:
            dead = queue.arguments.get("x-dead-letter-routing-key")
            fake = Queue(queue.name, queue.type, queue.max_priority, dead)
            self.broker.queues[queue.name] = fake
        self.journal = Journal()
        self.tapes: list[Tape] = []
        self.workers: list[Worker] = []
        self.sequence = 0

    def tape(self, role: str, scope: str = "work") -> Tape:
        """Begin another process's tape, and journal that the process started."""
        tape = Tape(len(self.tapes) + 1, role, scope)
        self.tapes.append(tape)
        self.journal.add(
            self.clock.now,
            "process",
            process=tape.process,
            role=role,
            pid=4000 + tape.process,
            state="started",
            meant=True,
            code=None,
        )
        return tape

    def start(self) -> None:
        """Start the publishing process with its pools, and the workers."""
        locust = self.tape("publisher")
        self.pools = {
            producer.name: Pool(locust, self.broker, producer.name, producer.pool)
            for producer in self.contract.producers
        }
        for consumer in self.contract.consumers:
            for number in range(consumer.workers):
                self.start_worker(consumer.name, f"r{number + 1}")
        if self.bug == "hung_consumer":
            worker = self.workers[1]
            self.clock.at(ZERO_NS + 40 * SECOND, lambda: setattr(worker, "hung", True))

    def start_worker(self, name: str, node: str) -> None:
        """Start one worker process of a consumer."""
        consumer = next(each for each in self.contract.consumers if each.name == name)
        queue = self.broker.queues[consumer.queue]
        service_ns = int(consumer.service_ms * MILLISECOND)
        worker = Worker(
            self.tape("worker"), self.broker, queue, name, node, service_ns,
            consumer.prefetch, consumer.parallel,
        )  # fmt: skip
        self.workers.append(worker)

    def schedule(self) -> None:
        """Lay down what falls due when: an even flow, and the surges of the episodes."""
        for producer in self.contract.producers:
            gap_ns = int(SECOND / producer.rate_per_s)
            due = ZERO_NS + 2 * SECOND + self.random.randrange(gap_ns)
            while due < ZERO_NS + end_s() * SECOND:
                self.clock.at(due, self.send, producer.name, due)
                due += int(gap_ns * self.random.uniform(0.5, 1.5))

    def send(self, producer_name: str, due_ns: int) -> None:
        """One message falls due."""
        producer = next(each for each in self.contract.producers if each.name == producer_name)
        mix, draw = producer.mix, self.random.random()
        fate = "ok"
        for name in ("transient", "exhausted", "permanent"):
            share = getattr(mix, name)
            if draw < share:
                fate = name
                break
            draw -= share
        choices = list(producer.priorities) or [NO_PRIORITY]
        self.sequence += 1
        message = Message(
            1,
            self.sequence,
            due_ns,
            producer.routing_key,
            producer.message,
            self.random.choice(choices),
            fate,
        )
        self.pools[producer_name].send(message)

    def finish(self) -> None:
        """Stop the publishers, let the workers finish, close everything, drain."""
        self.clock.run(ZERO_NS + (end_s() + 3) * SECOND)
        self.gate("publishers_stopped")
        self.journal.add(
            self.clock.now,
            "health",
            at="drain",
            healthy=True,
            views={node: ["r1", "r2", "r3"] for node in ("r1", "r2", "r3")},
            partitions=[],
            alarms=[],
            detail="",
        )
        self.gate("healthy")
        self.clock.run(ZERO_NS + (end_s() + 15) * SECOND)
        self.gate("consumers_done")
        for worker in self.workers:
            worker.link.close(0, again=False)
            worker.publisher.close(0, again=False)
        for pool in self.pools.values():
            for publisher in pool.publishers:
                publisher.close(0, again=False)
        self.gate("closed")
        self.drain()

    def gate(self, name: str) -> None:
        """Journal a gate of the drain."""
        self.journal.add(self.clock.now, "drain", gate=name, ok=True, detail="")

    def drain(self) -> None:
        """Read every queue to the end, record and acknowledge."""
        tape = self.tape("drain")
        queue_names = list(self.broker.queues)
        connection = tape.name("connection", {"node": "r1", "role": "drain", "client": "drain"})
        channel = tape.name("channel", {"connection": connection, "number": 1, "role": "drain"})
        tape.add(Kind.CONNECTION_OPENED, self.clock.now, channel=connection)
        tape.add(Kind.CHANNEL_OPENED, self.clock.now, channel=channel)
        tag = 0
        for name in queue_names:
            for _, _, copy in sorted(self.broker.queues[name].waiting, key=lambda each: each[:2]):
                tag += 1
                self.clock.now += MILLISECOND
                index = tape.name("queue", name)
                message = copy.message
                tape.add(
                    Kind.DRAINED,
                    self.clock.now,
                    channel=channel,
                    tag=tag,
                    queue=index,
                    sequence=message.sequence,
                    producer=message.producer,
                    attempt=copy.attempt,
                    **seen(tape, copy, whole=True),
                )
                tape.add(Kind.ACKED, self.clock.now, channel=channel, tag=tag)
            empty = tape.name("queue", name)
            tape.add(Kind.DRAIN_EMPTY, self.clock.now, channel=channel, queue=empty)
        self.clock.now += 3 * SECOND
        self.gate("fixpoint")
        self.journal.add(self.clock.now, "counts", messages=dict.fromkeys(queue_names, 0))
        self.gate("counts")


def simulate(messages: int = 4000, seed: int = 1, bug: str | None = None) -> FakeRun:
    """Run a whole game day in memory."""
    simulation = Simulation(messages, seed, bug)
    simulation.start()
    simulation.schedule()
    episodes = Episodes(simulation)
    episodes.plan()
    simulation.clock.run(ZERO_NS + STEADY_S * SECOND)
    simulation.clock.run(ZERO_NS + end_s() * SECOND)
    simulation.finish()
    episodes.end()
    add_controls(simulation)
    return FakeRun.of(simulation)


def main() -> None:
    """Write a run folder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bug", choices=BUGS)
    given = parser.parse_args()
    simulate(given.messages, given.seed, given.bug).write(given.out)


if __name__ == "__main__":
    main()
