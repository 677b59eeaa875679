"""The parameters that each check takes, and what their values must be.

A check reads its parameters by these names; a misspelt one would quietly mean "no limit", so a
contract that has it is refused. What the checks do is theirs to say: `gameday/history/checks/`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gameday.contracts.document import Mistake, Path
from gameday.contracts.model import CheckName, Contract, Criterion
from gameday.contracts.partial import View
from gameday.contracts.sentences import any_of, remedy, shown

PARAMETERS: dict[CheckName, tuple[str, ...]] = {
    "topology": (),
    "boots": (),
    "loss": ("queues",),
    "dead_letters": ("queues", "least"),
    "order": ("queues",),
    "inversions": ("queues", "epsilon_ms"),
    "sla": ("queue", "priority_from", "limit_ms", "phases", "fault_classes"),
    "recovery": ("limit_s", "queues", "fault_classes"),
    "blocked": ("limit_s",),
    "properties": ("producers",),
    "prefetch": ("consumer", "limit"),
    "attempts": ("producers", "consumers"),
    "pool": ("producer", "connections", "heartbeat_s", "limit_s"),
    "members": ("queues", "replicas"),
    "health": (),
    "schemas": ("messages",),
    "declarations": (),
    "unroutable": ("least",),
    "duplicates_flag": ("queues",),
    "effects": ("queues", "repeats"),
    "graceful_stop": ("consumer", "limit_s"),
    "health_endpoint": ("consumer", "tolerance_s"),
    "scaling": ("consumer", "limit_s", "react_s"),
    "calls": ("producers", "limit_ms", "states"),
    "drops": ("producers", "levels"),
    "degraded": ("producers", "limit_s"),
    "ticks": ("producers",),
    "wedged": ("queues", "stuck_s"),
    "under_alarm": ("queues", "fault_classes"),
    "diagnosis": ("verdicts",),
    "first_moves": (),
    "secured": ("doors",),
    "balanced": (),
    "keeps_serving": ("limit_s", "fault_classes"),
    "postmortem": ("limit_s",),
    "subsystems": (),
    "in_progress": ("consumer", "at_once", "for_s"),
    "effectiveness": ("queue", "priority_from", "reduction"),
    "starvation": ("queue", "limit_s", "fault_classes"),
    "timeouts_apart": ("consumer",),
    "routed": ("messages", "least"),
    "correlation": ("least",),
    "ladder": ("consumers", "tolerance_ms"),
    "publish_timeout": ("producers", "limit_ms", "tolerance_ms"),
    "reconnects": ("producers", "tolerance_ms"),
    "consumer_timeout": ("consumer", "limit_s", "tolerance_s"),
    "performance": ("queues", "least_per_s", "p99_ms", "memory_share"),
    "cut_over": ("limit_s", "least"),
    "translated": (),
    "way_back": ("least",),
    "retired": ("least",),
    "without_service": ("limit_s",),
    "overtaken": ("queues",),
    "handled_twice": ("most",),
    "rolled": (),
    "isolation": (),
    "isolation_detected": (),
    "left_as_it_was": (),
    "generator": ("lag_ms",),
    "exposure": ("least", "fault_classes"),
    "controls": (),
    "foreign": (),
}
"""By check, the names of its parameters; one that is left out has the check's own default."""

PHASES = ("baseline", "fault", "recovery")
FAULT_CLASSES = (
    "node_kill",
    "node_stop",
    "node_pause",
    "node_loss",
    "node_rolling",
    "follower_kill",
    "outage",
    "partition_reset",
    "partition_silent",
    "partition_partial",
    "link_degraded",
    "client_link",
    "disk_alarm",
    "memory_alarm",
    "client",
    "poison",
    "operator",
    "host",
    "overload",
    "limit",
    "clock",
    "balancer",
    "credentials",
    "control",
)
STATES = ("up", "down", "blocked", "black_holed", "refused")
LEVELS = ("warn", "error")
VERDICTS = ("up", "down", "no_route", "wrong_name", "credentials", "blocked")
DOORS = ("clients", "management", "links")
REASONS = ("rejected", "expired", "maxlen", "delivery_limit")

NAMES: dict[str, tuple[str, Callable[[Contract], list[str]]]] = {
    "queues": ("topology", lambda contract: [q.name for q in contract.topology.queues]),
    "queue": ("topology", lambda contract: [q.name for q in contract.topology.queues]),
    "producers": ("producers", lambda contract: [p.name for p in contract.producers]),
    "producer": ("producers", lambda contract: [p.name for p in contract.producers]),
    "consumers": ("consumers", lambda contract: [c.name for c in contract.consumers]),
    "consumer": ("consumers", lambda contract: [c.name for c in contract.consumers]),
    "messages": ("messages", lambda contract: [m.name for m in contract.messages]),
    "phases": ("", lambda _: list(PHASES)),
    "fault_classes": ("", lambda _: list(FAULT_CLASSES)),
    "states": ("", lambda _: list(STATES)),
    "levels": ("", lambda _: list(LEVELS)),
    "verdicts": ("", lambda _: list(VERDICTS)),
    "doors": ("", lambda _: list(DOORS)),
}
"""By parameter, the section of the contract and the names in it that its value is from."""

LISTS = frozenset(
    {
        "queues",
        "producers",
        "consumers",
        "messages",
        "phases",
        "fault_classes",
        "states",
        "levels",
        "verdicts",
        "doors",
    }
)


def parameter_mistakes(view: View, path: Path, criterion: Criterion) -> Iterator[Mistake]:
    """Return what is wrong with a criterion's parameters."""
    known = PARAMETERS[criterion.check]
    for name, value in criterion.parameters.items():
        where = (*path, name)
        if name not in known:
            expected = f"a parameter of {criterion.check}: {any_of(known)}"
            text = f"expected {expected}, found {name}; {remedy(name, known)}"
            yield Mistake(where, text if known else _none(criterion.check, name))
        elif name in NAMES:
            yield from _names(view, where, name, value)
        elif name == "least" and isinstance(value, dict):
            yield from _least(where, value)
        elif not _is_number(value):
            yield Mistake(where, f"expected a number, found {shown(value)}; change the value")


def _none(check: str, name: str) -> str:
    return f"expected no parameters, since {check} takes none, found {name}; remove it"


def _names(view: View, path: Path, parameter: str, value: Any) -> Iterator[Mistake]:
    section, names = NAMES[parameter]
    known = names(view.contract)
    if parameter in LISTS and not isinstance(value, list):
        text = f"expected a list, found {shown(value)}; put it in [brackets]"
        yield Mistake(path, text)
        return
    rows = enumerate(value) if parameter in LISTS else [(None, value)]
    for i, name in rows:
        if not isinstance(name, str) or not view.knows(section, known, name):
            where = path if i is None else (*path, i)
            text = f"expected {any_of(known)}, found {shown(name)}; {remedy(name, known)}"
            yield Mistake(where, text)


def _least(path: Path, value: dict[Any, Any]) -> Iterator[Mistake]:
    for reason, count in value.items():
        if reason not in REASONS:
            text = f"expected {any_of(REASONS)}, found {shown(reason)}; {remedy(reason, REASONS)}"
            yield Mistake((*path, reason), text)
        elif not _is_number(count):
            text = f"expected a number, found {shown(count)}; change the value"
            yield Mistake((*path, reason), text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
