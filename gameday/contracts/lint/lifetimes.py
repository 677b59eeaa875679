"""Queues that end before their messages do."""

from collections.abc import Iterator

from gameday.contracts.lint.design import Design
from gameday.contracts.lint.rule import Hit, Rule


def transient_queue(design: Design) -> Iterator[Hit]:
    """Find a classic queue that is not durable."""
    for queue in design.queues:
        if queue.type == "classic" and not queue.durable:
            refused = design.since("4.3") and not queue.exclusive
            text = f"the queue {queue.name} is not durable"
            yield Hit((*queue.path, "durable"), text, "error" if refused else None)


def auto_delete_queue(design: Design) -> Iterator[Hit]:
    """Find a classic queue that is deleted with its last consumer."""
    for queue in design.queues:
        if queue.type == "classic" and queue.auto_delete:
            text = f"the queue {queue.name} is deleted with its last consumer"
            yield Hit((*queue.path, "auto_delete"), text)


def expiring_queue(design: Design) -> Iterator[Hit]:
    """Find a queue that expires while nobody uses it."""
    for queue in design.queues:
        found = design.setting(queue, "expires")
        if found is not None:
            text = f"the queue {queue.name} is deleted after {found.value} ms without a consumer"
            yield Hit(found.path, text)


def exclusive_queue(design: Design) -> Iterator[Hit]:
    """Find a queue in a definitions file that says that it is exclusive."""
    for queue in design.queues:
        if queue.exclusive:
            yield Hit((*queue.path, "exclusive"), f"the queue {queue.name} says it is exclusive")


RULES = (
    Rule(
        "transient-queue",
        "warning",
        "The queue and its messages, persistent ones too, are gone when its node restarts, and "
        "other nodes delete it when its node goes down. RabbitMQ 4.3 refuses it by default (541, "
        "the connection closes), unless it is exclusive; Debian's package of 4.3.6 permits it.",
        "Declare it durable; where it shall not outlive its use, give it x-expires instead.",
        "https://www.rabbitmq.com/release-information/deprecated-features-list; "
        "https://github.com/rabbitmq/rabbitmq-server/pull/15459; seen on 3.10.8 and 4.3.6",
        transient_queue,
    ),
    Rule(
        "auto-delete-queue",
        "warning",
        "When the last consumer goes, by a crash or a lost connection too, the queue is deleted "
        "with all that waits in it; nothing is dead-lettered.",
        "Declare it without auto-delete.",
        "https://www.rabbitmq.com/docs/queues#properties; seen on 3.10.8, 4.0.5 and 4.3.6",
        auto_delete_queue,
    ),
    Rule(
        "expiring-queue",
        "warning",
        "When nobody has consumed, fetched or declared it for that long, the queue is deleted with "
        "all that waits in it; nothing is dead-lettered, and later messages find no queue.",
        "Leave x-expires out where work waits; message-ttl with a dead-letter exchange limits the "
        "age of messages.",
        "https://www.rabbitmq.com/docs/ttl#queue-ttl; seen on 3.10.8, 4.0.5 and 4.3.6",
        expiring_queue,
    ),
    Rule(
        "exclusive-queue",
        "warning",
        "Importing ignores the flag: an ordinary queue is made, and a client that then declares it "
        "exclusive is refused (405). A queue that a client does declare exclusive is deleted with "
        "that connection, and all that waits in it.",
        "Leave exclusive queues out of the file, and hold no work in them.",
        "https://www.rabbitmq.com/docs/queues#exclusive-queues; seen on 3.10.8, 4.0.5 and 4.3.6",
        exclusive_queue,
    ),
)
