"""A YAML file as plain data that still knows its lines.

`read` gives the data as JSON has it (text keys; text, numbers, true and false, null) and `line`
finds where a field stands, so that a mistake can point at it. Plainer than YAML 1.1 on purpose:
`yes`, `on` and dates stay text. It does not know what a contract is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Where a field is: keys and indices, from the top."""


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong in a file: the field, and what to say of it."""

    path: Path
    text: str


@dataclass(frozen=True)
class Document:
    """A file's data, the line (from 1) of every field, and what was wrong already.

    `quoted` holds the fields that are text because the file says so by quotes or a block.
    """

    data: Any
    lines: dict[Path, int]
    mistakes: tuple[Mistake, ...]
    quoted: frozenset[Path] = frozenset()

    def line(self, path: Path) -> int:
        """Return the line of a field or, if it is not there, of what it is missing from."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class PlainLoader(yaml.SafeLoader):
    """A loader to which only JSON's own words mean something; and floats such as 1e3."""


PlainLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-0123456789"),
):
    PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first)
    )


@dataclass
class _Reader:
    """Walks the nodes of one file once, and notes the lines on the way."""

    loader: PlainLoader
    lines: dict[Path, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    quoted: set[Path] = field(default_factory=set)
    within: set[int] = field(default_factory=set)

    def value(self, node: yaml.Node, path: Path) -> Any:
        """Return a node's data."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.within:
            self.mistakes.append(Mistake(path, "expected a value, found a reference to itself"))
            return None
        self.within.add(id(node))
        try:
            return self._value(node, path)
        finally:
            self.within.discard(id(node))

    def _value(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.style is not None:
            self.quoted.add(path)
        return self._scalar(node)

    def _entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in seen:
                first = self.lines[*path, key]
                self.lines[*path, key, "again"] = line
                text = f"expected once, found again (first in line {first}); remove one of them"
                self.mistakes.append(Mistake((*path, key, "again"), text))
                continue
            seen.add(key)
            self.lines[*path, key] = line
            yield key, self.value(value_node, (*path, key))

    def _scalar(self, node: yaml.Node) -> Any:
        """Return a scalar; what is no JSON (a date by an explicit tag) as the text it is."""
        value = self.loader.construct_object(node)
        return value if value is None or isinstance(value, str | int | float) else node.value


def read(text: str) -> Document:
    """Read YAML; a mistake of its syntax ends the reading and is the only one."""
    try:
        loader = PlainLoader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        return _unreadable(error, text)
    if node is None:
        return Document(None, {}, ())
    reader = _Reader(loader)
    data = reader.value(node, ())
    return Document(data, reader.lines, tuple(reader.mistakes), frozenset(reader.quoted))


def plain_value(text: str) -> Any:
    """Return what a text means that stands in a file without quotes."""
    loader = PlainLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return loader.construct_object(yaml.ScalarNode(tag, text))


def _unreadable(error: yaml.YAMLError, text: str) -> Document:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
    lines = text.split("\n")
    line = min(mark.line + 1, len(lines)) if mark else 1
    cure = "correct it, then try again"
    if "${" in lines[line - 1]:
        cure = "inside {} and [] put ${NAME} in quotes"
    found = f"expected YAML, found a mistake in its syntax ({problem}); {cure}"
    return Document(None, {(): line}, (Mistake((), found),))
