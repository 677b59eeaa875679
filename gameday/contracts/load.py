"""Read a contract: by its system's name from beside this module, or by path.

A file with mistakes gives one `UsageError` with a line for each: `file:line: field: what was
expected, what was found; what to do`. A wrong entry does not hide mistakes elsewhere: the rest is
judged without it (`Reading` has both, for lint). What the sentences are about: `sentences.py`
(shape), `references.py` (names), `rules.py` (the broker's rules).
"""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from pydantic import ValidationError

from gameday.contracts.document import Document, Mistake, Path, read
from gameday.contracts.model import Contract
from gameday.contracts.partial import View, without
from gameday.contracts.references import reference_mistakes
from gameday.contracts.rules import rule_mistakes
from gameday.contracts.sentences import any_of, sentences
from gameday.contracts.variables import Resolved, Value, resolve
from gameday.errors import UsageError

FOLDER = FilePath(__file__).parent


def systems() -> tuple[str, ...]:
    """Return the systems whose contracts come with gameday, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@dataclass(frozen=True)
class Loaded:
    """A contract with its variables put in, and what each of them was."""

    contract: Contract
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A contract's file as far as it could be read, and what is wrong in it."""

    path: FilePath
    resolved: Resolved
    contract: Contract | None
    """The contract, if its shape is right."""
    view: View | None
    """The contract or, of a file with wrong entries, what is left without them."""
    mistakes: tuple[Mistake, ...]

    @property
    def document(self) -> Document:
        """The file's data, with its variables put in, and its lines."""
        return self.resolved.document

    def lines(self) -> list[str]:
        """Return the mistakes in the file's order, each with its line and field."""
        line, used = self.document.line, self.resolved
        placed = sorted({(line(each.path), _said(each, used)) for each in self.mistakes})
        return [f"{number}: {text}" for number, text in placed]


def load_contract(name_or_path: str | FilePath, given: Mapping[str, str] | None = None) -> Contract:
    """Return the contract of a known system, or the one in a file."""
    return load(name_or_path, given).contract


def load(name_or_path: str | FilePath, given: Mapping[str, str] | None = None) -> Loaded:
    """Return the same with its variables; `given` are those that the command line sets."""
    path = find_file(str(name_or_path))
    reading = read_contract(path, read_text(path), given)
    if reading.contract is None or reading.mistakes:
        raise UsageError("\n".join(f"{path}:{line}" for line in reading.lines()))
    return Loaded(reading.contract, reading.resolved.values)


def read_text(path: FilePath) -> str:
    """Return a file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{path}: cannot be read as a contract: {reason}") from error


def find_file(name: str) -> FilePath:
    """Return the file of a system's name, or the path that was given."""
    if name in systems():
        return FOLDER / f"{name}.yaml"
    path = FilePath(name)
    if path.suffix in {".yaml", ".yml"} or path.exists() or len(path.parts) > 1:
        return path
    known = any_of(systems())
    near = difflib.get_close_matches(name, systems(), n=1)
    hint = f"did you mean {near[0]}?" if near else "or give the path of a contract (FILE.yaml)"
    raise UsageError(f'there is no system "{name}": expected {known}; {hint}')


def read_contract(path: FilePath, text: str, given: Mapping[str, str] | None = None) -> Reading:
    """Return what a text says, right and wrong."""
    resolved = resolve(read(text), given or {}, os.environ)
    document = resolved.document
    mistakes = list(document.mistakes)
    first = {mistake.path for mistake in mistakes}
    contract, view = None, None
    if () not in first:
        try:
            contract = Contract.model_validate_json(json.dumps(document.data), strict=True)
            view = View(contract)
        except ValidationError as error:
            shape = sentences(error, Contract)
            mistakes += [mistake for mistake in shape if mistake.path not in first]
            view = without(document.data, [mistake.path for mistake in shape])
        mistakes += _meaning(view) if view else []
    return Reading(path, resolved, contract, view, tuple(mistakes))


def _meaning(view: View) -> Iterator[Mistake]:
    yield from reference_mistakes(view)
    yield from rule_mistakes(view)


def _said(mistake: Mistake, resolved: Resolved) -> str:
    """Return the sentence, and which variables the field was made of."""
    origins = {value.name: value.origin for value in resolved.values}
    used = [f"${{{name}}} is of {origins[name]}" for name in resolved.used.get(mistake.path, ())]
    suffix = f" ({', '.join(used)})" if used else ""
    return f"{field_of(mistake.path)}: {mistake.text}{suffix}"


def field_of(path: Path) -> str:
    """Return a path in words: `producers[0].routing_key`."""
    words = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path if p != "again")
    return words.removeprefix(".") or "the file"
