"""What a broker would refuse, or quietly do otherwise, and what a contract must not mix up.

Each rule is one function; its sentence says what the broker does, so that the reader knows why.
Names that are not there are found in `references.py`.
"""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from gameday.contracts.declared import (
    PRIORITY_MOST,
    dead_letters_mistakes,
    policies_mistakes,
    queues_mistakes,
    strategies_mistakes,
)
from gameday.contracts.document import Mistake, Path
from gameday.contracts.model import Consumer, Contract, Producer, Requirement, Sending
from gameday.contracts.partial import View, requirement_rows
from gameday.contracts.parts import Queue
from gameday.contracts.schema import compiled
from gameday.contracts.sentences import shown
from gameday.contracts.topology import dead_letter_targets, route, setting_of

SYSTEM = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
SHARES_MOST = 1 + 1e-9


def rule_mistakes(view: View) -> Iterator[Mistake]:
    """Return what is wrong with the values of a contract."""
    contract = view.contract
    finders = [_system, queues_mistakes, policies_mistakes, _messages, _settings, _requirements]
    if view.routes and not any(policies_mistakes(contract)):
        finders += [strategies_mistakes, dead_letters_mistakes, _producers, _consumers]
    for find in finders:
        for mistake in find(contract):
            yield Mistake(view.original(mistake.path), mistake.text)


def _system(contract: Contract) -> Iterator[Mistake]:
    """Find a name that cannot be part of folders, virtual hosts and classes."""
    if not re.fullmatch(SYSTEM, contract.system):
        text = "expected letters, digits and - _ . only, since folders are named by it"
        yield Mistake(("system",), f"{text}, found {shown(contract.system)}; rename it")


def _messages(contract: Contract) -> Iterator[Mistake]:
    for i, message in enumerate(contract.messages):
        try:
            Draft202012Validator.check_schema(message.body_schema)
        except SchemaError as error:
            path = ("messages", i, "schema", *error.absolute_path)
            yield Mistake(path, f"expected a JSON Schema, found none; {error.message}")
        else:
            yield from _examples(("messages", i, "schema"), message.body_schema)


def _examples(path: Path, schema: Any) -> Iterator[Mistake]:
    """Find examples that break their own schema: bodies are made from them."""
    if isinstance(schema, list):
        rows: Any = enumerate(schema)
    else:
        rows = schema.items() if isinstance(schema, dict) else ()
    for name, inner in rows:
        yield from _examples((*path, name), inner)
    if not isinstance(schema, dict) or not isinstance(schema.get("examples"), list):
        return
    for i, example in enumerate(schema["examples"]):
        for error in compiled(schema).iter_errors(example):
            text = f"expected an example that its schema takes, found {shown(example)}"
            yield Mistake((*path, "examples", i), f"{text}; {error.message}")


def _settings(contract: Contract) -> Iterator[Mistake]:
    for i, setting in enumerate(contract.broker_settings):
        yield from _specifier(("broker_settings", i, "versions"), setting.versions)


def _specifier(path: Path, versions: str) -> Iterator[Mistake]:
    try:
        SpecifierSet(versions)
    except InvalidSpecifier:
        text = f'expected versions such as ">=3.12,<4", found {shown(versions)}; change them'
        yield Mistake(path, text)


def _requirements(contract: Contract) -> Iterator[Mistake]:
    for path, row in requirement_rows(contract):
        yield from _requirement(path, row)
        for i, criterion in enumerate(row.criteria):
            yield from _specifier((*path, "criteria", i, "versions"), criterion.versions)


def _requirement(path: Path, row: Requirement) -> Iterator[Mistake]:
    if not row.criteria and row.not_tested is None:
        text = "expected criteria or not_tested, found neither; say how it is judged, or why not"
        yield Mistake(path, text)
    if row.criteria and row.not_tested is not None:
        text = "expected criteria or not_tested, found both; remove one of them"
        yield Mistake((*path, "not_tested"), text)
    if row.suites and not row.criteria:
        text = "expected no suites, since nothing judges this requirement; add criteria"
        yield Mistake((*path, "suites"), text)
    if "smoke" in row.suites and "full" not in row.suites:
        text = "expected full too, since full claims whatever smoke does; add it"
        yield Mistake((*path, "suites"), text)


def _producers(contract: Contract) -> Iterator[Mistake]:
    for i, producer in enumerate(contract.producers):
        path: Path = ("producers", i)
        sent: list[Producer | Sending] = [producer, *producer.also]
        reached = {q for each in sent
                   for q in route(contract.topology, each.exchange, each.routing_key)}  # fmt: skip
        queues = [queue for queue in contract.topology.queues if queue.name in reached]
        yield from _priorities((*path, "priorities"), producer, queues)
        yield from _mix((*path, "mix"), producer, contract, queues)


