"""Declarations that the broker refuses, whatever its version: properties against the type."""

from collections.abc import Iterator

from gameday.contracts.document import Path
from gameday.contracts.lint.design import Design, QueueRow
from gameday.contracts.lint.rule import Hit, Rule

QUORUM_ONLY = ("x-delivery-limit", "x-dead-letter-strategy", "x-quorum-initial-group-size")


def declaration_refused(design: Design) -> Iterator[Hit]:
    """Find a property or an argument that the queue's type does not take."""
    for queue in design.queues:
        for path, what in _refused(queue):
            yield Hit((*queue.path, *path), f"the {queue.type} queue {queue.name} {what}")


def _refused(queue: QueueRow) -> Iterator[tuple[Path, str]]:
    if queue.type == "quorum":
        if not queue.durable:
            yield ("durable",), "is not durable"
        if queue.auto_delete:
            yield ("auto_delete",), "is to be deleted with its last consumer"
    if queue.type == "classic":
        for name in QUORUM_ONLY:
            if name in queue.arguments:
                yield ("arguments", name), f"has {name}"
    key, exchange = "x-dead-letter-routing-key", "x-dead-letter-exchange"
    if key in queue.arguments and exchange not in queue.arguments:
        yield ("arguments", key), f"has {key} without {exchange}"


RULES = (
    Rule(
        "declaration-refused",
        "error",
        "The broker refuses a client's declaration (406) and closes the channel. An import of "
        "definitions succeeds without the queue where a property is wrong (durable, auto_delete); "
        "where an argument is, it ends there (400), with no binding and not every queue declared.",
        "Take out what does not belong to the type, or choose the other type: delivery limits and "
        "at-least-once dead-lettering need quorum, auto-delete and transient ones are classic.",
        "seen on 3.10.8, 4.0.5 and 4.3.6; https://www.rabbitmq.com/docs/quorum-queues"
        "#feature-comparison",
        declaration_refused,
    ),
)
