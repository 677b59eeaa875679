"""Facts about a running cluster, and waits for them, whatever started it.

Every fact is asked of a node in one expression over the control path, never of the management
API's statistics, which are seconds old. Every question has a limit and ends in `HarnessError`
when it is not answered: a paused minority or a hanging node never hangs the harness.
"""

import json
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from gameday.clusters import expressions, leaders, limits
from gameday.clusters.cluster import ControlledCluster
from gameday.clusters.facts import Alarm, ConsumerState, Definitions, NodeView, QueueState
from gameday.clusters.limits import Limits
from gameday.clusters.management import LARGE_LIMIT_S
from gameday.clusters.views import views_of
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError, UnansweredError

VIEW_LIMIT_S = 4.0


def clients_user(vhost: str) -> str:
    """Return the name of the user that the clients of a run's virtual host have to themselves."""
    return f"{vhost}-clients"


class Broker:
    """What the harness asks a cluster, and the few things that it orders."""

    counts_age_s = 0.0

    def __init__(self, cluster: ControlledCluster) -> None:
        self.cluster = cluster
        names = {cluster.addresses(node).erlang_name: node for node in cluster.nodes}
        self._names = names
        major, minor, *_ = cluster.version.split(".")
        self._version = int(major), int(minor)

    def view(self, node: str) -> NodeView:
        """Return the cluster as a node sees it."""
        found = json.loads(
            self.cluster.evaluate(node, expressions.VIEW, timeout_s=VIEW_LIMIT_S),
        )
        return NodeView(
            node=node,
            serving=found["serving"],
            seen=frozenset(map(self._short, found["seen"])),
            running=frozenset(map(self._short, found["running"])),
            partitions=tuple(map(self._short, found["partitions"])),
            alarms=tuple(Alarm(kind, self._short(name)) for kind, name in found["alarms"]),
        )

    def views(self) -> dict[str, NodeView | HarnessError]:
        """Return every node's view, asked at once, or the reason why it has none."""
        return views_of(self.cluster.nodes, self.view)

    def seen_nodes(self, node: str) -> frozenset[str]:
        """Return the peers that a node is connected to: the proof of a cut and of its mending."""
        return frozenset(map(self._short, self._json_names(node, "nodes()")))

    def running_nodes(self, node: str) -> frozenset[str]:
        """Return the nodes whose broker runs, itself included, as a node sees it."""
        return self.view(node).running

    def alarms(self, node: str) -> tuple[Alarm, ...]:
        """Return the alarms in force, anywhere in the cluster, as a node knows them."""
        return self.view(node).alarms

    def problems(self) -> list[str]:
        """Return every reason why the cluster is not healthy, one sentence each."""
        return [
            problem for node, view in self.views().items() for problem in self._wrong(node, view)
        ]

    def wait_healthy(self, within_s: float, *, sustained_s: float = 0) -> float:
        """Wait until every node runs in every node's view, without partition or alarm.

        Returns how long it took until that was so, and then stayed so for `sustained_s`.
        """
        started = since = time.monotonic()

        def healthy() -> bool | NotYet:
            nonlocal since
            problems = self.problems()
            if problems:
                since = time.monotonic()
                return NotYet("; ".join(problems))
            held_s = time.monotonic() - since
            return True if held_s >= sustained_s else NotYet(f"healthy for {held_s:.1f} s")

        wait_until(healthy, within_s + sustained_s, "every node healthy", poll_ms=100)
        return since - started if sustained_s else time.monotonic() - started

    def ticktime(self, node: str) -> int:
        """Return the node's `net_ticktime` in seconds, as it is in force."""
        return int(self.cluster.evaluate(node, "net_kernel:get_net_ticktime()"))

    def queues(self, vhost: str) -> dict[str, QueueState]:
        """Return every queue of a virtual host, with its leader and its members."""
        rows = self._json(self.serving_node(), expressions.queues(vhost, self._version))
        return {row["name"]: self._queue(row) for row in rows}

    def vhosts(self) -> tuple[str, ...]:
        """Return the names of every virtual host."""
        return tuple(self._json(self.serving_node(), expressions.VHOSTS))

    def members(self, node: str) -> frozenset[str]:
        """Return the nodes that belong to the cluster by a node's own word, running or not."""
        return frozenset(map(self._short, self._json(node, expressions.MEMBERS)))

    def queue_leaders(self, vhost: str) -> dict[str, str]:
        """Return the node that leads each queue."""
        return {name: queue.leader for name, queue in self.queues(vhost).items()}

    def queue_members(self, vhost: str) -> dict[str, frozenset[str]]:
        """Return the nodes that hold a copy of each queue."""
        return {name: queue.members for name, queue in self.queues(vhost).items()}

    def message_counts(self, vhost: str) -> dict[str, tuple[int, int]]:
        """Return each queue's messages: those ready, and those delivered and unacknowledged."""
        rows = self._json(self.serving_node(), expressions.counts(vhost))
        dumb = [f"{row['name']}: {row['reason']}" for row in rows if "reason" in row]
        if dumb:
            raise UnansweredError(f"no count of {'; '.join(dumb)}")
        return {
            row["name"]: (row["total"] - row["unacknowledged"], row["unacknowledged"])
            for row in rows
        }

    def consumers(self, vhost: str) -> tuple[ConsumerState, ...]:
        """Return every consumer of a virtual host."""
        rows = self._json(self.serving_node(), expressions.consumers(vhost))
        return tuple(ConsumerState(**{**row, "node": self._short(row["node"])}) for row in rows)

    def export_definitions(self, vhost: str, node: str | None = None) -> Definitions:
        """Return a virtual host's topology, as a node has it, or else the first that serves.

        A queue's type is in `type`, not in its arguments.
        """
        api = self.cluster.management(node or self.serving_node())
        found = api.get(f"/api/definitions/{quote(vhost, safe='')}")
        return Definitions(
            queues=[with_type(queue) for queue in found["queues"]],
            exchanges=found["exchanges"],
            bindings=found["bindings"],
            policies=found["policies"],
            parameters=found.get("parameters", []),
        )

    def make_vhost(self, name: str) -> None:
        """Make a virtual host and wait until every node serves it."""
        node = self.serving_node()
        api = self.cluster.management(node)
        path = quote(name, safe="")
        api.put(f"/api/vhosts/{path}", limit_s=LARGE_LIMIT_S)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        api.put(f"/api/permissions/{path}/{quote(self.cluster.username, safe='')}", everything)
        question = expressions.vhost_alive_everywhere(name)
        wait_until(
            lambda: self.cluster.evaluate(node, question) == "true",
            20,
            f"virtual host {name} served everywhere",
        )

    def make_user(self, name: str, password: str, vhost: str) -> None:
        """Make a user who may do everything in one virtual host, and nothing else."""
        api = self.cluster.management(self.serving_node())
        path = quote(name, safe="")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        api.put(f"/api/users/{path}", {"password": password, "tags": ""})
        api.put(f"/api/permissions/{quote(vhost, safe='')}/{path}", everything)

    def drop_vhost(self, name: str, *, within_s: float = 60) -> None:
        """Delete a virtual host with all that is in it; harmless when there is none."""
        order = expressions.delete_vhost(name, self.cluster.username)
        answer = self.cluster.evaluate(self.serving_node(), order, timeout_s=within_s)
        if answer != "ok":
            raise HarnessError(f"virtual host {name} was not deleted: {answer}")

    def move_leaders(self, vhost: str, queues: Iterable[str], node: str) -> None:
        """Make a node the leader of queues, verified, with every copy in step again."""
        leaders.move_leaders(self, vhost, queues, node)

    def disk_free(self, node: str) -> int:
        """Return the free disk in bytes as the node last saw it."""
        return limits.disk_free(self.cluster, node)

    def disk_free_limit(self, node: str) -> int:
        """Return the free disk in bytes below which the node raises its alarm."""
        return limits.disk_free_limit(self.cluster, node)

    def set_disk_free_limit(self, node: str, limit_bytes: int) -> None:
        """Set the disk limit; with more than is free the alarm is in force on return."""
        limits.set_disk_free_limit(self.cluster, node, limit_bytes)

    def memory(self, node: str) -> tuple[int, int]:
        """Return how much memory a node uses, and at how much it raises its alarm, in bytes."""
        return limits.memory(self.cluster, node)

    def memory_watermark(self, node: str) -> float:
        """Return the memory watermark: a fraction, or bytes where an absolute one is set."""
        return limits.memory_watermark(self.cluster, node)

    def set_memory_watermark(self, node: str, watermark: float) -> None:
        """Set the memory watermark; zero raises the alarm at once."""
        limits.set_memory_watermark(self.cluster, node, watermark)

    def restore_limits(self, node: str, own: Limits) -> None:
        """Give a node its own alarm limits back; harmless when it has them."""
        limits.restore_limits(self.cluster, node, own)

    def serving_node(self) -> str:
        """Return the first node that serves and sees a majority."""
        reasons = []
        for node in self.cluster.nodes:
            try:
                view = self.view(node)
            except HarnessError as error:
                reasons.append(str(error))
                continue
            if view.serving and 2 * len(view.running) > len(self.cluster.nodes):
                return node
            reasons.append(f"{node} serves: {view.serving}, runs: {sorted(view.running)}")
        raise HarnessError(f"no node serves with a majority: {'; '.join(reasons)}")

    def _short(self, erlang_name: str) -> str:
        """Return a node's short name; a stranger keeps his own."""
        return self._names.get(erlang_name, erlang_name)

    def _wrong(self, node: str, view: NodeView | HarnessError) -> Iterable[str]:
        """Yield what is not well in one node's view."""
        if isinstance(view, HarnessError):
            yield str(view)
            return
        missing = frozenset(self.cluster.nodes) - view.running
        if missing:
            yield f"{node} sees {', '.join(sorted(missing))} not running"
        if view.partitions:
            yield f"{node} notes a partition from {', '.join(view.partitions)}"
        for alarm in view.alarms:
            yield f"{node} knows a {alarm.kind} alarm on {alarm.node}"

    def _queue(self, row: dict[str, Any]) -> QueueState:
        """Return one queue with the nodes' short names."""
        return QueueState(
            name=row["name"],
            type=row["type"],
            leader=self._short(row["leader"]),
            members=frozenset(map(self._short, row["members"])),
            in_step=frozenset(map(self._short, row["in_step"])),
        )

    def _json(self, node: str, expression: str) -> Any:
        """Return what a question answers."""
        return json.loads(self.cluster.evaluate(node, expression))

    def _json_names(self, node: str, expression: str) -> list[str]:
        """Return a list of names."""
        text = f"iolist_to_binary(rabbit_json:encode({expression}))"
        return list(json.loads(self.cluster.evaluate(node, text, timeout_s=VIEW_LIMIT_S)))


def with_type(queue: dict[str, Any]) -> dict[str, Any]:
    """Return a queue's definition with its type apart, the same whatever the broker's version."""
    arguments = dict(queue["arguments"])
    named = arguments.pop("x-queue-type", "classic")
    return {**queue, "type": queue.get("type", named), "arguments": arguments}
