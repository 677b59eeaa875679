"""How a clock that jumped is put right, and what proves that it is."""

import time

from chaos import probes
from chaos.revert import Recipe, Seen, Target, Values

NEAR_S = 2.0
"""How far a node's time may be from what it was told: it is asked over a wire, a little late."""


def ahead_s(cluster: Target, node: str) -> float:
    """Return how far a node's time of day is ahead of this machine's."""
    told_ms = int(cluster.evaluate(node, "os:system_time(millisecond)"))
    return round(told_ms / 1000 - time.time(), 1)


def set_clock(cluster: Target, values: Values) -> None:
    """Tell the node the time that it had."""
    cluster.set_clock(values["node"], values["offset_s"])


def clock_right(cluster: Target, values: Values) -> Seen:
    """See the node's own system time as it was, and every node run in every view."""
    off_s = ahead_s(cluster, values["node"])
    seen = probes.whole(cluster)
    right = abs(off_s - values["offset_s"]) < NEAR_S
    return Seen(right and seen.yes, {"ahead_s": off_s, **seen.evidence})


RECIPES: dict[str, Recipe] = {"set_clock": Recipe(set_clock, clock_right, 30)}
