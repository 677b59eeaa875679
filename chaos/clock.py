"""A clock that jumps: one node is told another time of day, and later its own again."""

from dataclasses import dataclass
from typing import ClassVar

from chaos.fault import Site
from chaos.revert import Revert, Seen
from chaos.undo_clock import NEAR_S, ahead_s
from chaos.victims import OnNode, known_node
from gameday.errors import HarnessError


@dataclass(frozen=True)
class JumpClock(OnNode):
    """Let one node's time of day jump by `offset_s`, ahead or back, as a bad time server does.

    Its monotonic clock goes on, so timers, ticks and failure detectors feel nothing, and Erlang's
    own time (`erlang:system_time`) does not jump either. `os:system_time` does, and by that classic
    queues date messages with a time to live. Seen on 3.10.8 and 4.3.6, an hour ahead and ten
    minutes to live: a classic queue dropped what it held as soon as it was next asked for a
    message, a quorum queue kept all of it, peers and clients stayed connected.
    """

    node: str
    offset_s: float = 3600.0
    kind: ClassVar[str] = "jump_clock"
    fault_class: ClassVar[str] = "clock"
    shows_after_s: ClassVar[float] = 5.0

    def capture(self, site: Site) -> Revert:
        """Note how far its clock is off now; undoing it is telling it that again."""
        if "jump_clock" not in site.cluster.powers:
            raise HarnessError("this cluster's nodes were started without clocks of their own.")
        if abs(self.offset_s) <= 2 * NEAR_S:
            raise HarnessError(f"a jump of {self.offset_s:g} s is too small to be told from none.")
        before_s = site.cluster.clock_offset_s(known_node(site, self.node))
        return Revert("set_clock", {"node": self.node, "offset_s": before_s})

    def apply(self, site: Site) -> None:
        """Tell it another time."""
        site.cluster.set_clock(self.node, site.cluster.clock_offset_s(self.node) + self.offset_s)

    def observe(self, site: Site) -> Seen:
        """See the system time that the node itself names off by as much, and no other node's."""
        wanted_s = site.cluster.clock_offset_s(self.node)
        off_s = {node: ahead_s(site.cluster, node) for node in site.cluster.nodes}
        struck = abs(off_s[self.node] - wanted_s) < NEAR_S
        others = all(abs(each) < NEAR_S for node, each in off_s.items() if node != self.node)
        return Seen(struck and others, {"ahead_s": off_s, "wanted_s": wanted_s})
