"""What must not be written down: secrets are masked where text leaves us.

A `Redactor` masks known secrets by their value, whatever field they stand in, the user part of
every URL, and every field whose name says that it is a secret. It works on values before they are
rendered; it cannot mask what it was not told and what looks like nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MASK = "***"
LEAST_SECRET_LENGTH = 4
"""A shorter secret would mask ordinary words and hide nothing."""

_USER_PART = re.compile(r"://[^/\s?#\"']*@")
_SECRET_FIELD = re.compile(r"password|passwd|secret|cookie|authorization|token", re.IGNORECASE)


@dataclass(frozen=True)
class Redactor:
    """Masks the given secrets, and what gives itself away as one."""

    secrets: frozenset[str] = frozenset()

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        text = _USER_PART.sub(f"://{MASK}@", text)
        for secret in sorted(self.secrets, key=len, reverse=True):
            if len(secret) >= LEAST_SECRET_LENGTH:
                text = text.replace(secret, MASK)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value without secrets, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._field(str(key), each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(each) for each in value]
        return value

    def _field(self, name: str, value: Any) -> Any:
        """Mask a field whose name says that it is secret, whatever it holds."""
        if isinstance(value, str) and _SECRET_FIELD.search(name):
            return MASK
        return self.value(value)
