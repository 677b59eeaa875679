"""Whether a body fits its message type: the same question at both ends of a queue.

A consumer knows the types that its contract sends to its queue, and no others. What does not fit
is refused, whatever it is: not JSON, not UTF-8, too deep, too large, of another type or version.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jsonschema

from gameday.contracts.model import Contract, MessageType
from gameday.contracts.uses import types_into

Validate = Callable[[str, bytes], bool]
"""Whether a body fits the schema of its message type."""

FORMATS = jsonschema.FormatChecker(formats=("uuid",))
"""The formats that count, beside `date-time` below; others are hints for editors."""


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    """Tell whether a text is a moment with its zone, as RFC 3339 writes one."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Form:
    """The form of one message type's bodies."""

    def __init__(self, message: MessageType) -> None:
        self._most_bytes = message.most_bytes
        self._schema = jsonschema.Draft202012Validator(message.body_schema, format_checker=FORMATS)

    def fits(self, body: bytes) -> bool:
        """Tell whether a body conforms; nothing that anybody may send makes it raise."""
        if self._most_bytes is not None and len(body) > self._most_bytes:
            return False
        try:
            return self._schema.is_valid(json.loads(body, parse_constant=_refuse))
        except (ValueError, RecursionError, OverflowError):
            return False

    def complaint(self, value: Any) -> str:
        """Return what is wrong with a value, in one sentence; empty when it conforms."""
        error = jsonschema.exceptions.best_match(self._schema.iter_errors(value))
        if error is None:
            return ""
        where = ".".join(str(part) for part in error.absolute_path)
        return f"{where}: {error.message}" if where else str(error.message)


def validator(contract: Contract, queue: str | None = None) -> Validate:
    """Return a function that tells whether a body fits the schema of its message type.

    With a queue, only the types that the contract sends there are known.
    """
    known = types_into(contract, queue) if queue is not None else frozenset()
    forms = {each.name: Form(each) for each in contract.messages if not known or each.name in known}

    def validate(message_type: str, body: bytes) -> bool:
        form = forms.get(message_type)
        return form is not None and form.fits(body)

    return validate


def _refuse(name: str) -> Any:
    """Refuse NaN and the infinities: Python takes them for JSON, and nobody else does."""
    raise ValueError(f"{name} is no JSON")
