"""The contract's JSON Schema for editors, and the messages' schemas for both ends.

`contract.schema.json` beside this module is `contract_schema()`, written by
`python -m gameday.contracts.schema`; a test holds the two equal. `body_mistakes` judges one body.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from gameday.contracts.model import Contract, MessageType

PUBLISHED = Path(__file__).parent / "contract.schema.json"

ABOUT = ("title", "description", "default")
VARIABLE = {"type": "string", "pattern": r"^\$\{[A-Z][A-Z0-9_]*\}$"}
"""What may stand for a value: the use of one of the contract's variables."""

FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """Take RFC 3339's times with an offset; the library itself checks none."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def contract_schema() -> dict[str, Any]:
    """Return the JSON Schema of a contract's file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_or_variable(Contract.model_json_schema(by_alias=True)),
    }


def _or_variable(node: Any) -> Any:
    """Return a schema that takes `${NAME}` wherever it asks for a number, a boolean or a choice."""
    if isinstance(node, list):
        return [_or_variable(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {name: _or_variable(value) for name, value in node.items()}
    if node.get("type") not in ("integer", "number", "boolean") and "enum" not in node:
        return inner
    outside = {name: inner.pop(name) for name in ABOUT if name in inner}
    return {**outside, "anyOf": [inner, VARIABLE]}


def body_mistakes(message: MessageType, body: object) -> list[str]:
    """Say what in a body, as parsed from JSON, breaks its message's schema; or nothing."""
    validator = compiled(message.body_schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def compiled(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Return a validator of a schema, made once for each schema."""
    return _compiled(json.dumps(schema, sort_keys=True))


@cache
def _compiled(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema), format_checker=FORMATS)


def publish() -> None:
    """Write the contract's schema to where it is published."""
    text = json.dumps(contract_schema(), indent=2, ensure_ascii=False)
    PUBLISHED.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    publish()
