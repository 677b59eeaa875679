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


def sla_limits(design: Design, queue: str) -> Iterator[tuple[Path, float, bool]]:
    """Yield each limit of service of a queue: its place, its milliseconds, if under silent cuts."""
    if design.clients is None:
        return
    for path, row in design.clients.requirements:
        for i, criterion in enumerate(row.criteria):
            parameters = criterion.parameters
            limit = parameters.get("limit_ms")
            wanted = criterion.check == "sla" and parameters.get("queue", queue) == queue
            if wanted and isinstance(limit, int | float) and _judged(criterion, design.version):
                place = (*path, "criteria", i, "parameters", "limit_ms")
                yield place, float(limit), _under_silence(criterion)


def _judged(criterion: Criterion, version: str) -> bool:
    try:
        return applies(criterion.versions, version)
    except InvalidSpecifier:  # The loader says so.
        return False


def _under_silence(criterion: Criterion) -> bool:
    phases = criterion.parameters.get("phases", ["fault"])
    classes = criterion.parameters.get("fault_classes", [SILENT])
    return "fault" in phases and SILENT in classes


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
