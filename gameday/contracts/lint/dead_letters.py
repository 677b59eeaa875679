"""Dead letters: whether they arrive anywhere, and whether anybody would hear if they do not."""

from collections.abc import Iterator

from gameday.contracts.lint.design import Design, QueueRow
from gameday.contracts.lint.routes import arriving_keys, dead_letter_keys, reached
from gameday.contracts.lint.rule import Hit, Rule

REJECT = "reject-publish"


def at_least_once_falls_back(design: Design) -> Iterator[Hit]:
    """Find a queue that asks for at-least-once dead-lettering, without what that needs."""
    for queue in design.queues:
        strategy = design.setting(queue, "dead-letter-strategy")
        if strategy is None or strategy.value != "at-least-once":
            continue
        if queue.type != "quorum" and "x-dead-letter-strategy" in queue.arguments:
            continue  # Refused: `refused.py`.
        overflow = design.setting(queue, "overflow")
        missing = [
            *([] if queue.type == "quorum" else ["type: quorum"]),
            *([] if overflow and overflow.value == REJECT else [f"overflow: {REJECT}"]),
            *([] if design.setting(queue, "dead-letter-exchange") else ["a dead-letter exchange"]),
        ]
        if missing:
            yield Hit(strategy.path, f"the queue {queue.name} lacks {' and '.join(missing)}")


def unconfirmed(design: Design) -> Iterator[Hit]:
    """Find dead letters that are handed over without a confirm, in a cluster."""
    for queue in design.queues:
        exchange = design.setting(queue, "dead-letter-exchange")
        strategy = design.setting(queue, "dead-letter-strategy")
        asked = strategy is not None and strategy.value == "at-least-once"
        if design.nodes > 1 and exchange is not None and not asked:
            text = f"the {queue.type} queue {queue.name} hands dead letters over unconfirmed"
            yield Hit(exchange.path, text)


def exchange_missing(design: Design) -> Iterator[Hit]:
    """Find a dead-letter exchange that is not declared."""
    for queue in design.queues:
        exchange = design.setting(queue, "dead-letter-exchange")
        if exchange is not None and not design.has_exchange(str(exchange.value)):
            text = f"the dead-letter exchange {exchange.value} of {queue.name} is not declared"
            yield Hit(exchange.path, text)


def exchange_unbound(design: Design) -> Iterator[Hit]:
    """Find a dead-letter exchange to which nothing is bound."""
    for queue in design.queues:
        exchange = design.setting(queue, "dead-letter-exchange")
        if exchange is not None and _leads_nowhere(design, str(exchange.value)):
            text = f"nothing is bound to {exchange.value}, the dead-letter exchange of {queue.name}"
            yield Hit(exchange.path, text)


def _leads_nowhere(design: Design, name: str) -> bool:
    """Whether an exchange is there, and no message that it gets reaches a queue."""
    return name != "" and design.has_exchange(name) and not reached(design, name, None)


def key_unroutable(design: Design) -> Iterator[Hit]:
    """Find dead letters with a routing key that reaches no queue."""
    arriving = arriving_keys(design)
    for queue in design.queues:
        exchange = design.setting(queue, "dead-letter-exchange")
        name = "" if exchange is None else str(exchange.value)
        if exchange is None or not design.has_exchange(name) or _leads_nowhere(design, name):
            continue
        replacement = design.setting(queue, "dead-letter-routing-key")
        for key in dead_letter_keys(design, queue, set(arriving[queue.name])):
            if key is not None and not reached(design, name, key):
                whose = "its own key" if replacement is None else "the key"
                said = f'the exchange "{name}"' if name else "the default exchange"
                text = f'dead letters of {queue.name} reach nothing by {whose} "{key}" on {said}'
                yield Hit((replacement or exchange).path, text)


def automatic_cycle(design: Design) -> Iterator[Hit]:
    """Find a cycle of queues in which each dead-letters by itself, without a rejection."""
    edges = _edges(design)
    reported: set[frozenset[str]] = set()
    for queue in design.queues:
        cycle = _cycle_from(queue.name, edges)
        if cycle is None or frozenset(cycle) in reported:
            continue
        reported.add(frozenset(cycle))
        members = [each for each in design.queues if each.name in cycle]
        certain = all(_time_or_length(design, each) for each in members)
        exchange = design.setting(queue, "dead-letter-exchange")
        assert exchange is not None
        text = f"dead letters go round: {' → '.join([*cycle, cycle[0]])}"
        yield Hit(exchange.path, text, None if certain else "warning")


