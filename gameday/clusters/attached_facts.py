"""A broker that somebody else started, in the terms that the phases use.

The management API answers for one node and its figures are up to five seconds old: a gate that
needs a count therefore waits until it has held for longer than that. There is no power over nodes
and links; the claims that need one are dropped with that reason (`claims.py`).
"""

from typing import Any
from urllib.parse import quote

from gameday.clusters.attached import AttachedBroker
from gameday.clusters.facts import Alarm, ConsumerState, NodeView, QueueState
from gameday.errors import HarnessError, UnansweredError


class AttachedFacts(AttachedBroker):
    """What the phases ask of a broker, by its management API."""

    def views(self) -> dict[str, NodeView | HarnessError]:
        """Return what the one node that answers says of each."""
        nodes = self._api.get("/api/nodes")
        running = frozenset(node["name"] for node in nodes if node.get("running"))
        return {node["name"]: _view(node, running) for node in nodes}

    def view(self, node: str) -> NodeView:
        """Return one node's state."""
        found = self.views()[node]
        if isinstance(found, HarnessError):
            raise found
        return found

    def memory(self, node: str) -> tuple[int, int]:
        """Return how much memory a node uses, and at how much it raises its alarm, in bytes."""
        found = next(each for each in self._api.get("/api/nodes") if each["name"] == node)
        return int(found.get("mem_used", 0)), int(found.get("mem_limit", 0))

    def serving_node(self) -> str:
        """Return the first node that runs."""
        for name, view in self.views().items():
            if isinstance(view, NodeView) and view.serving:
                return name
        raise HarnessError("no node of the attached cluster runs")

    def queues(self, vhost: str) -> dict[str, QueueState]:
        """Return every queue with its leader and members, as the API last heard."""
        return {queue["name"]: _queue(queue) for queue in self._list(vhost)}

    def consumers(self, vhost: str) -> tuple[ConsumerState, ...]:
        """Return every consumer of a virtual host."""
        rows = self._api.get(f"/api/consumers/{quote(vhost, safe='')}")
        return tuple(
            ConsumerState(
                queue=row["queue"]["name"],
                tag=row["consumer_tag"],
                node=row["channel_details"].get("node", ""),
                manual=row["ack_required"],
                prefetch=row["prefetch_count"],
            )
            for row in rows
        )

    def message_counts(self, vhost: str) -> dict[str, tuple[int, int]]:
        """Return each queue's counts.

        Raises:
            UnansweredError: a queue has no count, since nobody leads it or its leader is too busy.
        """
        counts = super().message_counts(vhost)
        dumb = sorted({queue["name"] for queue in self._list(vhost)} - set(counts))
        if dumb:
            raise UnansweredError(f"no count of {', '.join(dumb)}: no leader answers for it")
        return counts


def _view(node: dict[str, Any], running: frozenset[str]) -> NodeView:
    alarms = {"memory": "mem_alarm", "disk": "disk_free_alarm"}
    return NodeView(
        node=node["name"],
        serving=bool(node.get("running")),
        seen=running,
        running=running,
        partitions=tuple(node.get("partitions", ())),
        alarms=tuple(Alarm(kind, node["name"]) for kind, key in alarms.items() if node.get(key)),
    )


def _queue(queue: dict[str, Any]) -> QueueState:
    mirrors = queue.get("slave_nodes", ())
    members = frozenset(queue.get("members") or {queue["node"], *mirrors})
    in_step = queue.get("online") or {queue["node"], *queue.get("synchronised_slave_nodes", ())}
    return QueueState(
        name=queue["name"],
        type=queue.get("type", "classic"),
        leader=queue.get("leader") or queue["node"],
        members=members,
        in_step=frozenset(in_step),
    )
