"""Poison: a burst of messages that must end in the dead-letter queue, each kind in turn."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.clusters.wait import NotYet, wait_until

REJECTED_WITHIN_S = 20.0


@dataclass(frozen=True)
class Poison(Single):
    """Let every producer that knows poison publish `count` messages of it.

    To the broker they are messages like any other, and are confirmed. It sees them rejected, or
    delivered again until a limit is reached, and dead-letters them; a queue without a dead-letter
    exchange drops them there.
    """

    queue: str
    count: int = 60
    kind: ClassVar[str] = "poison"
    fault_class: ClassVar[str] = "poison"

    def capture(self, site: Site) -> Revert:  # noqa: ARG002  # Every fault is asked the same way.
        """Nothing is to be undone: the dead-letter queues are read out at the end."""
        return Revert("nothing")

    def apply(self, site: Site) -> None:
        """Have it published, and wait until the consumers have rejected as many messages."""
        before = site.traffic.rejected()
        site.traffic.poison(self.count)

        def rejected() -> bool | NotYet:
            more = site.traffic.rejected() - before
            return more >= self.count or NotYet(f"{more} of {self.count} rejected")

        wait_until(rejected, REJECTED_WITHIN_S, "the poison was rejected")

    def observe(self, site: Site) -> Seen:
        """See how much the consumers have rejected."""
        rejected = site.traffic.rejected()
        return Seen(rejected >= self.count, {"rejected": rejected})
