"""Tries that nobody can count."""

from collections.abc import Iterator

from gameday.contracts.lint.design import Design
from gameday.contracts.lint.rule import Hit, Rule


def requeue_uncounted(design: Design) -> Iterator[Hit]:
    """Find a consumer that limits its tries by requeueing, on a classic queue."""
    yield from _requeueing(design, "classic")


def nack_uncounted(design: Design) -> Iterator[Hit]:
    """Find a consumer that tries again by requeueing, on a quorum queue from 4.3."""
    if design.since("4.3"):
        yield from _requeueing(design, "quorum")


def _requeueing(design: Design, kind: str) -> Iterator[Hit]:
    if design.clients is None:
        return
    for path, consumer in design.clients.consumers:
        queue = design.queue(consumer.queue)
        if consumer.retry == "requeue" and queue is not None and queue.type == kind:
            text = (
                f"{consumer.name} requeues on the {kind} queue {queue.name}, "
                f"at most {consumer.attempts} tries"
            )
            yield Hit((*path, "retry"), text)


RULES = (
    Rule(
        "requeue-uncounted",
        "error",
        "Requeueing changes no header, and a classic queue keeps no delivery count: a message "
        "comes back with no more than the redelivered flag, so no limit can be kept, and one that "
        "always fails comes round without end.",
        "Republish with the count raised in a header, then acknowledge; or make it a quorum queue, "
        "which counts.",
        "https://www.rabbitmq.com/docs/consumers#message-properties; "
        "seen on 3.10.8, 4.0.5 and 4.3.6",
        requeue_uncounted,
    ),
    Rule(
        "nack-uncounted",
        "note",
        "What basic.nack requeues counts in x-acquired-count only, not in x-delivery-count, and "
        "never reaches the delivery limit: the broker stops no loop of it. basic.reject counts.",
        "Let the consumer keep its own limit by x-acquired-count, or requeue by reject.",
        "https://www.rabbitmq.com/docs/4.3/quorum-queues#poison-message-handling; seen on 4.3.6",
        nack_uncounted,
    ),
)
