"""Facts about a cluster that somebody else runs, asked of each of its nodes by itself.

Each node's management API gives that node's own view; one that does not answer has none, which is
what a dead or paused node looks like from outside. Whether nodes run and which alarms are raised
is said as of now; partitions and counts as of up to `counts_age_s` ago. Messages that are ready
are asked for by AMQP, which knows them as of now: what a fault is about to strike at passes within
seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

import pika

from gameday import secured
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.facts import Alarm, ConsumerState, Definitions, NodeView, QueueState
from gameday.clusters.management import Management, ManagementError
from gameday.clusters.views import views_of
from gameday.errors import HarnessError

T = TypeVar("T")

VIEW_LIMIT_S = 4.0
AMQP_LIMIT_S = 2.0


class AnyNode:
    """The management API of whichever node answers: the last one that did is asked first."""

    def __init__(self, cluster: CommandedCluster) -> None:
        self._cluster = cluster
        self._last = cluster.nodes[0]

    def get(self, path: str) -> Any:
        """Return what the API answers."""
        return self._ask(lambda api: api.get(path))

    def put(self, path: str, body: object = None, *, limit_s: float | None = None) -> Any:
        """Create or change something."""
        return self._ask(lambda api: api.put(path, body, limit_s=limit_s))

    def post(self, path: str, body: object = None, *, limit_s: float | None = None) -> Any:
        """Post something."""
        return self._ask(lambda api: api.post(path, body, limit_s=limit_s))

    def delete(self, path: str, *, limit_s: float | None = None) -> Any:
        """Delete something."""
        return self._ask(lambda api: api.delete(path, limit_s=limit_s))

    def _ask(self, question: Callable[[Management], T]) -> T:
        reasons = []
        for node in (self._last, *(each for each in self._cluster.nodes if each != self._last)):
            try:
                answer = question(self._cluster.management(node))
            except ManagementError as error:
                if error.status is not None:
                    raise
                reasons.append(str(error))
            else:
                self._last = node
                return answer
        raise ManagementError(f"no node answers: {'; '.join(reasons)}")


class CommandedFacts(AttachedFacts):
    """What phases and faults ask of such a cluster; nodes go by the names of the owner's file."""

    cluster: CommandedCluster

    def __init__(self, cluster: CommandedCluster) -> None:
        self.cluster = cluster
        self._api = AnyNode(cluster)  # type: ignore[assignment]  # The same calls, more nodes.
        self._names = {each.erlang_name: each.name for each in cluster.own.nodes}

    def views(self) -> dict[str, NodeView | HarnessError]:
        """Return each node's own view, asked at once, or the reason why it has none."""
        return views_of(self.cluster.nodes, self.view)

    def view(self, node: str) -> NodeView:
        """Return the cluster as a node sees it."""
        api = self.cluster.management(node, limit_s=VIEW_LIMIT_S)
        rows = api.get("/api/nodes?columns=name,running,partitions")
        running = frozenset(self._short(row["name"]) for row in rows if row.get("running"))
        own = next(row for row in rows if self._short(row["name"]) == node)
        return NodeView(
            node=node,
            serving=bool(own.get("running")),
            seen=running,
            running=running,
            partitions=tuple(map(self._short, own.get("partitions", ()))),
            alarms=self._alarms(api),
        )

    def problems(self) -> list[str]:
        """Return every reason why the cluster is not healthy, as each node tells it."""
        found = []
        for node, view in self.views().items():
            if isinstance(view, HarnessError):
                found.append(f"{node}: {view}")
                continue
            missing = frozenset(self.cluster.nodes) - view.running
            found += [f"{node} sees {each} not running" for each in sorted(missing)]
            found += [f"{node} notes a partition from {each}" for each in view.partitions]
            found += [f"{node} knows a {each.kind} alarm on {each.node}" for each in view.alarms]
        return found

    def serving_node(self) -> str:
        """Return the first node that serves and sees a majority."""
        for name, view in self.views().items():
            if not isinstance(view, NodeView) or not view.serving:
                continue
            if 2 * len(view.running) > len(self.cluster.nodes):
                return name
        raise HarnessError("no node of the attached cluster serves with a majority")

    def vhosts(self) -> tuple[str, ...]:
        """Return the names of every virtual host."""
        return tuple(str(each["name"]) for each in self._api.get("/api/vhosts?columns=name"))

    def memory(self, node: str) -> tuple[int, int]:
        """Return how much memory a node uses, and at how much it raises its alarm, in bytes."""
        about = self.about(node)
        return int(about.get("mem_used", 0)), int(about.get("mem_limit", 0))

    def about(self, node: str) -> dict[str, Any]:
        """Return what the management API says of a node, its limits included."""
        name = self.cluster.addresses(node).erlang_name
        return dict(self._api.get(f"/api/nodes/{quote(name, safe='')}"))

    def queues(self, vhost: str) -> dict[str, QueueState]:
        """Return every queue with its leader and members, as the API last heard."""
        return {
            name: replace(
                state,
                leader=self._short(state.leader),
                members=frozenset(map(self._short, state.members)),
                in_step=frozenset(map(self._short, state.in_step)),
            )
            for name, state in super().queues(vhost).items()
        }

    def queue_leaders(self, vhost: str) -> dict[str, str]:
        """Return the node that leads each queue, as the management API last heard."""
        return {name: state.leader for name, state in self.queues(vhost).items()}

    def consumers(self, vhost: str) -> tuple[ConsumerState, ...]:
        """Return every consumer of a virtual host."""
        return tuple(
            replace(each, node=self._short(each.node)) for each in super().consumers(vhost)
        )

    def message_counts(self, vhost: str) -> dict[str, tuple[int, int]]:
        """Return each queue's messages: ready ones as of now, others as the API last heard."""
        counts = super().message_counts(vhost)
        ready = self._ready(vhost, tuple(counts))
        return {name: (ready.get(name, old), held) for name, (old, held) in counts.items()}

    def export_definitions(self, vhost: str, node: str | None = None) -> Definitions:
        """Return a virtual host's topology, as one node has it, or any that answers."""
        if node is None:
            return super().export_definitions(vhost)
        one = CommandedFacts(self.cluster)
        one._api = self.cluster.management(node)  # Its own, for one question.
        return super(CommandedFacts, one).export_definitions(vhost)

    def _ready(self, vhost: str, queues: tuple[str, ...]) -> Mapping[str, int]:
        """Return how many messages are ready in each queue that answers now."""
        url = self.cluster.amqp_url(self.serving_node(), vhost)
        parameters = secured.parameters(url)
        parameters.socket_timeout = parameters.blocked_connection_timeout = AMQP_LIMIT_S
        parameters.stack_timeout = AMQP_LIMIT_S
        found: dict[str, int] = {}
        try:
            with pika.BlockingConnection(parameters) as connection:
                for name in queues:
                    channel = connection.channel()
                    answer = channel.queue_declare(name, passive=True)
                    found[name] = answer.method.message_count
                    channel.close()
        except secured.NO_CONNECTION:
            return found  # A queue without a leader has no count of now.
        return found

    def _alarms(self, api: Management) -> tuple[Alarm, ...]:
        """Return the alarms that a node knows, of itself and of others."""
        try:
            api.get("/api/health/checks/alarms")
        except ManagementError as error:
            if error.status != 503:
                raise
            rows = (error.body or {}).get("alarms", [])
            return tuple(Alarm(_resource(row), self._short(row["node"])) for row in rows)
        return ()

    def _short(self, erlang_name: str) -> str:
        """Return a node's name in the owner's file; a stranger keeps his own."""
        return self._names.get(erlang_name, erlang_name)


def drop_left(cluster: CommandedCluster) -> list[str]:
    """Delete the virtual hosts that a dead run has left; return those that there were."""
    facts = CommandedFacts(cluster)
    left = set(facts.vhosts()) & set(cluster.vhosts)
    for vhost in sorted(left):
        facts.drop_vhost(vhost)
    return sorted(left)


def _resource(row: Mapping[str, Any]) -> str:
    """Return what an alarm is about: the API calls a disk `disk space`."""
    return str(row["resource"]).partition(" ")[0]
