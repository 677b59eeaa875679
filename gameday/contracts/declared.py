"""What a broker would refuse, or quietly do otherwise, of what a contract declares.

Each rule is one function; its sentence says what the broker does. The rules about clients and
promises are in `rules.py`.
"""

import re
from collections.abc import Iterator

from gameday.contracts.document import Mistake, Path
from gameday.contracts.model import Contract
from gameday.contracts.parts import Queue, Topology
from gameday.contracts.sentences import shown
from gameday.contracts.topology import BUILT_IN, dead_letter_targets, setting_of
from gameday.contracts.versions import release
from gameday.errors import UsageError

PRIORITY_MOST = 255
REJECT = "reject-publish"


def topology_mistakes(topology: Topology) -> Iterator[Mistake]:
    """Return what is wrong with the arguments of a topology's queues, by itself."""
    for i, queue in enumerate(topology.queues):
        path: Path = ("topology", "queues", i)
        yield from _queue(path, queue)
        yield from _strategy(path, topology, queue)
    yield from _dead_letters(topology)


def queues_mistakes(contract: Contract) -> Iterator[Mistake]:
    """Return what a broker refuses of a queue by itself."""
    for path, queue in _queue_rows(contract):
        yield from _queue(path, queue)


def _queue_rows(contract: Contract) -> list[tuple[Path, Queue]]:
    """Return every queue with its place, those of the alternatives included."""
    rows: list[tuple[Path, Queue]] = [
        (("topology", "queues", i), queue) for i, queue in enumerate(contract.topology.queues)
    ]
    for i, alternative in enumerate(contract.alternatives):
        place: Path = ("alternatives", i, "queues")
        rows += [((*place, j), queue) for j, queue in enumerate(alternative.queues)]
    return rows


def _queue(path: Path, queue: Queue) -> Iterator[Mistake]:
    arguments, place = queue.arguments, (*path, "arguments")
    if "x-queue-type" in arguments:
        text = 'expected the type in the field "type", found it here too; remove this argument'
        yield Mistake((*place, "x-queue-type"), text)
    most = arguments.get("x-max-priority")
    if most is not None and queue.type == "quorum":
        text = "expected none, since the broker refuses it (406) on a quorum queue; remove it"
        yield Mistake((*place, "x-max-priority"), text)
    elif most is not None and most not in range(1, PRIORITY_MOST + 1):
        text = f"expected a whole number from 1 to 255, found {shown(most)}; change the number"
        yield Mistake((*place, "x-max-priority"), text)
    if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
        text = (
            "expected x-dead-letter-exchange beside it, without which the broker refuses it (406)"
        )
        yield Mistake((*place, "x-dead-letter-routing-key"), f"{text}; add it, or remove this")
    if queue.type == "quorum" and not queue.durable:
        text = "expected true, since a quorum queue is always durable, found false; remove it"
        yield Mistake((*path, "durable"), text)


def strategies_mistakes(contract: Contract) -> Iterator[Mistake]:
    """Return strategies of dead-lettering that the broker would quietly not follow."""
    for path, queue in _queue_rows(contract):
        yield from _strategy(path, contract.topology, queue)


def _strategy(path: Path, topology: Topology, queue: Queue) -> Iterator[Mistake]:
    """Without all three the broker falls back to at-most-once with no more than a log line."""
    if queue.arguments.get("x-dead-letter-strategy") != "at-least-once":
        return
    refuses = setting_of(topology, queue, "overflow") == REJECT
    exchange = setting_of(topology, queue, "dead-letter-exchange")
    missing = [
        *(["type: quorum"] if queue.type != "quorum" else []),
        *([] if refuses else ["x-overflow: reject-publish"]),
        *(["x-dead-letter-exchange"] if exchange is None else []),
    ]
    if missing:
        expected = f"expected it together with {' and '.join(missing)}, without which the broker"
        text = f"{expected} falls back to at-most-once; add what is missing"
        yield Mistake((*path, "arguments", "x-dead-letter-strategy"), text)


def policies_mistakes(contract: Contract) -> Iterator[Mistake]:
    """Return patterns and versions that cannot be read."""
    topology = contract.topology
    rows = [("policies", i, policy) for i, policy in enumerate(topology.policies)]
    rows += [
        ("operator_policies", i, policy) for i, policy in enumerate(topology.operator_policies)
    ]
    for section, i, policy in rows:
        path: Path = ("topology", section, i)
        try:
            re.compile(policy.pattern)
        except re.error as error:
            text = f"expected a regular expression, found {shown(policy.pattern)}; {error}"
            yield Mistake((*path, "pattern"), text)
        try:
            release(policy.until or "0")
        except UsageError as error:
            yield Mistake((*path, "until"), f"expected a broker version, found none; {error}")


def dead_letters_mistakes(contract: Contract) -> Iterator[Mistake]:
    """Return queues whose dead letters nobody takes."""
    yield from _dead_letters(contract.topology)


def _dead_letters(topology: Topology) -> Iterator[Mistake]:
    """Find dead letters that no queue takes: they are dropped without a word, or kept for ever."""
    for i, queue in enumerate(topology.queues):
        exchange = queue.arguments.get("x-dead-letter-exchange")
        known = exchange in {"", *BUILT_IN, *(e.name for e in topology.exchanges)}
        keys = dead_letter_keys(topology, queue)
        targets = (dead_letter_targets(topology, queue.name, key) for key in keys)
        if exchange is not None and known and not any(targets):
            path = ("topology", "queues", i, "arguments", "x-dead-letter-exchange")
            key = shown(keys[0])
            found = f"expected a binding that takes its dead letters (key {key}), found none"
            yield Mistake(path, f"{found}; bind a queue to {exchange or 'the default exchange'}")


def dead_letter_keys(topology: Topology, queue: Queue) -> list[str]:
    """Return the keys that dead letters of a queue may have: the given one, else the messages'.

    A pattern of a topic binding stands for a key that it takes.
    """
    given = setting_of(topology, queue, "dead-letter-routing-key")
    if given is not None:
        return [str(given)]
    bound = [each.routing_key for each in topology.bindings if each.queue == queue.name]
    return [queue.name, *(re.sub(r"[*#]", "any", key) for key in bound)]
