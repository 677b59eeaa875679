"""What faults of access are seen by: what they captured, by the journal, and what a node refuses.

They are undone as everything is that was declared (`undo_operators.declare_again`).
"""

from typing import Any

from chaos.journal import Journal, read
from chaos.revert import Target
from gameday.clusters.connections import still_there
from gameday.clusters.expressions import binary
from gameday.errors import HarnessError

__all__ = ["at_limit", "captured", "still_there"]

QUESTIONS = {
    "max-connections": "rabbit_vhost_limit:is_over_connection_limit({vhost}) =/= false",
    "max-queues": "rabbit_vhost_limit:would_exceed_queue_limit(1, {vhost}) =/= false",
}


def captured(journal: Journal, kind: str, episode: str) -> dict[str, Any]:
    """Return what the newest fault of a kind recorded before it began, by its intent."""
    for line in reversed(read(journal.path)):
        is_intent = line["event"] == "fault" and line["step"] == "intent"
        if is_intent and (line["kind"], line["episode"]) == (kind, episode):
            return dict(line["revert"]["values"])
    raise HarnessError(f"the journal has no intent of {kind} in {episode}.")


def user_at_limit(cluster: Target, user: str, limit: str) -> dict[str, bool]:
    """Return for each node whether it would refuse a user one more channel, or connection."""
    what = limit.removeprefix("max-").removesuffix("s")
    question = f"rabbit_auth_backend_internal:is_over_{what}_limit({binary(user)}) =/= false"
    return {node: cluster.evaluate(node, question) == "true" for node in cluster.nodes}


def at_limit(cluster: Target, vhost: str, limit: str) -> dict[str, bool]:
    """Return for each node whether it would refuse one more."""
    question = QUESTIONS[limit].format(vhost=binary(vhost))
    return {node: cluster.evaluate(node, question) == "true" for node in cluster.nodes}
