"""Lint a file: a contract or an exported definitions.json, told apart by what is in it.

    text -> contract or export -> designs -> rules -> findings, each with its place

What the loader of contracts refuses is a finding too (`contract-refused`), unless a rule has more
to say of the same place. Only what cannot be read at all is a `UsageError`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal

from gameday.contracts.document import Path
from gameday.contracts.lint import from_contract, from_export
from gameday.contracts.lint.design import Design
from gameday.contracts.lint.rule import SEVERITIES, Finding, Hit, Place, Rule, Severity
from gameday.contracts.lint.rules import RULES
from gameday.contracts.load import Reading, field_of, find_file, read_contract, read_text
from gameday.errors import UsageError

NODES = 3

REFUSED = "contract-refused"
"""The id of what the loader refuses; it is no rule, since `gameday run` says it already."""


@dataclass(frozen=True)
class Linted:
    """A file's findings, the worst first."""

    file: str
    kind: Literal["contract", "definitions"]
    nodes: int
    """How many nodes it was linted for: as many as were named, the contract's, or three."""
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def lint_file(
    name: str, version: str, nodes: int | None, given: Mapping[str, str] | None = None
) -> Linted:
    """Lint a system's contract, or the contract or export in a file.

    `given` are the contract's variables that the command line sets.
    """
    path = _short(find_file(name))
    text = read_text(path)
    data = _as_json(text)
    if data is None:
        return _lint_contract(read_contract(path, text, given), version, nodes)
    if "topology" in data or "system" in data:
        return _lint_contract(read_contract(path, text, given), version, nodes)
    if any(section in data for section in from_export.SECTIONS):
        return _lint_export(data, str(path), version, nodes)
    raise _neither(path)


def _short(path: FilePath) -> FilePath:
    """Return a path as one would write it here."""
    here = FilePath.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _as_json(text: str) -> dict[str, Any] | None:
    """Return a JSON object's data; none of a text that is none."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None


def _neither(path: FilePath) -> UsageError:
    return UsageError(
        f"{path}: neither a contract (it has no topology) nor exported definitions (no queues, "
        "exchanges, bindings or policies): name one of these",
    )


def _lint_export(data: dict[str, Any], file: str, version: str, nodes: int | None) -> Linted:
    def place(path: Path) -> Place:
        return Place(file, None, from_export.json_path(_existing(data, path)))

    count = nodes or NODES
    designs = from_export.designs_of(data, file, version, count)
    found = [(hit.path, _finding(rule, hit, place(hit.path))) for rule, hit in _hits(designs)]
    return Linted(file, "definitions", count, _sorted(found, data))


def _lint_contract(reading: Reading, version: str, nodes: int | None) -> Linted:
    """Lint a contract as far as it can be read; with a mistake of syntax nothing can."""
    document, file = reading.document, str(reading.path)
    data = document.data
    if any(each.path == () for each in document.mistakes):
        raise UsageError(f"{file}:{reading.lines()[0]}")
    if not isinstance(data, dict) or not {"system", "topology"} & data.keys():
        raise _neither(reading.path)

    def place(path: Path) -> Place:
        return Place(file, document.line(path), field_of(_existing(data, path)))

    known = not any(each.path[:1] == ("broker_settings",) for each in reading.mistakes)
    view = reading.view
    designs = (
        from_contract.designs_of(view, version, nodes, settings_known=known) if view else iter(())
    )
    found = [(hit.path, _finding(rule, hit, place(hit.path))) for rule, hit in _hits(designs)]
    said = {path for path, finding in found if finding.severity == "error"}
    found += [
        (each.path, _refused(place(each.path), each.text))
        for each in reading.mistakes
        if each.path not in said
    ]
    count = nodes or (view.contract.nodes if view else NODES)
    return Linted(file, "contract", count, _sorted(found, data))


def _refused(place: Place, text: str) -> Finding:
    found, _, remedy = text.partition("; ")
    return Finding(
        id=REFUSED,
        severity="error",
        place=place,
        found=found,
        consequence="gameday refuses the contract: it would not prove what it promises.",
        remedy=f"{remedy[:1].upper()}{remedy[1:]}.",
        source="docs/contracts.md",
    )


def _hits(designs: Iterator[Design]) -> Iterator[tuple[Rule, Hit]]:
    """Yield every hit of every rule, once, whichever designs it is in."""
    seen: set[tuple[str, Path, str]] = set()
    for design in designs:
        for rule in RULES:
            for hit in rule.find(design):
                if (rule.id, hit.path, hit.found) not in seen:
                    seen.add((rule.id, hit.path, hit.found))
                    yield rule, hit


def _finding(rule: Rule, hit: Hit, place: Place) -> Finding:
    return Finding(
        id=rule.id,
        severity=hit.severity or rule.severity,
        place=place,
        found=hit.found,
        consequence=rule.consequence,
        remedy=rule.remedy,
        source=rule.source,
    )


def _existing(data: Any, path: Path) -> Path:
    """Return a path as far as the file has it."""
    for length, part in enumerate(path):
        there = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not there and not (isinstance(data, dict) and part in data):
            return path[:length]
        data = data[part]
    return path


def _sorted(found: list[tuple[Path, Finding]], data: Any) -> tuple[Finding, ...]:
    """Return the findings, the worst first, then in the file's order."""
    order = {name: i for i, name in enumerate(data)}

    def key(row: tuple[Path, Finding]) -> tuple[Any, ...]:
        path, finding = row
        places = [f"{part:09}" if isinstance(part, int) else part for part in path[1:]]
        section = order.get(path[0], len(order)) if path else -1
        line = finding.place.line or 0
        return (SEVERITIES.index(finding.severity), line, section, places, finding.id)

    return tuple(finding for _, finding in sorted(found, key=key))
