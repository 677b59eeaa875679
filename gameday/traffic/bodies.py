"""Message bodies from a JSON Schema: seeded, valid, and of the contract's size.

A few samples a message type are prepared when the load begins; a message takes one of them with
its own id put in, and its correlation id in the field that the contract names for it. How a body
is broken on purpose is in `breaking.py`.
"""

import json
import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gameday.contracts.model import MessageType

SAMPLES = 32
IDENTIFIER = "00000000-0000-4000-8000-000000000000"
CORRELATION = "00000000-0000-4000-9000-000000000000"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Bodies:
    """Prepared bodies of one message type, cut where the message's id goes.

    The correlation id stands in a body as it was sampled; only bodies that carry one have it.
    """

    valid: tuple[tuple[bytes, ...], ...]
    size_bytes: int

    def body(self, number: int, identifier: str, correlation: str | None = None) -> bytes:
        """Return the body of message `number` with its identifiers in place."""
        pieces = self.valid[number % len(self.valid)]
        body = identifier.encode().join(pieces)
        if correlation is not None:
            body = body.replace(CORRELATION.encode(), correlation.encode())
        return body.ljust(self.size_bytes)


def prepare(message: MessageType, seed: int) -> Bodies:
    """Prepare samples of a message type. White space behind the JSON fills up to the size."""
    chance = random.Random(f"{seed}:{message.name}")
    samples = [_correlated(message, sample(message.body_schema, chance)) for _ in range(SAMPLES)]
    cut = tuple(tuple(json.dumps(each).encode().split(IDENTIFIER.encode())) for each in samples)
    return Bodies(cut, message.size_bytes)


def _correlated(message: MessageType, body: Any) -> Any:
    """Put the place of the correlation id where the contract says that it stands."""
    if message.correlation is not None and isinstance(body, dict):
        body[message.correlation] = CORRELATION
    return body


def sample(schema: dict[str, Any], chance: random.Random) -> Any:
    """Draw a value that the schema accepts (the subset that contracts use)."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if "examples" in schema:
        return chance.choice(schema["examples"])
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    return _DRAW[kind](schema, chance)


def _object(schema: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {name: sample(inner, chance) for name, inner in properties.items()}


def _array(schema: dict[str, Any], chance: random.Random) -> list[Any]:
    least = schema.get("minItems", 0)
    count = chance.randint(least, schema.get("maxItems", least + 2))
    return [sample(schema.get("items", {"type": "string"}), chance) for _ in range(count)]


def _integer(schema: dict[str, Any], chance: random.Random) -> int:
    least = schema.get("minimum", 0)
    return chance.randint(least, schema.get("maximum", least + 1000))


def _number(schema: dict[str, Any], chance: random.Random) -> float:
    least = schema.get("minimum", 0.0)
    return round(chance.uniform(least, schema.get("maximum", least + 1000.0)), 3)


def _string(schema: dict[str, Any], chance: random.Random) -> str:
    form = _FORMATS.get(schema.get("format", ""))
    if form:
        return form(chance)
    if "pattern" in schema:
        return _from_pattern(schema["pattern"], chance)
    least = schema.get("minLength", 0)
    length = max(least, min(schema.get("maxLength", 16), 16))
    return "".join(chance.choices(string.ascii_lowercase, k=length))


def _from_pattern(pattern: str, chance: random.Random) -> str:
    """Draw from the pattern by trying what contracts use: hex digests, names and refs."""
    for alphabet in ("0123456789abcdef", string.ascii_lowercase, string.digits):
        for length in (40, 64, 32, 16, 8, 12, 7, 4, 3, 2, 1):
            text = "".join(chance.choices(alphabet, k=length))
            for form in ("{}", "refs/heads/{}", "{}/{}", "https://git.example/{}/{}", "v{}.0.0"):
                found = form.format(text, text)
                if re.search(pattern, found):
                    return found
    raise AssertionError(f"no sample found for the pattern {pattern}")


_FORMATS: dict[str, Callable[[random.Random], str]] = {
    "uuid": lambda _: IDENTIFIER,
    "date-time": lambda chance: (
        (EPOCH + timedelta(seconds=chance.randrange(31_536_000))).isoformat().replace("+00:00", "Z")
    ),
    "uri": lambda chance: f"https://git.example/team/{chance.randrange(1000)}",
    "email": lambda chance: f"user{chance.randrange(1000)}@example.org",
}

_DRAW: dict[str, Callable[[dict[str, Any], random.Random], Any]] = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "number": _number,
    "string": _string,
    "boolean": lambda _, chance: chance.random() < 0.5,
    "null": lambda _, __: None,
}
