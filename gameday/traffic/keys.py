"""The password by which a load process's clients log in, where it was renewed under way.

One a process: all its clients are one user. It goes by the run's own line, never by arguments, an
environment or a file, and what was given at the start counts again when it is taken back.
"""

from typing import Any

import pika


class Keys:
    """Which password counts now."""

    def __init__(self) -> None:
        self._password: str | None = None
        self.number = 0
        """Which one counts, from the first on: a connection that was opened by another is old."""

    def renew(self, password: str | None) -> None:
        """Take a new password for every connection that is opened from now on; none: the first."""
        self._password = password
        self.number += 1

    def apply(self, parameters: Any) -> None:
        """Give a connection's parameters the password that counts."""
        if self._password is not None:
            user = parameters.credentials.username
            parameters.credentials = pika.PlainCredentials(user, self._password)


KEYS = Keys()
