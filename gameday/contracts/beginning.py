"""The beginning of a contract for a topology: what a broker cannot know, to be filled in.

A text, not a value: its comments are for whoever goes on writing it. It loads as it is, and can be
played: one producer and one consuming service for each of the first queues that are worked on.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gameday.contracts.declared import dead_letter_keys
from gameday.contracts.importing import Imported
from gameday.contracts.parts import Part, Queue, Topology
from gameday.contracts.routing import dead_letter_targets, exchange_type, route, setting_of

SERVED_MOST = 3
"""For how many queues the beginning has services: a broker may have hundreds."""

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
WORDS = {"true", "false", "null"}


def begin_contract(imported: Imported, system: str, source: str) -> str:
    """Return the text of a contract's file."""
    return "\n".join([*_head(imported, system, source), *_topology(imported.topology),
                      *_services(imported.topology, system)]) + "\n"  # fmt: skip


def slug(name: str, otherwise: str) -> str:
    """Return a name that files, virtual hosts and classes can take."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or otherwise


def scalar(value: Any) -> str:
    """Return a value as YAML, with `${` kept from being read as the use of a variable."""
    if isinstance(value, str):
        text = value.replace("${", "$${")
        plain = PLAIN.fullmatch(text) and text not in WORDS
        return text if plain else json.dumps(text, ensure_ascii=False)
    if isinstance(value, Mapping):
        pairs = (f"{scalar(str(key))}: {scalar(inner)}" for key, inner in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(scalar, value)) + "]"
    return json.dumps(value)


def _head(imported: Imported, system: str, source: str) -> Iterator[str]:
    yield "# Begun by `gameday import`. The topology is the broker's own; what a broker cannot know"
    yield "# (who sends and handles what, and what is promised) is a beginning: see each FILL IN."
    yield "# docs/contracts.md says what everything means; `gameday schema` names it to an editor."
    if imported.notes:
        yield "#"
        yield "# Not as it was exported:"
        yield from (f"# - {' '.join(note.split())}" for note in imported.notes)
    yield ""
    yield f"system: {scalar(system)}"
    yield 'title: "FILL IN: the system in a few words"'
    yield f"source: {scalar(source)}"
    yield ""


def _topology(topology: Topology) -> Iterator[str]:
    yield "topology:"
    for section in type(topology).model_fields:
        parts = getattr(topology, section)
        if parts or section == "queues":
            yield f"  {section}:{'' if parts else ' []'}"
            yield from (f"    - {scalar(_given(part))}" for part in parts)
    yield ""


def _given(part: Part) -> dict[str, Any]:
    """Return a part's fields without those that are as by default."""
    return {
        name: value
        for name, value in part.model_dump(mode="json").items()
        if part.__class__.model_fields[name].is_required()
        or value != part.__class__.model_fields[name].default
    }


def _services(topology: Topology, system: str) -> Iterator[str]:
    # First those with dead letters: what fails there can be judged too.
    work = sorted(work_queues(topology), key=lambda queue: not _dies(topology, queue))
    served, others = work[:SERVED_MOST], work[SERVED_MOST:]
    yield "# FILL IN: the message types, each with the JSON Schema of its body."
    yield "messages:"
    yield "  - name: message"
    yield "    schema:"
    yield "      {type: object, required: [id], properties: {id: {type: string, format: uuid}}}"
    yield ""
    yield "# FILL IN: who publishes, where, how often, with which priorities, and what of it fails."
    yield from _without_services(others)
    yield f"producers:{'' if served else ' []'}"
    for queue in served:
        yield from _producer(topology, queue)
    yield ""
    yield "# FILL IN: who consumes, by how many workers, how long one message takes, the retries."
    yield f"consumers:{'' if served else ' []'}"
    for queue in served:
        yield f"  - name: {_service(queue, 'worker')}"
        yield f"    queue: {scalar(queue.name)}"
        yield "    workers: 3"
        yield "    service_ms: 25"
    yield ""
    yield from _requirements(topology, served, system)


def work_queues(topology: Topology) -> list[Queue]:
    """Return the queues that nothing is dead-lettered to, where there are such; else all."""
    dead = {
        target
        for queue in topology.queues
        for key in dead_letter_keys(topology, queue)
        for target in dead_letter_targets(topology, queue.name, key)
        if target != queue.name
    }
    return [queue for queue in topology.queues if queue.name not in dead] or list(topology.queues)


def _without_services(queues: Iterable[Queue]) -> Iterator[str]:
    names = ", ".join(queue.name for queue in queues)
    if names:
        yield "# These queues have no services yet:"
        yield f"#   {' '.join(names.split())}"


def _service(queue: Queue, kind: str) -> str:
    return scalar(f"{slug(queue.name, 'queue')}-{kind}")


def _producer(topology: Topology, queue: Queue) -> Iterator[str]:
    exchange, key = _address(topology, queue)
    yield f"  - name: {_service(queue, 'publisher')}"
    yield "    message: message"
    if exchange:
        yield f"    exchange: {scalar(exchange)}"
    yield f"    routing_key: {scalar(key)}"
    yield "    rate_per_s: 20"
    yield "    surge: 200"
    if queue.max_priority:
        yield f"    priorities: {{0: 1, {queue.max_priority}: 1}}"
    if _dies(topology, queue):
        yield "    mix: {permanent: 0.02}"


def _address(topology: Topology, queue: Queue) -> tuple[str, str]:
    """Return an exchange and a key that reach the queue and no other."""
    for binding in topology.bindings:
        if binding.queue != queue.name:
            continue
        key = binding.routing_key
        if exchange_type(topology, binding.exchange) == "topic":
            key = re.sub(r"[*#]", "any", key)
        if route(topology, binding.exchange, key) == (queue.name,):
            return binding.exchange, key
    return "", queue.name


def _dies(topology: Topology, queue: Queue) -> bool:
    """Whether what is rejected in a queue lies in another one afterwards."""
    if setting_of(topology, queue, "dead-letter-exchange") is None:
        return False
    found = [
        dead_letter_targets(topology, queue.name, key) for key in dead_letter_keys(topology, queue)
    ]
    return all(targets and queue.name not in targets for targets in found)


def _requirements(topology: Topology, served: list[Queue], system: str) -> Iterator[str]:
    yield "# FILL IN: every promise of the system, with the check that judges it or why none does."
    yield "requirements:"
    rows = list(_promises(topology, served))
    for number, (statement, criterion) in enumerate(rows, start=1):
        yield f"  - id: {scalar(f'{system}-{number:02d}')}"
        yield f"    statement: {statement}"
        yield f"    criteria: [{scalar(criterion)}]"
        yield "    suites: [smoke, full]"
    yield f"  - id: {scalar(f'{system}-{len(rows) + 1:02d}')}"
    yield '    statement: "FILL IN: what else is promised."'
    yield "    not_tested: {reason: Nobody has written it down yet., how: Write it down here.}"


def _promises(topology: Topology, served: list[Queue]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what hardly any system does without, with its criterion."""
    yield "The broker holds this topology, before and after every fault.", {"check": "topology"}
    queues = [queue.name for queue in served]
    if queues:
        loss = {"check": "loss", "parameters": {"queues": queues}}
        yield "What was confirmed is delivered and handled, whatever fails.", loss
    dying = [queue.name for queue in served if _dies(topology, queue)]
    if dying:
        dead = {"check": "dead_letters", "parameters": {"queues": dying}}
        yield "What cannot be handled lies in its dead-letter queue.", dead
