"""What pydantic found wrong, as sentences: what was expected, what was found, what to do.

Pure functions from its errors to `Mistake`s. They say nothing of what fields mean to each other:
`references.py` and `rules.py` do.
"""

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gameday.contracts.document import Mistake, Path

TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "dict_type": "fields with values",
    "model_type": "fields with values",
    "tuple_type": "a list",
    "finite_number": "a number",
    "string_too_short": "some text",
}
LONGEST = 60


def sentences(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """Return a mistake for each of pydantic's errors."""
    return [_mistake(detail, model) for detail in error.errors()]


def _mistake(detail: ErrorDetails, model: type[BaseModel]) -> Mistake:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return Mistake(path, "expected a value, found nothing; add the field")
    if kind == "extra_forbidden":
        known = _fields(model, path)
        return Mistake(path, f"expected a known field, found {path[-1]}; {remedy(path[-1], known)}")
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        text = f"expected {any_of(known)}, found {shown(found)}; {remedy(found, known)}"
        return Mistake(path, text)
    if kind in {"greater_than", "greater_than_equal"}:
        bound = f"more than {context['gt']:g}" if "gt" in context else f"{context['ge']} or more"
        return Mistake(path, f"expected {bound}, found {shown(found)}; change the number")
    if kind in TYPES:
        return Mistake(path, f"expected {TYPES[kind]}, found {shown(found)}; {_cure(kind, found)}")
    return Mistake(path, f"expected another value, found {shown(found)}; {detail['msg']}")


def _cure(kind: str, found: Any) -> str:
    """Say what to do about a value of the wrong type."""
    if kind == "string_type" and isinstance(found, int | float):
        return "put it in quotes"
    if isinstance(found, str) and kind.startswith(("int", "float", "bool")):
        return "write it without quotes" if _would_do(kind, found) else "change the value"
    if kind == "tuple_type":
        return 'begin each item with "- "'
    return "change the value"


def _would_do(kind: str, found: str) -> bool:
    """Whether the text is of the wanted type but for its quotes."""
    pattern = {"b": r"true|false", "i": r"-?\d+", "f": r"-?\d+(\.\d+)?"}[kind[0]]
    return re.fullmatch(pattern, found) is not None


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """Return the names of the fields beside the last one of a path, as a file gives them."""
    found: Any = model
    for part in path[:-1]:
        if isinstance(part, str):
            names = {info.alias or name: info for name, info in found.model_fields.items()}
            found = _model_of(names[part].annotation)
    return [info.alias or name for name, info in found.model_fields.items()]


def _model_of(annotation: Any) -> Any:
    """Return the part that an annotation such as `tuple[Queue, ...]` is of."""
    inner = getattr(annotation, "__args__", None)
    if inner is None:
        return annotation
    return next(a for a in inner if isinstance(a, type) and issubclass(a, BaseModel))


def shown(value: Any) -> str:
    """Return a value as it stands in a sentence: as JSON, and not too long."""
    if isinstance(value, dict):
        return "fields with values"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def any_of(known: Iterable[str]) -> str:
    """Return a choice in words: `a, b or c`."""
    words = list(known)
    if len(words) < 2:
        return words[0] if words else "nothing, since there is none"
    return f"{', '.join(words[:-1])} or {words[-1]}"


def remedy(found: Any, known: Iterable[str]) -> str:
    """Return a question for the closest known word, else all of them."""
    words = list(known)
    near = difflib.get_close_matches(str(found), words, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"use {any_of(words)}" if words else "remove it"
