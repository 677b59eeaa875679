"""Priorities: what each queue type makes of them on each version, and what a prefetch hides."""

from collections.abc import Iterator

from gameday.contracts.clients import Consumer
from gameday.contracts.lint.design import Design, QueueRow
from gameday.contracts.lint.promised import sla_limits
from gameday.contracts.lint.routes import publications, reached
from gameday.contracts.lint.rule import Hit, Rule
from gameday.contracts.versions import STRICT_MOST

HELD_BEFORE_MS = 1000
"""How long an urgent message may wait behind a consumer's own backlog where nothing is promised."""
SHARE_OF_LIMIT = 4
"""Where a limit is promised: that wait, as a part of it (one in so many)."""


def max_priority_refused(design: Design) -> Iterator[Hit]:
    """Find a quorum queue with `x-max-priority`."""
    for queue in design.queues:
        if queue.type == "quorum" and "x-max-priority" in queue.arguments:
            path = (*queue.path, "arguments", "x-max-priority")
            most = queue.arguments["x-max-priority"]
            yield Hit(path, f"the quorum queue {queue.name} has x-max-priority {most}")


def priority_ignored(design: Design) -> Iterator[Hit]:
    """Find messages with priorities into a quorum queue, before 4.0."""
    if not design.since("4.0"):
        yield from _prioritised(design, "quorum")


def priority_two_classes(design: Design) -> Iterator[Hit]:
    """Find messages with priorities into a quorum queue, from 4.0 to 4.2."""
    if design.since("4.0") and not design.since("4.3"):
        yield from _prioritised(design, "quorum")


def priority_strict(design: Design) -> Iterator[Hit]:
    """Find messages with priorities into a quorum queue, from 4.3."""
    if design.since("4.3"):
        for hit in _prioritised(design, "quorum"):
            queue = next(each for each in design.queues if hit.path[: len(each.path)] == each.path)
            most = max(_priorities(design, queue))
            over = f"; {most} counts as {STRICT_MOST}" if most > STRICT_MOST else ""
            yield Hit(hit.path, hit.found + over, "warning" if over else None)


def priority_without_maximum(design: Design) -> Iterator[Hit]:
    """Find messages with priorities into a classic queue without `x-max-priority`."""
    yield from _prioritised(design, "classic", without="x-max-priority")


def _prioritised(design: Design, kind: str, *, without: str | None = None) -> Iterator[Hit]:
    for queue in design.queues:
        if queue.type != kind or without in queue.arguments:
            continue
        sent = _priorities(design, queue)
        if sent:
            text = f"the {kind} queue {queue.name} gets priorities {_few(sent)}"
            yield Hit((*queue.path, "type"), text)


def _priorities(design: Design, queue: QueueRow) -> list[int]:
    found = {
        priority
        for each in publications(design)
        if queue.name in reached(design, each.exchange, each.routing_key)
        for priority in each.priorities
    }
    return sorted(found)


def _few(priorities: list[int]) -> str:
    low, high = priorities[0], priorities[-1]
    return str(low) if low == high else f"from {low} to {high}"


def prefetch_hides_priority(design: Design) -> Iterator[Hit]:
    """Find a consumer of a priority queue that holds so much that urgent messages wait there."""
    if design.clients is None:
        return
    for path, consumer in design.clients.consumers:
        queue = design.queue(consumer.queue)
        if queue is None or not _keeps_priorities(design, queue):
            continue
        if not consumer.manual_ack:
            text = f"{consumer.name} takes {queue.name} with automatic acknowledgements, unlimited"
            yield Hit((*path, "manual_ack"), text)
            continue
        held_ms = _held_ms(consumer)
        limits = [limit.milliseconds for limit in sla_limits(design, queue.name)]
        allowed_ms = min(limits) / SHARE_OF_LIMIT if limits else HELD_BEFORE_MS
        if held_ms > allowed_ms:
            text = (
                f"{consumer.name} holds {consumer.prefetch} messages of {queue.name}, "
                f"{held_ms:g} ms of work"
            )
            yield Hit((*path, "prefetch"), text)


def _held_ms(consumer: Consumer) -> float:
    """Return how long the last of what a consumer holds waits in its hands for a free handler."""
    waiting = max(0, consumer.prefetch - consumer.parallel)
    return waiting * consumer.service_ms / consumer.parallel


def _keeps_priorities(design: Design, queue: QueueRow) -> bool:
    """Whether priorities count in a queue, and it gets some."""
    if queue.type == "classic" and "x-max-priority" not in queue.arguments:
        return False
    if queue.type == "quorum" and not design.since("4.0"):
        return False
    return len(_priorities(design, queue)) > 1


RULES = (
    Rule(
        "max-priority-refused",
        "error",
        "The broker refuses a client's declaration (406, invalid arg for the type) and closes "
        "the channel; an import of definitions ends there (400), with no binding and not every "
        "queue declared.",
        "Remove x-max-priority: from 4.0 a quorum queue keeps priorities without it; or make the "
        "queue classic.",
        "seen on 3.10.8, 4.0.5 and 4.3.6, against https://www.rabbitmq.com/docs/4.3/priority",
        max_priority_refused,
    ),
    Rule(
        "priority-ignored",
        "warning",
        "The queue is first in, first out: an urgent message waits behind all that came before it.",
        "Use a classic queue with x-max-priority, a queue for each class of urgency, or RabbitMQ "
        "4.3.",
        "https://www.rabbitmq.com/docs/3.13/quorum-queues#feature-matrix; seen on 3.10.8",
        priority_ignored,
    ),
    Rule(
        "priority-two-classes",
        "warning",
        "The queue knows two classes, up to 4 and above, and serves two of the upper to one of the "
        "lower: within a class it is first in, first out, and urgent ones do not come first alone.",
        "Send urgent messages with 5 and more and the rest with less, and promise no order beyond "
        "2:1; RabbitMQ 4.3 is strict.",
        "https://www.rabbitmq.com/docs/4.0/quorum-queues#priorities; seen on 4.0.5",
        priority_two_classes,
    ),
    Rule(
        "priority-strict",
        "note",
        "Priorities 0 to 31 are strict, a higher one counts as 31, and none given as 4: while more "
        "urgent messages keep coming, the others wait without end, and none given is not lowest.",
        "Give every message a priority, and keep the urgent share below what the consumers can do.",
        "https://www.rabbitmq.com/docs/4.3/quorum-queues#priorities; seen on 4.3.6",
        priority_strict,
    ),
    Rule(
        "priority-without-maximum",
        "warning",
        "A classic queue that was declared without x-max-priority ignores priorities: first in, "
        "first out.",
        "Declare it with x-max-priority (1 to 10; no policy can do it, and it needs a new queue).",
        "https://www.rabbitmq.com/docs/priority; seen on 3.10.8, 4.0.5 and 4.3.6",
        priority_without_maximum,
    ),
    Rule(
        "prefetch-hides-priority",
        "warning",
        "The broker sorts only what waits in the queue: an urgent message that reaches a consumer "
        "waits there behind everything that it holds already, and as long as that backlog fits "
        "into the prefetch, priorities change nothing.",
        "Lower the prefetch (1 for slow work), or add consumers, until what one holds is worked "
        "off in a small part of the limit; acknowledge by hand.",
        "https://www.rabbitmq.com/docs/priority#interaction-with-consumers; "
        "seen on 3.10.8, 4.0.5 and 4.3.6",
        prefetch_hides_priority,
    ),
)
