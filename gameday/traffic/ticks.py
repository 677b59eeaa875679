"""A job that publishes once a tick: what failed is tried again at the next tick, and not before.

Its schedule is the tick; the sender behind it tries a message once. What was sent and is not
answered yet is not sent again: a tick neither doubles nor forgets.
"""

from functools import partial
from typing import TYPE_CHECKING

from gameday.traffic.messages import Outgoing
from gameday.traffic.sender import Sender
from gameday.traffic.service_log import ServiceLog

if TYPE_CHECKING:
    from collections.abc import Callable


class TickJob:
    """Sends at each tick what it still owes, oldest first, and then the tick's own message."""

    def __init__(self, sender: Sender, log: ServiceLog) -> None:
        self._sender = sender
        self._log = log
        self._owed: list[Outgoing] = []

    @property
    def owed(self) -> int:
        """How many messages wait for the next tick."""
        return len(self._owed)

    def send(self, message: Outgoing) -> None:
        """Let a tick pass, whose own message this is."""
        owed, self._owed = self._owed, []
        for each in (*owed, message):
            each.tries = 0
            each.done = partial(self._done, each, each.done)
            self._sender.send(each)

    def _done(
        self, message: Outgoing, done: "Callable[[bool], None] | None", arrived: bool
    ) -> None:
        if not arrived:
            self._log.write("warn", "publish_failed", "tried again at the next tick", message)
            self._owed.append(message)
        if done is not None:
            done(arrived)
