"""What is linted: a topology with the place of each part, and who uses it as far as one knows.

The same values for a contract and for one virtual host of an exported definitions.json: rules do
not ask where a design is from, but for `clients`, which only a contract has. Flags and bindings
that no contract can express (auto-delete, exchange to exchange) are here, since exports have them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gameday.contracts.clients import Consumer, Producer
from gameday.contracts.document import Path
from gameday.contracts.parts import BrokerSetting
from gameday.contracts.promises import Requirement
from gameday.contracts.routing import BUILT_IN, SMALLER_COUNTS
from gameday.contracts.versions import reached

DELIVERY_LIMIT = 20
"""What a quorum queue has from 4.0 on if nobody sets another."""


@dataclass(frozen=True)
class ExchangeRow:
    """An exchange and its place."""

    path: Path
    name: str
    type: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class QueueRow:
    """A queue and its place."""

    path: Path
    name: str
    type: str
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BindingRow:
    """A binding of a queue or of an exchange, and its place."""

    path: Path
    source: str
    destination: str
    routing_key: str
    to_queue: bool = True


@dataclass(frozen=True)
class PolicyRow:
    """A policy, or an operator's policy, and its place."""

    path: Path
    name: str
    pattern: str
    apply_to: str
    definition: Mapping[str, Any]
    priority: int = 0
    operator: bool = False

    def takes(self, kinds: frozenset[str], name: str) -> bool:
        """Whether it is for something of these kinds and this name."""
        if self.apply_to not in kinds:
            return False
        try:
            return re.search(self.pattern, name) is not None
        except re.error:  # The loader says so; a broker's patterns may be beyond Python's.
            return False


@dataclass(frozen=True)
class Setting:
    """What counts for one key of a queue or an exchange, and where it is set."""

    value: Any
    path: Path


@dataclass(frozen=True)
class Clients:
    """Who uses the topology and what is promised, each with its place."""

    producers: tuple[tuple[Path, Producer], ...] = ()
    consumers: tuple[tuple[Path, Consumer], ...] = ()
    settings: tuple[tuple[Path, BrokerSetting], ...] | None = ()
    """None: they could not be read."""
    requirements: tuple[tuple[Path, Requirement], ...] = ()


@dataclass(frozen=True)
class Design:
    """One topology on one version of the broker."""

    version: str
    nodes: int
    exchanges: tuple[ExchangeRow, ...] = ()
    queues: tuple[QueueRow, ...] = ()
    bindings: tuple[BindingRow, ...] = ()
    policies: tuple[PolicyRow, ...] = ()
    clients: Clients | None = None

    def since(self, version: str) -> bool:
        """Whether the broker is this version or a later one."""
        return reached(version, self.version)

    def queue(self, name: str) -> QueueRow | None:
        """Return a queue by its name."""
        return self._queues.get(name)

    def exchange(self, name: str) -> ExchangeRow | None:
        """Return a declared exchange by its name."""
        return self._exchanges.get(name)

    def has_exchange(self, name: str) -> bool:
        """Whether an exchange is declared, or the broker's own."""
        return name == "" or name in BUILT_IN or name in self._exchanges

    def bindings_from(self, source: str) -> list[BindingRow]:
        """Return the bindings that lead from an exchange."""
        return self._bindings.get(source, [])

    @cached_property
    def remembered(self) -> dict[Any, Any]:
        """Answers that are asked for again and again; rules change nothing of a design."""
        return {}

    @cached_property
    def _queues(self) -> dict[str, QueueRow]:
        return {queue.name: queue for queue in reversed(self.queues)}

    @cached_property
    def _exchanges(self) -> dict[str, ExchangeRow]:
        return {exchange.name: exchange for exchange in reversed(self.exchanges)}

    @cached_property
    def _bindings(self) -> dict[str, list[BindingRow]]:
        found: dict[str, list[BindingRow]] = {}
        for binding in self.bindings:
            found.setdefault(binding.source, []).append(binding)
        return found

    def policy_of(self, queue: QueueRow) -> PolicyRow | None:
        """Return the policy that counts for a queue."""
        return self._policy(_kinds(queue), queue.name, operator=False)

    def setting(self, queue: QueueRow, key: str) -> Setting | None:
        """Return what counts for a queue: argument, operator's policy, policy; or the smallest."""
        return self._setting(queue.path, queue.name, queue.arguments, f"x-{key}", _kinds(queue))

    def alternate(self, exchange: ExchangeRow) -> Setting | None:
        """Return where an exchange sends what none of its bindings takes."""
        kinds = frozenset({"exchanges", "all"})
        key = "alternate-exchange"
        found = self._setting(exchange.path, exchange.name, exchange.arguments, key, kinds)
        return found if found is not None and found.value else None

    def delivery_limit(self, queue: QueueRow) -> Setting | None:
        """Return after how many returns a queue gives a message up; only quorum queues do."""
        if queue.type != "quorum":
            return None
        found = self.setting(queue, "delivery-limit")
        if found is None and self.since("4.0"):
            return Setting(DELIVERY_LIMIT, queue.path)
        return found if found is not None and _is_limit(found.value) else None

    def is_mirrored(self, queue: QueueRow) -> bool:
        """Whether a classic queue has mirrors: a policy says so, and the broker still does it."""
        policy = self.policy_of(queue)
        mirrors = policy is not None and "ha-mode" in policy.definition
        return queue.type == "classic" and mirrors and not self.since("4.0")

    def _policy(self, kinds: frozenset[str], name: str, *, operator: bool) -> PolicyRow | None:
        question = ("policy", kinds, name, operator)
        if question not in self.remembered:
            own = [each for each in self.policies if each.operator == operator]
            matching = [each for each in own if each.takes(kinds, name)]
            highest = max(matching, key=lambda policy: policy.priority, default=None)
            self.remembered[question] = highest
        answer: PolicyRow | None = self.remembered[question]
        return answer

    def _setting(
        self, path: Path, name: str, arguments: Mapping[str, Any], argument: str, kinds: Any
    ) -> Setting | None:
        key = argument.removeprefix("x-")
        found = list(_given(path, arguments, argument, key, self._policies(kinds, name)))
        if key in SMALLER_COUNTS and all(isinstance(each.value, int | float) for each in found):
            return min(found, key=lambda each: each.value, default=None)
        return found[0] if found else None

    def _policies(self, kinds: frozenset[str], name: str) -> Iterator[PolicyRow]:
        for operator in (True, False):
            policy = self._policy(kinds, name, operator=operator)
            if policy is not None:
                yield policy


def _kinds(queue: QueueRow) -> frozenset[str]:
    own = "streams" if queue.type == "stream" else f"{queue.type}_queues"
    return frozenset({"queues", "all", own})


def _given(
    path: Path,
    arguments: Mapping[str, Any],
    argument: str,
    key: str,
    policies: Iterator[PolicyRow],
) -> Iterator[Setting]:
    if argument in arguments:
        yield Setting(arguments[argument], (*path, "arguments", argument))
    for policy in policies:
        if key in policy.definition:
            yield Setting(policy.definition[key], (*policy.path, "definition", key))


def _is_limit(value: Any) -> bool:
    """Whether a delivery limit limits: -1 is none."""
    return isinstance(value, int) and value >= 0
