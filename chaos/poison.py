"""Poison: a burst of messages that must end in the dead-letter queue, each kind in turn."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fault import Single, Site
from chaos.revert import Revert, Seen


@dataclass(frozen=True)
class Poison(Single):
    """Let every producer that knows poison publish `count` messages of it."""

    queue: str
    count: int = 60
    kind: ClassVar[str] = "poison"
    fault_class: ClassVar[str] = "poison"

    def capture(self, site: Site) -> Revert:  # noqa: ARG002  # Every fault is asked the same way.
        """Nothing is to be undone: the dead-letter queues are read out at the end."""
        return Revert("nothing")

    def apply(self, site: Site) -> None:
        """Have it published."""
        site.traffic.poison(self.count)

    def observe(self, site: Site) -> Seen:
        """See the dead-letter queues grow."""
        counts = site.broker.message_counts(site.vhost)
        dead = {name: sum(count) for name, count in counts.items() if name.endswith(".failed")}
        return Seen(any(dead.values()), {"dead_letters": dead})
