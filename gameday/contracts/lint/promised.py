"""What a contract promises and sets that rules ask for: limits of service, and broker settings.

Settings are read as the contract writes them: lines of `rabbitmq.conf`, terms of
`advanced.config`, arguments of the Erlang machine, each for its versions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier

from gameday.contracts.document import Path
from gameday.contracts.lint.design import Clients, Design
from gameday.contracts.promises import Criterion
from gameday.contracts.versions import applies

SILENT = "partition_silent"
NODE_GONE = frozenset({"node_kill", "partition_reset", SILENT})
"""The classes of fault in which a client's node is out of reach."""


@dataclass(frozen=True)
class Limit:
    """A limit of service that a contract promises, and under which classes of fault."""

    path: Path
    milliseconds: float
    fault_classes: frozenset[str]


def sla_limits(design: Design, queue: str) -> Iterator[Limit]:
    """Yield each limit of service of a queue."""
    if design.clients is None:
        return
    for path, row in design.clients.requirements:
        for i, criterion in enumerate(row.criteria):
            parameters = criterion.parameters
            limit = parameters.get("limit_ms")
            wanted = criterion.check == "sla" and parameters.get("queue", queue) == queue
            if wanted and isinstance(limit, int | float) and _judged(criterion, design.version):
                place = (*path, "criteria", i, "parameters", "limit_ms")
                yield Limit(place, float(limit), _fault_classes(criterion))


def _judged(criterion: Criterion, version: str) -> bool:
    try:
        return applies(criterion.versions, version)
    except InvalidSpecifier:  # The loader says so.
        return False


def _fault_classes(criterion: Criterion) -> frozenset[str]:
    """Return the classes under which it is judged; those that matter here, if it names none."""
    if "fault" not in criterion.parameters.get("phases", ["fault"]):
        return frozenset()
    return frozenset(criterion.parameters.get("fault_classes", NODE_GONE))


@dataclass(frozen=True)
class Told:
    """A setting's value, and the place of the setting."""

    value: str
    path: Path


def broker_setting(clients: Clients, version: str, *patterns: str) -> Told | None:
    """Return the last value that any of the patterns finds among a version's settings."""
    found = None
    for path, setting in clients.settings or ():
        try:
            if not applies(setting.versions, version):
                continue
        except InvalidSpecifier:  # The loader says so.
            continue
        for pattern in patterns:
            match = re.search(pattern, setting.value, re.MULTILINE)
            if match:
                found = Told(match[1], (*path, "value"))
    return found
