"""Messages that a queue gives up by itself, and that then are nowhere."""

from collections.abc import Iterator

from gameday.contracts.lint.design import Design, QueueRow
from gameday.contracts.lint.routes import arriving_keys, dead_letter_keys, publications, reached
from gameday.contracts.lint.rule import Hit, Rule, Severity

LENGTHS = ("max-length", "max-length-bytes")


def expiry_discards(design: Design) -> Iterator[Hit]:
    """Find a time to live for messages, in a queue without a dead-letter exchange."""
    for queue in _without_exchange(design):
        found = design.setting(queue, "message-ttl")
        if found is not None:
            text = f"messages of {queue.name} expire after {found.value} ms, into nothing"
            yield Hit(found.path, text, _severity(design, queue))


def length_discards(design: Design) -> Iterator[Hit]:
    """Find a length that pushes messages out, in a queue without a dead-letter exchange."""
    for queue in _without_exchange(design):
        overflow = design.setting(queue, "overflow")
        if overflow is not None and overflow.value != "drop-head":
            continue
        for key in LENGTHS:
            found = design.setting(queue, key)
            if found is not None:
                text = f"{queue.name} drops its oldest beyond {key} {found.value}, into nothing"
                yield Hit(found.path, text, _severity(design, queue))


def delivery_limit_discards(design: Design) -> Iterator[Hit]:
    """Find a delivery limit (20 by default from 4.0) without a dead-letter exchange."""
    for queue in _without_exchange(design):
        limit = design.delivery_limit(queue)
        if limit is not None:
            text = f"{queue.name} drops a message that was returned more than {limit.value} times"
            yield Hit(limit.path, text, _severity(design, queue))


def refusals_unheard(design: Design) -> Iterator[Hit]:
    """Find a producer without confirms, into a queue that refuses messages when it is full."""
    for each in publications(design):
        if each.confirms:
            continue
        for name in sorted(reached(design, each.exchange, each.routing_key)):
            queue = design.queue(name)
            if queue is not None and _refuses(design, queue):
                text = f"{each.who} publishes without confirms to {name}, which refuses when full"
                yield Hit((*each.path, "confirms"), text)


def _refuses(design: Design, queue: QueueRow) -> bool:
    overflow = design.setting(queue, "overflow")
    limited = any(design.setting(queue, key) is not None for key in LENGTHS)
    return limited and overflow is not None and str(overflow.value).startswith("reject-publish")


def _without_exchange(design: Design) -> Iterator[QueueRow]:
    for queue in design.queues:
        if queue.type != "stream" and design.setting(queue, "dead-letter-exchange") is None:
            yield queue


def _severity(design: Design, queue: QueueRow) -> Severity | None:
    """Return note for a queue of dead letters, whose end is expected; else the rule's own."""
    return "note" if queue.name in _dead_letter_queues(design) else None


def _dead_letter_queues(design: Design) -> set[str]:
    """Return the queues that nothing but dead letters reaches."""
    if "dead" not in design.remembered:
        design.remembered["dead"] = _reached_by_dying(design) - _published_to(design)
    answer: set[str] = design.remembered["dead"]
    return answer


def _reached_by_dying(design: Design) -> set[str]:
    arriving = arriving_keys(design)
    dead: set[str] = set()
    for queue in design.queues:
        exchange = design.setting(queue, "dead-letter-exchange")
        if exchange is not None:
            for key in dead_letter_keys(design, queue, set(arriving[queue.name])):
                dead |= reached(design, str(exchange.value), key) - {queue.name}
    return dead


def _published_to(design: Design) -> set[str]:
    return {
        name
        for each in publications(design)
        for name in reached(design, each.exchange, each.routing_key)
    }


RULES = (
    Rule(
        "expiry-discards",
        "warning",
        "A message that waits longer is deleted, confirmed or not, and nothing tells.",
        "Give the queue a dead-letter exchange with a queue behind it, or leave the time to live "
        "out; in a queue of dead letters see that somebody looks before it ends.",
        "https://www.rabbitmq.com/docs/ttl; seen on 3.10.8, 4.0.5 and 4.3.6",
        expiry_discards,
    ),
    Rule(
        "length-discards",
        "warning",
        "With every message beyond the limit the oldest one is deleted, though its publisher had "
        "it confirmed, and nothing tells.",
        "Set overflow to reject-publish, so that the publisher hears of it, or give the queue a "
        "dead-letter exchange with a queue behind it.",
        "https://www.rabbitmq.com/docs/maxlength; seen on 3.10.8, 4.0.5 and 4.3.6",
        length_discards,
    ),
    Rule(
        "delivery-limit-discards",
        "warning",
        "A message that comes back more often, by rejects with requeue or by consumers that die "
        "with it, is deleted, and nothing tells. (From 4.3 basic.nack does not count.)",
        "Give the queue a dead-letter exchange with a queue behind it; where messages must never "
        "be given up, set a delivery limit of -1.",
        "https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling; seen on 4.3.6",
        delivery_limit_discards,
    ),
    Rule(
        "refusals-unheard",
        "error",
        "A full queue answers with basic.nack, which only a publisher with confirms gets: what "
        "this one sends is gone, and nothing tells.",
        "Let the producer wait for confirms.",
        "https://www.rabbitmq.com/docs/maxlength#overflow-behaviour; "
        "seen on 3.10.8, 4.0.5 and 4.3.6",
        refusals_unheard,
    ),
)
