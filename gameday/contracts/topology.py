"""Where a message goes, by the topology alone.

Pure functions. This is the one place to ask: where a message goes (`routing.py`), what depends on
the version (`versions.py`) and the comparison with a broker (`difference.py`) are offered from
here too. It knows no headers of messages.
"""

import difflib
import re

from gameday.contracts.difference import difference
from gameday.contracts.model import Alternative, Contract
from gameday.contracts.parts import Policy, Queue
from gameday.contracts.routing import (
    BUILT_IN,
    dead_letter_targets,
    exchange_type,
    policy_of,
    route,
    setting_of,
    topic_matches,
)
from gameday.contracts.versions import (
    Expectation,
    applies,
    effective_priority,
    expectations,
    for_version,
    settings_for,
)
from gameday.errors import UsageError

__all__ = [
    "BUILT_IN",
    "Expectation",
    "applies",
    "dead_letter_targets",
    "difference",
    "effective_priority",
    "exchange_type",
    "expectations",
    "for_version",
    "policy_of",
    "route",
    "setting_of",
    "settings_for",
    "topic_matches",
    "with_alternative",
]


def with_alternative(contract: Contract, name: str) -> Contract:
    """Return the contract in the shape that the alternative of this name gives it."""
    alternative = _alternative(contract, name)
    topology = contract.topology
    shapes = {queue.name: queue for queue in alternative.queues}
    queues = tuple(shapes.get(queue.name, queue) for queue in topology.queues)
    policies = tuple(p for p in topology.policies if not _mirrors_nothing(p, queues))
    rows = {row.id: row for row in alternative.requirements}
    services = {each.name: each for each in alternative.consumers}
    changed = topology.model_copy(update={"queues": queues, "policies": policies})
    return contract.model_copy(
        update={
            "topology": changed,
            "nodes": alternative.nodes or contract.nodes,
            "behind": alternative.behind or contract.behind,
            "suites": {**contract.suites, **alternative.suites},
            "consumers": tuple(services.get(each.name, each) for each in contract.consumers),
            "requirements": tuple(rows.get(row.id, row) for row in contract.requirements),
        },
    )


def _alternative(contract: Contract, name: str) -> Alternative:
    known = {alternative.name: alternative for alternative in contract.alternatives}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    remedy = f'did you mean "{near[0]}"?' if near else f"known are: {', '.join(known) or 'none'}"
    raise UsageError(f'{contract.system} has no alternative "{name}": {remedy}')


def _mirrors_nothing(policy: Policy, queues: tuple[Queue, ...]) -> bool:
    """Whether it is a mirroring policy that no classic queue is left for."""
    classic = [queue for queue in queues if queue.type == "classic"]
    return "ha-mode" in policy.definition and not any(
        re.search(policy.pattern, queue.name) for queue in classic
    )
