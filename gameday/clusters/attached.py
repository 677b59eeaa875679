"""A cluster that somebody else runs: `AMQP_URL` and its management API, and no power over it.

Node and link faults are not ours to do here, so `powers` is empty. Facts come from the management
API alone, whose figures are up to `counts_age_s` old: a drain must look for longer than that.
What cannot be known from outside is said in `UNKNOWABLE`, for the report.
"""

import os
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from gameday import secured
from gameday.clusters.broker import with_type
from gameday.clusters.cluster import Address, Door, NodeAddresses
from gameday.clusters.facts import Definitions
from gameday.clusters.management import LARGE_LIMIT_S, Management
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import UsageError

UNKNOWABLE = (
    "each node's own view of its peers: the management API answers for one node",
    "message counts of this moment: the management API's are up to 5 s old",
    "process ids and network links: faults on them are the owner's to do",
)
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True)
class AttachedCluster:
    """A running cluster, known by its URLs; all its nodes are reached by the same address."""

    amqp: SplitResult
    management_base: str
    management_username: str
    management_password: str
    nodes: tuple[str, ...]
    version: str
    powers: frozenset[str] = frozenset()
    management_authority: str | None = None
    """The file of the authority that vouches for the management API, where its URL names one."""

    @property
    def username(self) -> str:
        """The user of `AMQP_URL`."""
        return unquote(self.amqp.username or "guest")

    @property
    def password(self) -> str:
        """The password of `AMQP_URL`."""
        return unquote(self.amqp.password or "guest")

    def __repr__(self) -> str:
        return f"AttachedCluster({self.amqp.hostname}, {self.version}, {', '.join(self.nodes)})"

    def addresses(self, node: str) -> NodeAddresses:
        """Return where clients go; there is no proxy of ours between."""
        door = Address(
            self.amqp.hostname or "",
            self.amqp.port or DEFAULT_PORTS[self.amqp.scheme],
        )
        api = urlsplit(self.management_base)
        return NodeAddresses(
            name=node,
            erlang_name=node,
            client=door,
            direct=door,
            management=Address(api.hostname or "", api.port or 15672),
        )

    def amqp_url(self, node: str, vhost: str, door: Door = "clients") -> str:
        """Return the URL for a virtual host, credentials included; there is one door for all."""
        del door
        credentials = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        where = self.addresses(node).client
        query = f"?{self.amqp.query}" if self.amqp.query else ""
        return f"{self.amqp.scheme}://{credentials}@{where}/{quote(vhost, safe='')}{query}"

    def management_url(self, node: str) -> str:
        """Return the URL of the management API, without the password."""
        del node
        return self.management_base

    def management(self, node: str = "") -> Management:
        """Return the management API."""
        del node
        return Management(
            self.management_base,
            self.management_username,
            self.management_password,
            authority=self.management_authority,
        )


def attach() -> AttachedCluster:
    """Attach to the broker that the environment names."""
    amqp = _url("AMQP_URL", os.environ.get("AMQP_URL", ""), tuple(DEFAULT_PORTS))
    given = os.environ.get("GAMEDAY_MANAGEMENT_URL") or f"http://{amqp.hostname}:15672"
    api = _url("GAMEDAY_MANAGEMENT_URL", given, ("http", "https"))
    port = f":{api.port}" if api.port else ""
    base = f"{api.scheme}://{api.hostname}{port}{api.path.rstrip('/')}"
    username = unquote(api.username or amqp.username or "guest")
    password = unquote(api.password or amqp.password or "guest")
    authority = dict(parse_qsl(api.query)).get(secured.AUTHORITY)
    management = Management(base, username, password, authority=authority)
    nodes = tuple(sorted(node["name"] for node in management.get("/api/nodes")))
    version = str(management.get("/api/overview")["rabbitmq_version"])
    return AttachedCluster(
        amqp, base, username, password, nodes, version, management_authority=authority
    )


