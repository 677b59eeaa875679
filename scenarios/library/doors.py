"""Scenarios of clients whose link to the broker is bad, each kind of them by itself."""

from typing import Any

from chaos.doors import SERVICE
from chaos.plan import Entry
from scenarios.scenario import Cast, Scenario

NODES = ("r1", "r2", "r3")


def _everywhere(cast: Cast, toxic: str, whom: str, **attributes: int) -> tuple[Entry, ...]:
    """Return the same toxic at every node's door for one kind of clients."""
    parameters: dict[str, Any] = {"toxic": toxic, "attributes": attributes, "whom": whom}
    return tuple(cast.entry("client_toxic", node, **parameters) for node in NODES)


def _cut_alone(cast: Cast, service: str) -> tuple[Entry, ...]:
    """Return the cut of one service's way to every node."""
    whom = f"{SERVICE}{service}"
    return tuple(cast.entry("cut_clients", node, whom=whom) for node in cast.nodes)


PRODUCERS_LATE = Scenario(
    name="producers-late",
    claim="Producers are far away: every confirm takes longer, and messages are served in time "
    "all the same.",
    for_s=6,
    recover_s=4,
    faults=lambda cast: _everywhere(cast, "latency", "producers", latency_ms=150, jitter_ms=50),
)

PRODUCERS_HALF_OPEN = Scenario(
    name="producers-half-open",
    claim="What producers send arrives nowhere, and nobody tells them: their own time-outs do, "
    "and nothing that was confirmed is lost.",
    for_s=6,
    recover_s=14,
    faults=lambda cast: _everywhere(cast, "half_open", "producers"),
)

CONSUMERS_NARROW = Scenario(
    name="consumers-narrow",
    claim="Consumers hang on a narrow link: they get less than there is, and all of it in the end.",
    for_s=6,
    recover_s=10,
    faults=lambda cast: _everywhere(cast, "bandwidth", "consumers", rate_kb=50),
)

ONE_SERVICE_CUT = Scenario(
    name="one-service-cut",
    claim="One service alone cannot reach the broker, and all others can: nothing of theirs is "
    "late, and nothing of its is lost.",
    for_s=6,
    recover_s=8,
    faults=lambda cast: _cut_alone(cast, cast.consumer.name),
)
