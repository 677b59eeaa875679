"""A contract's promises, as values: requirements, and the checks that judge them.

`parameters.py` knows which parameters a check takes; the checks themselves are in
`gameday/history/checks/`.
"""

from typing import Any, Literal

from pydantic import Field

from gameday.contracts.parts import Part

CheckName = Literal[
    "topology",
    "boots",
    "loss",
    "dead_letters",
    "order",
    "inversions",
    "sla",
    "recovery",
    "blocked",
    "properties",
    "prefetch",
    "attempts",
    "pool",
    "members",
    "health",
    "schemas",
    "declarations",
    "unroutable",
    "duplicates_flag",
    "effects",
    "graceful_stop",
    "health_endpoint",
    "scaling",
    "calls",
    "drops",
    "degraded",
    "ticks",
    "wedged",
    "under_alarm",
    "diagnosis",
    "first_moves",
    "secured",
    "balanced",
    "keeps_serving",
    "postmortem",
    "subsystems",
    "in_progress",
    "effectiveness",
    "starvation",
    "timeouts_apart",
    "routed",
    "correlation",
    "ladder",
    "publish_timeout",
    "reconnects",
    "consumer_timeout",
    "performance",
    "cut_over",
    "translated",
    "way_back",
    "retired",
    "without_service",
    "overtaken",
    "handled_twice",
    "rolled",
    "isolation",
    "isolation_detected",
    "left_as_it_was",
    "generator",
    "exposure",
    "controls",
    "foreign",
]
"""The checks that a criterion may name; `gameday/history/checks/` holds them."""

Power = Literal[
    "kill_node",
    "stop_node",
    "stop_app",
    "pause_node",
    "wipe_node",
    "forget_node",
    "partition",
    "slow_link",
    "client_link",
    "spare_door",
    "disk_alarm",
    "memory_alarm",
    "operate",
    "boot_beside",
    "jump_clock",
    "tls",
    "open_zones",
    "balancer",
    "disconnect",
]
"""What a cluster may be able to do to itself, and a requirement may need."""

Suite = Literal["smoke", "full"]
"""The suites that may claim a requirement; whatever smoke claims, full claims too."""


class Criterion(Part):
    """How a requirement is judged: a check by name, with the check's parameters."""

    check: CheckName
    """The check."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """The check's parameters: docs/contracts.md lists them by check."""
    versions: str = ""
    """The broker versions that it is judged on; empty is all of them."""


class NotTested(Part):
    """Why a requirement is not tested, and how one would test it."""

    reason: str
    """Why it is not tested."""
    how: str
    """How one would test it."""


class Requirement(Part):
    """One row of what the system promises: judged by criteria, or not tested and why."""

    id: str
    """Its id, which never changes."""
    statement: str
    """What is promised, in one sentence."""
    criteria: tuple[Criterion, ...] = ()
    """How it is judged; all must pass."""
    suites: tuple[Suite, ...] = ()
    """The suites that claim it; with criteria but no suite it is judged where seen, not claimed."""
    needs: tuple[Power, ...] = ()
    """What the cluster must be able to do; on one that cannot, the claim is dropped."""
    not_tested: NotTested | None = None
    """Why it is not tested, for a requirement without criteria."""
