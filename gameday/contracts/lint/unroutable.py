"""Messages that no queue takes: confirmed all the same, and gone unless somebody asks."""

from collections.abc import Iterator

from gameday.contracts.lint.design import Design, QueueRow
from gameday.contracts.lint.routes import publications, reached
from gameday.contracts.lint.rule import Hit, Rule


def key_reaches_nothing(design: Design) -> Iterator[Hit]:
    """Find a client's routing key that reaches no queue."""
    for each in publications(design):
        if not design.has_exchange(each.exchange):
            continue  # The loader says so: publishing closes the channel (404).
        if not reached(design, each.exchange, each.routing_key):
            said = f'the exchange "{each.exchange}"' if each.exchange else "the default exchange"
            text = f'the key "{each.routing_key}" of {each.who} reaches no queue on {said}'
            yield Hit((*each.path, "routing_key"), text)


def loss_of_binding_unnoticed(design: Design) -> Iterator[Hit]:
    """Find a producer without `mandatory`, on an exchange without an alternate exchange."""
    for each in publications(design):
        exchange = design.exchange(each.exchange)
        if not each.mandatory and (exchange is None or design.alternate(exchange) is None):
            on = f'the exchange "{each.exchange}"' if each.exchange else "the default exchange"
            text = f"{each.who} publishes to {on}, not mandatory and without alternate exchange"
            yield Hit((*each.path, "mandatory"), text)


def no_alternate_exchange(design: Design) -> Iterator[Hit]:
    """Find an exchange of an export, bound to something, without an alternate exchange."""
    if design.clients is None:
        for exchange in design.exchanges:
            bound = design.bindings_from(exchange.name)
            if bound and exchange.type != "fanout" and design.alternate(exchange) is None:
                text = f"the {exchange.type} exchange {exchange.name} has no alternate exchange"
                yield Hit(exchange.path, text)


def exchange_unbound(design: Design) -> Iterator[Hit]:
    """Find an exchange from which no message reaches a queue, and which is nobody's DLX."""
    dead = {_dead_letter_exchange(design, queue) for queue in design.queues}
    for exchange in design.exchanges:
        if exchange.name not in dead and not reached(design, exchange.name, None):
            text = f"no queue is reached from the exchange {exchange.name}"
            yield Hit(exchange.path, text)


def alternate_missing(design: Design) -> Iterator[Hit]:
    """Find an alternate exchange that is not declared."""
    for exchange in design.exchanges:
        found = design.alternate(exchange)
        if found is not None and not design.has_exchange(str(found.value)):
            text = f"the alternate exchange {found.value} of {exchange.name} is not declared"
            yield Hit(found.path, text)


def _dead_letter_exchange(design: Design, queue: QueueRow) -> str:
    found = design.setting(queue, "dead-letter-exchange")
    return "" if found is None else str(found.value)


AE = "https://www.rabbitmq.com/docs/ae"
UNROUTABLE = "https://www.rabbitmq.com/docs/publishers#unroutable"

RULES = (
    Rule(
        "key-reaches-nothing",
        "error",
        "Every such message is confirmed and dropped; with mandatory it is returned first, each "
        "time.",
        "Bind a queue with this key, or publish with one that is bound.",
        f"{UNROUTABLE}; seen on 3.10.8, 4.0.5 and 4.3.6",
        key_reaches_nothing,
    ),
    Rule(
        "lost-binding-unnoticed",
        "warning",
        "The day the binding or the queue is not there, every message is confirmed and dropped, "
        "and nothing tells.",
        "Publish with mandatory and handle what is returned, or give the exchange an alternate "
        "exchange with a queue behind it.",
        f"{UNROUTABLE}; {AE}; seen on 3.10.8, 4.0.5 and 4.3.6",
        loss_of_binding_unnoticed,
    ),
    Rule(
        "no-alternate-exchange",
        "note",
        "What no binding takes is confirmed and dropped, unless its publisher asks for returns "
        "(mandatory), which an export does not tell.",
        "See that publishers set mandatory, or give the exchange an alternate exchange with a "
        "queue behind it.",
        f"{UNROUTABLE}; {AE}; seen on 3.10.8, 4.0.5 and 4.3.6",
        no_alternate_exchange,
    ),
    Rule(
        "exchange-leads-nowhere",
        "warning",
        "Whatever is published there is confirmed and dropped, or returned where mandatory.",
        "Bind a queue to it, or take it out.",
        f"{UNROUTABLE}; seen on 3.10.8, 4.0.5 and 4.3.6",
        exchange_unbound,
    ),
    Rule(
        "alternate-exchange-missing",
        "error",
        "The declaration is accepted, and what no binding takes is confirmed and dropped all the "
        "same.",
        "Declare the alternate exchange, and bind a queue to it.",
        f"{AE}; seen on 3.10.8, 4.0.5 and 4.3.6",
        alternate_missing,
    ),
)
