"""RabbitMQ's side of a migration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gameday.clusters.broker import Broker
from gameday.clusters.cluster import How
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.contracts.model import Contract
from gameday.contracts.topology import with_alternative
from gameday.errors import HarnessError
from gameday.traffic.celery.drain import Left, drain_rabbitmq
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.wiring import QUEUE, TIMEOUTS, Wiring
from scenarios.migration.rows import Row
from scenarios.migration.sides import Depth
from scenarios.prepare import declare

READY_WITHIN_S = 40.0
HEALTHY_WITHIN_S = 60.0
DEAD = "evaluations.dead"
MORE_THAN_ANY_DISK_BYTES = 2**60


@dataclass
class RabbitSide:
    """RabbitMQ in one setting: a virtual host of its own with the contract's topology."""

    row: Row
    cluster: LocalCluster
    vhost: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    killed: str = ""

    def __post_init__(self) -> None:
        self.broker = Broker(self.cluster)

    def declare(self, contract: Contract) -> None:
        """Make the virtual host with the contract's topology, and read the queue back."""
        if self.row.alternative:
            contract = with_alternative(contract, self.row.alternative)
        declare(self.broker, self.vhost, contract)
        self.wait_ready()
        queues = {
            each["name"]: each for each in self.broker.export_definitions(self.vhost)["queues"]
        }
        found = queues[QUEUE]
        self.arguments = {**found["arguments"]}
        if found["type"] != "classic":
            self.arguments = {"x-queue-type": found["type"], **self.arguments}

    def wait_ready(self) -> None:
        """Wait until every node runs and every copy of every queue is in step."""
        self.broker.wait_healthy(HEALTHY_WITHIN_S)

        def complete() -> bool | NotYet:
            behind = {
                name: sorted(state.members - state.in_step)
                for name, state in self.broker.queues(self.vhost).items()
                if state.members != state.in_step
            }
            return NotYet(behind) if behind else True

        wait_until(complete, READY_WITHIN_S, "every copy of every queue in step",
                   errors=(HarnessError,))  # fmt: skip

    def wiring(self, results: str = "", *, is_mapped: bool = True) -> Wiring:
        """Return how the application is wired to it: every node, one after another."""
        urls = tuple(self.cluster.amqp_url(node, self.vhost) for node in self.cluster.nodes)
        return Wiring(
            "rabbitmq", urls, self.arguments, self.row.options, self.row.heartbeat_s, results,
            is_mapped,
        )  # fmt: skip

    def worker_urls(self) -> tuple[str, ...]:
        """Return where workers connect: every node, one after another."""
        nodes = self.cluster.nodes
        return tuple(self.cluster.amqp_url(node, self.vhost, "consumers") for node in nodes)

    def depth(self) -> Depth:
        """Count the queue of tasks."""
        ready, unacked = self.broker.message_counts(self.vhost).get(QUEUE, (0, 0))
        return Depth(ready, unacked)

    def busiest(self) -> str:
        """Return the queue of tasks."""
        return QUEUE

    def kill(self) -> dict[str, Any]:
        """Kill the node that leads the queue of tasks."""
        leader = self.broker.queue_leaders(self.vhost)[self.busiest()]
        before = self.depth()
        pid = self.cluster.process_id(leader)
        self.killed = leader
        self.cluster.kill(leader)
        return {"killed": leader, "pid": pid, "ready_before": before.ready,
                "unacked_before": before.unacked}  # fmt: skip

    def start(self) -> None:
        """Start the node again, and wait until every copy is in step."""
        if self.killed and not self.cluster.is_running(self.killed):
            self.cluster.start(self.killed)
        self.killed = ""
        self.wait_ready()

    def cut(self, how: How) -> dict[str, Any]:
        """Cut the clients of every node off."""
        for node in self.cluster.nodes:
            self.cluster.cut_clients(node, how)
        refused = self.cluster.disabled_proxies()
        silent = sorted({each.proxy for each in self.cluster.toxics()})
        return {"cut": bool(refused or silent), "how": how, "where": refused or silent}

    def silence_workers(self) -> dict[str, Any]:
        """Swallow what goes to and from the workers, on every node."""
        for node in self.cluster.nodes:
            self.cluster.cut_doors(node, ("consumers",), "silent")
        silent = sorted({each.proxy for each in self.cluster.toxics()})
        return {"cut": bool(silent), "how": "silent", "where": silent}

    def mend(self) -> None:
        """Let all clients through again."""
        for node in self.cluster.nodes:
            self.cluster.mend_clients(node)

    def fill(self) -> dict[str, Any]:
        """Raise the memory alarm of the first node: publishers of all nodes are blocked."""
        node = self.cluster.nodes[0]
        self.broker.set_memory_watermark(node, 0)

        def alarmed() -> bool:
            return any(alarm.kind == "memory" for alarm in self.broker.alarms(node))

        wait_until(alarmed, 10, f"the memory alarm of {node}", poll_ms=50)
        return {"alarm": "memory", "node": node}

    def make_room(self) -> None:
        """Restore the limit that was in force when the cluster started."""
        node = self.cluster.nodes[0]
        self.broker.restore_limits(node, self.cluster.own_limits(node))
        wait_until(lambda: not self.broker.alarms(node), 20, f"{node} without alarms", poll_ms=50)

    def fill_disk(self) -> dict[str, Any]:
        """Raise the disk alarm of the first node: publishers of all nodes are blocked."""
        node = self.cluster.nodes[0]
        self.broker.set_disk_free_limit(node, MORE_THAN_ANY_DISK_BYTES)

        def alarmed() -> bool:
            return any(alarm.kind == "disk" for alarm in self.broker.alarms(node))

        wait_until(alarmed, 10, f"the disk alarm of {node}", poll_ms=50)
        return {"alarm": "disk", "node": node}

    def free_disk(self) -> None:
        """Restore the limit that was in force when the cluster started."""
        self.make_room()

    def restore(self) -> None:
        """Start every node, let clients through, and lift the alarm."""
        for node in self.cluster.nodes:
            if not self.cluster.is_running(node):
                self.cluster.start(node)
        self.mend()
        self.make_room()
        self.wait_ready()

    def drain(self, ledger: TaskLedger) -> Left:
        """Take what lies in the queues of tasks, dead letters and timeouts."""
        url = self.cluster.amqp_url(self.broker.serving_node(), self.vhost, "spare")
        return drain_rabbitmq(url, (QUEUE, DEAD, TIMEOUTS), ledger)

    def process_ids(self) -> list[int]:
        """Return the nodes' processes."""
        found = (self.cluster.process_id(node) for node in self.cluster.nodes)
        return [pid for pid in found if pid is not None]
