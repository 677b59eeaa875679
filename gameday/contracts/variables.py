"""Values that a contract takes from its surroundings: `${NAME}` in any of its scalars.

A contract declares its variables with their defaults; `--set NAME=VALUE` goes before the
environment variable of that name, and that before the default. `$${NAME}` stands for the text
`${NAME}` itself. What is wrong with names and values points at the file's line, like any mistake.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from gameday.contracts.document import Document, Mistake, Path, plain_value
from gameday.contracts.sentences import any_of, remedy, shown

Origin = Literal["--set", "the environment", "the default"]

USE = re.compile(r"\$(\$?)\{([^{}]*)\}")
NAME = r"[A-Z][A-Z0-9_]*"
SECTION = "variables"

TAKEN = (
    (r"AMQP_URL", "it chooses the broker that is talked to, not what the contract says"),
    (r"RABBITMQ_.*", "such names configure the broker itself"),
    (r"GAMEDAY_.*", "such names configure gameday itself"),
    (r"LOCUST_.*", "such names configure Locust itself"),
)
"""Names that mean something to somebody else already, and what."""


@dataclass(frozen=True)
class Value:
    """What a variable was, and where that came from."""

    name: str
    value: str | int | float | bool
    origin: Origin


@dataclass(frozen=True)
class Resolved:
    """A file with its variables put in, and which of them each field was made of."""

    document: Document
    values: tuple[Value, ...]
    used: Mapping[Path, tuple[str, ...]]


def resolve(
    document: Document, given: Mapping[str, str], environment: Mapping[str, str]
) -> Resolved:
    """Put the variables' values into a file's data; mistakes join the file's own."""
    if not isinstance(document.data, dict):
        return Resolved(document, (), {})
    found = document.data.get(SECTION, {})
    declared = found if isinstance(found, dict) else {}
    mistakes = [*_strangers(declared, given)]
    values: dict[str, Value] = {}
    for name, default in declared.items():
        value = _value(name, default, given, environment)
        wrong = _mistake(value)
        if wrong:
            mistakes.append(Mistake((SECTION, name), wrong))
        values[name] = value
    writer = _Writer(values, document.quoted, {}, mistakes)
    data = {key: writer.fill(inner, (key,)) for key, inner in document.data.items()}
    if isinstance(found, dict):
        wrong_ones = {mistake.path[-1] for mistake in mistakes if len(mistake.path) == 2}
        data[SECTION] = {
            value.name: value.value for value in values.values() if value.name not in wrong_ones
        }
    whole = replace(document, data=data, mistakes=(*document.mistakes, *mistakes))
    return Resolved(whole, tuple(values.values()), writer.used)


def _strangers(declared: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[Mistake]:
    """Find what `--set` names and the contract does not declare."""
    for name in given:
        if name not in declared:
            text = f"expected {any_of(declared)} after --set, found {name}"
            yield Mistake((SECTION,), f"{text}; {remedy(name, declared)}")


def _value(
    name: str, default: Any, given: Mapping[str, str], environment: Mapping[str, str]
) -> Value:
    if name in given:
        return Value(name, plain_value(given[name]), "--set")
    if name in environment:
        return Value(name, plain_value(environment[name]), "the environment")
    return Value(name, default, "the default")


def _mistake(value: Value) -> str | None:
    """Say what is wrong with a variable's name or value, if anything is."""
    for pattern, why in TAKEN:
        if re.fullmatch(pattern, value.name):
            return f"expected another name, since {why}; rename it"
    if not re.fullmatch(NAME, value.name):
        return f"expected a name of A-Z, 0-9 and _, found {shown(value.name)}; rename it"
    if value.value is None or value.value == "":
        return f"expected a value, found an empty one in {value.origin}; give one, or unset it"
    if not isinstance(value.value, str | int | float):
        return f"expected text, a number, true or false, found {shown(value.value)}; change it"
    return None


@dataclass(frozen=True)
class _Writer:
    """Puts values into data, and notes where."""

    values: Mapping[str, Value]
    quoted: frozenset[Path]
    used: dict[Path, tuple[str, ...]]
    mistakes: list[Mistake]

    def fill(self, data: Any, path: Path) -> Any:
        """Return data with every `${NAME}` in it replaced."""
        if isinstance(data, dict) and path != (SECTION,):
            return {key: self.fill(inner, (*path, key)) for key, inner in data.items()}
        if isinstance(data, list):
            return [self.fill(inner, (*path, i)) for i, inner in enumerate(data)]
        return self._text(data, path) if isinstance(data, str) and "${" in data else data

    def _text(self, text: str, path: Path) -> Any:
        names = [name for escape, name in USE.findall(text) if not escape]
        for name in names:
            if name not in self.values:
                known = f"a variable: {any_of(self.values)}" if self.values else "no variable"
                cure = remedy(name, self.values) if self.values else f"declare it in {SECTION}"
                self.mistakes.append(Mistake(path, f"expected {known}, found {name}; {cure}"))
                return text
        self.used[path] = tuple(dict.fromkeys(names))
        filled = USE.sub(self._put, text)
        whole = re.fullmatch(USE, text)
        alone = whole is not None and not whole[1] and path not in self.quoted
        return plain_value(filled) if alone else filled

    def _put(self, use: re.Match[str]) -> str:
        escape, name = use.groups()
        return use[0][1:] if escape else text_of(self.values[name].value)


def text_of(value: object) -> str:
    """Return a value as a file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
