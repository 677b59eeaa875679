"""What can be known about a running cluster, as values.

`broker.py` fetches them; this file only says what they are, so that whoever judges or waits can
take them without knowing how they were come by.
"""

from dataclasses import dataclass
from typing import Any, TypedDict


@dataclass(frozen=True)
class Alarm:
    """One resource alarm, and the node that raised it."""

    kind: str
    node: str


@dataclass(frozen=True)
class NodeView:
    """The cluster as one node sees it."""

    node: str
    serving: bool
    seen: frozenset[str]
    running: frozenset[str]
    partitions: tuple[str, ...]
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True)
class QueueState:
    """Where a queue lives: members hold a copy, those in step hold all of it."""

    name: str
    type: str
    leader: str
    members: frozenset[str]
    in_step: frozenset[str]


@dataclass(frozen=True)
class ConsumerState:
    """One consumer as the broker knows it."""

    queue: str
    tag: str
    node: str
    manual: bool
    prefetch: int


class Definitions(TypedDict):
    """A virtual host's topology as the broker has it."""

    queues: list[dict[str, Any]]
    exchanges: list[dict[str, Any]]
    bindings: list[dict[str, Any]]
    policies: list[dict[str, Any]]
    parameters: list[dict[str, Any]]
