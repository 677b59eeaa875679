"""What is left of a contract when its wrong entries are left out.

So that one wrong field does not hide the mistakes in the rest of a file: the names of what was
left out still count as known, and a place in what is left is turned back into the place in the
file. It finds no mistakes itself.
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from gameday.contracts.document import Path
from gameday.contracts.model import Contract, Requirement

EMPTY: dict[str, Any] = {
    "system": "unknown",
    "title": "unknown",
    "topology": {"queues": []},
    "messages": [],
    "producers": [],
    "consumers": [],
    "requirements": [],
}
"""What stands in for a part of the contract that is missing or of the wrong kind."""


@dataclass(frozen=True)
class View:
    """A contract, perhaps in part; `left_out` holds the names of entries that are wrong."""

    contract: Contract
    left_out: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    places: dict[Path, int] = field(default_factory=dict)

    @property
    def routes(self) -> bool:
        """Whether the topology is whole, so that one can say where a message goes."""
        return "topology" not in self.unknown

    def knows(self, section: str, names: Iterable[str], name: str) -> bool:
        """Whether the file has this name in a section, right or wrong."""
        return name in names or name in self.left_out or section in self.unknown

    def original(self, path: Path) -> Path:
        """Return the place in the file of a place in this contract."""
        for length in range(1, len(path) + 1):
            if path[:length] in self.places:
                return (*path[: length - 1], self.places[path[:length]], *path[length:])
        return path


def requirement_rows(contract: Contract) -> list[tuple[Path, Requirement]]:
    """Return every requirement with its place, those of the alternatives included."""
    rows: list[tuple[Path, Requirement]] = []
    rows += [(("requirements", i), row) for i, row in enumerate(contract.requirements)]
    for i, alternative in enumerate(contract.alternatives):
        place: Path = ("alternatives", i, "requirements")
        rows += [((*place, j), row) for j, row in enumerate(alternative.requirements)]
    return rows


def without(data: Any, wrong: Iterable[Path]) -> View | None:
    """Return the contract without its wrong entries, or nothing if too little is left."""
    if not isinstance(data, dict):
        return None
    rest = deepcopy(data)
    entries = {_entry(path) for path in wrong}
    left_out = frozenset(_name(_at(rest, path)) for path in entries if len(path) > 1)
    places = _remove(rest, entries)
    unknown = {str(path[0]) for path in entries if len(path) == 1 or path[0] == "topology"}
    try:
        contract = Contract.model_validate_json(json.dumps(rest), strict=True)
    except ValidationError:
        return None
    return View(contract, left_out, frozenset(unknown), places)


def _entry(path: Path) -> Path:
    """Return the entry of a list that a wrong field belongs to, else the whole part."""
    for length, part in enumerate(path, start=1):
        if isinstance(part, int):
            return path[:length]
    return path[:1]


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _name(entry: Any) -> str:
    return str(entry.get("name", entry.get("id", ""))) if isinstance(entry, dict) else ""


def _remove(data: dict[str, Any], entries: set[Path]) -> dict[Path, int]:
    """Take the entries out; return where each of those that stay in their lists has been."""
    for path in [path for path in entries if len(path) == 1]:
        data.pop(str(path[0]), None)
        if path[0] in EMPTY:
            data[str(path[0])] = deepcopy(EMPTY[str(path[0])])
    places: dict[Path, int] = {}
    gone = {path for path in entries if len(path) > 1 and path[:1] not in entries}
    for section in {path[:-1] for path in gone}:
        rows = _at(data, section)
        kept = [i for i in range(len(rows)) if (*section, i) not in gone]
        places |= {(*section, new): old for new, old in enumerate(kept)}
        rows[:] = [rows[i] for i in kept]
    return places