def _priorities(path: Path, producer: Producer, queues: list[Queue]) -> Iterator[Mistake]:
    limits = [queue.max_priority for queue in queues if isinstance(queue.max_priority, int)]
    most = min(limits, default=PRIORITY_MOST)
    for priority in producer.priorities:
        if not 0 <= priority <= most:
            why = "x-max-priority of its queue" if limits else "what AMQP can say"
            text = f"expected 0 to {most} ({why}), found {priority}; change the number"
            yield Mistake((*path, str(priority)), text)


def _mix(
    path: Path, producer: Producer, contract: Contract, queues: list[Queue]
) -> Iterator[Mistake]:
    total = producer.mix.transient + producer.mix.dead + producer.mix.timed_out
    if total > SHARES_MOST:
        yield Mistake(path, f"expected shares up to 1 in all, found {total:g}; lower them")
    patient = {each.queue for each in contract.consumers if each.timeout_ms is None}
    for queue in queues:
        if producer.mix.timed_out and queue.name in patient:
            text = f"expected a timeout_ms of the consumer of {queue.name}, without which a handler"
            yield Mistake((*path, "timed_out"), f"{text} that hangs is never stopped; add one")
        exchange = setting_of(contract.topology, queue, "dead-letter-exchange")
        if producer.mix.dead and exchange is None:
            text = f"expected none that fails for good, since {queue.name} has no dead-letter"
            yield Mistake(path, f"{text} exchange and would drop it; add one, or leave them out")


def _consumers(contract: Contract) -> Iterator[Mistake]:
    classic = {queue.name for queue in contract.topology.queues if queue.type == "classic"}
    for i, consumer in enumerate(contract.consumers):
        if consumer.retry == "requeue" and consumer.queue in classic:
            text = "expected republish or none, since a classic queue keeps no delivery count"
            found = "by which tries could be limited, found requeue; use republish"
            yield Mistake(("consumers", i, "retry"), f"{text} {found}")
        if consumer.parallel > consumer.prefetch:
            text = f"expected at most its prefetch, {consumer.prefetch}, since it never holds more"
            yield Mistake(("consumers", i, "parallel"), f"{text}; lower it, or raise prefetch")
        yield from _scaling(("consumers", i), consumer)
        yield from _ladder(("consumers", i), contract, consumer)
        yield from _loops(("consumers", i), contract, consumer)


def _scaling(path: Path, consumer: Consumer) -> Iterator[Mistake]:
    """Find a depth at which nobody could be added, and a most that nothing leads to."""
    if (consumer.scale_at_depth is None) != (consumer.scale_to is None):
        text = "expected scale_at_depth and scale_to together, found one alone; add the other"
        yield Mistake((*path, "scale_at_depth"), text)
    elif consumer.scale_to is not None and consumer.scale_to <= consumer.workers:
        text = f"expected more than its {consumer.workers} workers, since it only ever adds some"
        yield Mistake((*path, "scale_to"), f"{text}, found {consumer.scale_to}; raise it")


def _ladder(path: Path, contract: Contract, consumer: Consumer) -> Iterator[Mistake]:
    """Find steps that do not wait as they say, or do not lead back."""
    if (consumer.retry == "ladder") != bool(consumer.ladder):
        text = "expected a ladder together with retry: ladder, found one alone; add the other"
        yield Mistake((*path, "ladder"), text)
        return
    wanted = len(consumer.ladder) + 1
    if consumer.ladder and consumer.attempts != wanted:
        text = f"expected {wanted}, the first try and one a step, found {consumer.attempts}"
        yield Mistake((*path, "attempts"), f"{text}; change the number")
    queues = {queue.name: queue for queue in contract.topology.queues}
    for i, step in enumerate(consumer.ladder):
        place = (*path, "ladder", i, "queue")
        wait_ms = setting_of(contract.topology, queues[step.queue], "message-ttl")
        if wait_ms != step.delay_ms:
            text = (
                f"expected a queue whose x-message-ttl is {step.delay_ms}, found {shown(wait_ms)}"
            )
            yield Mistake(place, f"{text} on {step.queue}; make the two equal")
        elif consumer.queue not in dead_letter_targets(contract.topology, step.queue, step.queue):
            text = f"expected a queue whose dead letters go back to {consumer.queue}, found that"
            yield Mistake(place, f"{text} those of {step.queue} do not; set its x-dead-letter-*")


def _loops(path: Path, contract: Contract, consumer: Consumer) -> Iterator[Mistake]:
    """Find what a consumer would emit after handling it, and so on without end."""
    for i, emission in enumerate(consumer.emits):
        back = consumer.queue in route(contract.topology, emission.exchange, emission.routing_key)
        if back and emission.of in {None, emission.message}:
            text = "expected `of`, another message type, since what it emits comes back to its own"
            yield Mistake((*path, "emits", i), f"{text} queue, found none; say after which types")
