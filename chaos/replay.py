"""Replay: messages that were confirmed already are published once more, each with its own id."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fault import Single, Site
from chaos.revert import Revert, Seen


@dataclass(frozen=True)
class Replay(Single):
    """Let every producer publish its last `count` confirmed messages again, as a recovery does.

    To the broker they are new messages; only their ids tell a consumer that it has had them.
    """

    queue: str
    count: int = 40
    kind: ClassVar[str] = "replay"
    fault_class: ClassVar[str] = "client"

    def capture(self, site: Site) -> Revert:  # noqa: ARG002  # Every fault is asked the same way.
        """Nothing is to be undone."""
        return Revert("nothing")

    def apply(self, site: Site) -> None:
        """Have them published."""
        site.traffic.replay(self.count)

    def observe(self, site: Site) -> Seen:
        """See that messages were published again."""
        replayed = site.traffic.replayed()
        return Seen(replayed > 0, {"replayed": replayed})