def _url(variable: str, text: str, schemes: tuple[str, ...]) -> SplitResult:
    """Return a URL's parts; the sentence about a wrong one does not repeat its password."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"{variable} is missing or no URL: give {schemes[0]}://USER:PASSWORD@HOST:PORT.",
        )
    return parts


LEADERS_TOTALS = "disable_stats=true&enable_queue_totals=true"
"""Asks each queue's leader for its figures. The statistics are mixed from all nodes' instead: one
that led a queue when it was cut off adds what it then knew until `core_metrics_gc_interval` (120 s)
is over, as seen on 4.3.6 (`gc_leader_data` in the broker's rabbit_core_metrics_gc.erl)."""


class AttachedBroker:
    """Facts about an attached cluster, by its management API."""

    counts_age_s = 5.0

    def __init__(self, cluster: AttachedCluster) -> None:
        self.cluster = cluster
        self._api = cluster.management()

    def problems(self) -> list[str]:
        """Return every reason why the cluster is not healthy, as one node tells it."""
        return [problem for node in self._api.get("/api/nodes") for problem in _wrong(node)]

    def wait_healthy(self, within_s: float) -> float:
        """Wait until every node runs, without partition or alarm; returns how long that took."""
        started = time.monotonic()

        def healthy() -> bool | NotYet:
            problems = self.problems()
            return NotYet("; ".join(problems)) if problems else True

        wait_until(healthy, within_s, "every node healthy", poll_ms=500)
        return time.monotonic() - started

    def make_vhost(self, name: str) -> None:
        """Make a virtual host for the run."""
        path = quote(name, safe="")
        self._api.put(f"/api/vhosts/{path}", limit_s=LARGE_LIMIT_S)
        user = quote(self.cluster.username, safe="")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._api.put(f"/api/permissions/{path}/{user}", everything)

    def drop_vhost(self, name: str) -> None:
        """Delete a virtual host with all that is in it; harmless when there is none."""
        if any(vhost["name"] == name for vhost in self._api.get("/api/vhosts")):
            self._api.delete(f"/api/vhosts/{quote(name, safe='')}", limit_s=LARGE_LIMIT_S)

    def export_definitions(self, vhost: str, node: str | None = None) -> Definitions:
        """Return a virtual host's topology; a queue's type is in `type`, not in its arguments."""
        del node  # All are behind one address.
        found = self._api.get(f"/api/definitions/{quote(vhost, safe='')}")
        return Definitions(
            queues=[with_type(queue) for queue in found["queues"]],
            exchanges=found["exchanges"],
            bindings=found["bindings"],
            policies=found["policies"],
            parameters=found.get("parameters", []),
        )

    def queue_leaders(self, vhost: str) -> dict[str, str]:
        """Return the node that leads each queue, as the management API last heard."""
        return {queue["name"]: queue.get("leader") or queue["node"] for queue in self._list(vhost)}

    def message_counts(self, vhost: str) -> dict[str, tuple[int, int]]:
        """Return each queue's ready and unacknowledged messages, up to `counts_age_s` old.

        A queue that nobody leads has no count, and is missing.
        """
        path = f"/api/queues/{quote(vhost, safe='')}?{LEADERS_TOTALS}"
        return {
            queue["name"]: (queue["messages_ready"], queue["messages_unacknowledged"])
            for queue in self._api.get(path)
            if "messages_ready" in queue
        }

    def cluster_name(self) -> str:
        """Return the name that the cluster gives itself."""
        return str(self._api.get("/api/overview").get("cluster_name", ""))

    def others(self, own_prefix: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return queues and connections, by name, in virtual hosts that no run has made."""
        queues = tuple(
            f"queue {each['name']} in {each['vhost']}"
            for each in self._api.get("/api/queues?columns=name,vhost")
            if not each["vhost"].startswith(own_prefix)
        )
        connections = tuple(
            f"connection {each['name']}"
            for each in self._api.get("/api/connections?columns=name,vhost")
            if not str(each.get("vhost", "")).startswith(own_prefix)
        )
        return queues, connections

    def _list(self, vhost: str) -> list[dict[str, Any]]:
        """Return the queues of a virtual host."""
        return list(self._api.get(f"/api/queues/{quote(vhost, safe='')}"))


def _wrong(node: dict[str, Any]) -> list[str]:
    """Return what is not well with a node."""
    name = node["name"]
    if not node.get("running"):
        return [f"{name} is not running"]
    wrong = [f"{name} notes a partition from {peer}" for peer in node.get("partitions", ())]
    alarms = {"memory": "mem_alarm", "disk": "disk_free_alarm"}
    return wrong + [f"{name} has a {kind} alarm" for kind, key in alarms.items() if node.get(key)]