def _edges(design: Design) -> dict[str, list[str]]:
    """Return where each queue's messages go when they die by no consumer's will."""
    arriving, edges = arriving_keys(design), {}
    for queue in design.queues:
        exchange = design.setting(queue, "dead-letter-exchange")
        dies = _time_or_length(design, queue) or design.delivery_limit(queue) is not None
        if exchange is None or not dies:
            continue
        keys = dead_letter_keys(design, queue, set(arriving[queue.name]))
        targets = {
            name
            for key in keys
            if key is not None
            for name in reached(design, str(exchange.value), key)
        }
        edges[queue.name] = sorted(targets)
    return edges


def _time_or_length(design: Design, queue: QueueRow) -> bool:
    """Whether a queue's messages expire, or are pushed out by length."""
    if design.setting(queue, "message-ttl") is not None:
        return True
    overflow = design.setting(queue, "overflow")
    refuses = overflow is not None and overflow.value == REJECT
    limits = [design.setting(queue, key) for key in ("max-length", "max-length-bytes")]
    return not refuses and any(limit is not None for limit in limits)


def _cycle_from(start: str, edges: dict[str, list[str]]) -> list[str] | None:
    """Return the shortest cycle through a queue, from it, if there is one."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in edges.get(way[-1], []):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


DLX = "https://www.rabbitmq.com/docs/dlx"

RULES = (
    Rule(
        "at-least-once-falls-back",
        "error",
        "The broker falls back to at-most-once with no more than a warning in its log: it hands "
        "dead letters over without waiting for a confirm, and drops those that find no queue or "
        "no leader.",
        "Add what is missing: type quorum, overflow reject-publish and a dead-letter exchange "
        "belong together.",
        "https://www.rabbitmq.com/docs/quorum-queues#activating-at-least-once-dead-lettering; "
        "seen on 3.10.8, 4.0.5 and 4.3.6",
        at_least_once_falls_back,
    ),
    Rule(
        "dead-letters-unconfirmed",
        "warning",
        "A dead letter leaves its queue before the next one has it: while that has no leader, or "
        "its node is down, it is lost, though it was confirmed to its publisher.",
        "Make it a quorum queue with x-dead-letter-strategy: at-least-once and x-overflow: "
        "reject-publish; classic queues cannot.",
        f"{DLX}#safety; seen on 3.10.8 and 4.3.6",
        unconfirmed,
    ),
    Rule(
        "dead-letter-exchange-missing",
        "error",
        "The declaration is accepted, and then every dead letter is dropped without a word; "
        "at-least-once keeps them in the queue for ever instead.",
        "Declare the exchange, and bind a queue to it.",
        f"{DLX}; seen on 3.10.8, 4.0.5 and 4.3.6",
        exchange_missing,
    ),
    Rule(
        "dead-letter-exchange-unbound",
        "error",
        "Every dead letter is dropped without a word; at-least-once keeps them in the queue for "
        "ever instead.",
        "Bind a queue to the exchange.",
        f"{DLX}; seen on 3.10.8, 4.0.5 and 4.3.6",
        exchange_unbound,
    ),
    Rule(
        "dead-letter-key-unroutable",
        "error",
        "These dead letters are dropped without a word, though others arrive; at-least-once keeps "
        "them in the queue for ever instead. A dead letter keeps its own routing key, a "
        "republished one the queue's name, unless x-dead-letter-routing-key replaces it.",
        "Set x-dead-letter-routing-key to a key that is bound, bind this one, or make the exchange "
        "a fanout.",
        f"{DLX}; seen on 3.10.8, 4.0.5 and 4.3.6",
        key_unroutable,
    ),
    Rule(
        "dead-letter-cycle",
        "error",
        "A message that comes round to a queue without having been rejected in between is dropped, "
        "with one warning in the log for each cycle and no more.",
        "Break the cycle: let the last queue have no dead-letter exchange or another one, or let a "
        "consumer reject or republish within it.",
        f"{DLX}; deps/rabbit/src/rabbit_dead_letter.erl (detect_cycles); "
        "seen on 3.10.8, 4.0.5 and 4.3.6",
        automatic_cycle,
    ),
)
