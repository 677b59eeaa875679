"""Limits that messages meet: a queue's length, their time to live, their size.

A queue's limits are set by a policy of their own, above the one in force, with all that this one
says: so that a limit never takes a queue's mirrors or its dead-letter exchange away.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaos import undo_operators as undo
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.victims import known_node
from gameday.clusters import declared, limits
from gameday.clusters.connections import close_connections
from gameday.clusters.declared import path_of
from gameday.errors import HarnessError

Overflow = Literal["drop-head", "reject-publish", "reject-publish-dlx"]
ABOVE = 100


def _path(site: Site, queue: str) -> str:
    return path_of("policies", site.vhost, f"gameday-limit-{queue}")


def _capture(site: Site, queue: str) -> Revert:
    """Undoing a limit is removing its policy."""
    queues = path_of("queues", site.vhost, queue)
    if declared.read(site.cluster, site.broker.serving_node(), queues) is None:
        raise HarnessError(f"there is no queue {queue} in {site.vhost}.")
    return Revert("declare_again", {"things": {_path(site, queue): None}, "bindings": []})


def _limit(site: Site, queue: str, limit: dict[str, Any]) -> None:
    """Set what is in force for the queue, and the limit, above it."""
    in_force, priority = undo.policy_in_force(site.cluster, site.vhost, queue)
    thing = {
        "pattern": f"^{re.escape(queue)}$",
        "apply-to": "queues",
        "priority": priority + ABOVE,
        "definition": {**in_force, **limit},
    }
    declared.write(site.cluster, _path(site, queue), thing)


@dataclass(frozen=True)
class OverflowQueue(Single):
    """Let a queue hold no more than so many messages, and fill it by load.

    `drop-head` drops the oldest (or dead-letters them for `maxlen`), `reject-publish` refuses the
    newest with a nack, `reject-publish-dlx` dead-letters them as well (classic queues only). A
    message that waits unacknowledged at a consumer does not count.
    """

    queue: str
    max_length: int = 20
    overflow: Overflow = "drop-head"
    kind: ClassVar[str] = "overflow_queue"
    fault_class: ClassVar[str] = "limit"

    def capture(self, site: Site) -> Revert:
        """Name the policy; undoing it is removing that."""
        return _capture(site, self.queue)

    def apply(self, site: Site) -> None:
        """Set the limit and what happens beyond it."""
        _limit(site, self.queue, {"max-length": self.max_length, "overflow": self.overflow})

    def observe(self, site: Site) -> Seen:
        """See the limit in force for the queue, and the queue full."""
        policy, _ = undo.policy_in_force(site.cluster, site.vhost, self.queue)
        ready, held = site.broker.message_counts(site.vhost)[self.queue]
        there = policy.get("max-length") == self.max_length
        drops = self.overflow == "drop-head"
        full = ready >= self.max_length - 1 and not (drops and ready > self.max_length + 1)
        return Seen(there and full, {"ready": ready, "held": held, "in_force": there})


@dataclass(frozen=True)
class ExpireMessages(Single):
    """Let what is published to a queue, and waits longer than so many milliseconds, expire.

    It is dropped, or dead-lettered for `expired` where the queue has a dead-letter exchange; only
    at the head of the queue, so it may outlive its time behind what was there before: a classic
    queue does not expire that.
    """

    queue: str
    ttl_ms: int = 200
    kind: ClassVar[str] = "expire_messages"
    fault_class: ClassVar[str] = "limit"

    def capture(self, site: Site) -> Revert:
        """Name the policy; undoing it is removing that."""
        return _capture(site, self.queue)

    def apply(self, site: Site) -> None:
        """Set the time to live."""
        _limit(site, self.queue, {"message-ttl": self.ttl_ms})

    def observe(self, site: Site) -> Seen:
        """See the time to live in force for the queue."""
        policy, _ = undo.policy_in_force(site.cluster, site.vhost, self.queue)
        return Seen(policy.get("message-ttl") == self.ttl_ms, {"policy": policy})


@dataclass(frozen=True)
class LimitMessageSize(Single):
    """Let every node take no message larger than so many bytes.

    A larger one closes its channel with 406, and what is unconfirmed on it stays unknown. Channels
    that are open keep the size that they were opened with: `disconnect` closes their connections.
    """

    node: str = "all"
    max_bytes: int = 500
    disconnect: bool = True
    kind: ClassVar[str] = "limit_message_size"
    fault_class: ClassVar[str] = "limit"

    def capture(self, site: Site) -> Revert:
        """Record the limit of each node that is struck."""
        return Revert("restore_message_size", {"vhost": site.vhost, "sizes": self._sizes(site)})

    def _sizes(self, site: Site) -> dict[str, int]:
        nodes = site.cluster.nodes if self.node == "all" else (known_node(site, self.node),)
        return {node: limits.max_message_size(site.cluster, node) for node in nodes}

    def apply(self, site: Site) -> None:
        """Set it, and have the clients come back."""
        nodes = tuple(self._sizes(site))
        for node in nodes:
            limits.set_max_message_size(site.cluster, node, self.max_bytes)
            site.at("apply")
        if self.disconnect:
            close_connections(site.cluster, site.vhost, nodes)

    def observe(self, site: Site) -> Seen:
        """Every node that is struck has the limit."""
        sizes = self._sizes(site)
        return Seen(set(sizes.values()) == {self.max_bytes}, {"max_bytes": sizes})
