"""The contract's topology against a broker's: each difference in a sentence.

Both sides are values; `definitions.py` makes the broker's from what it exports. What every virtual
host has of its own (the exchanges without a name or named `amq.…`) is no difference.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gameday.contracts.parts import Binding, ExchangeBinding, Part, Policy, Topology
from gameday.contracts.versions import reached


def difference(expected: Topology, observed: Topology, version: str) -> list[str]:
    """Say how the broker's topology differs from the contract's, on this version; or nothing."""
    return [
        *_named("exchange", expected.exchanges, _ours(observed.exchanges)),
        *_named("queue", expected.queues, observed.queues),
        *_bindings(expected.bindings, observed.bindings),
        *_bindings(expected.exchange_bindings, observed.exchange_bindings),
        *_named("policy", _declared(expected.policies, version), observed.policies),
        *_named(
            "operator policy",
            _declared(expected.operator_policies, version),
            observed.operator_policies,
        ),
    ]


def _declared(policies: tuple[Policy, ...], version: str) -> list[Policy]:
    """Return the policies that this version takes."""
    return [policy for policy in policies if not reached(policy.until, version)]


def is_built_in(exchange: str) -> bool:
    """Whether the broker makes an exchange of this name by itself."""
    return exchange == "" or exchange.startswith("amq.")


def _ours(exchanges: tuple[Any, ...]) -> list[Any]:
    return [exchange for exchange in exchanges if not is_built_in(exchange.name)]


def _named(kind: str, expected: Any, observed: Any) -> Iterator[str]:
    """Compare two rows of parts that have names."""
    seen = {part.name: part for part in observed}
    wanted = {part.name: part for part in expected}
    for name, part in wanted.items():
        if name in seen:
            yield from _fields(f"{kind} {name}", part, seen[name])
        else:
            yield f"{kind} {name} is missing on the broker"
    for name in seen:
        if name not in wanted:
            yield f"{kind} {name} is on the broker, but not in the contract"


def _fields(who: str, expected: Part, observed: Part) -> Iterator[str]:
    """Compare two parts of one name, field by field, and inside mappings key by key."""
    for field in type(expected).model_fields:
        wanted, seen = getattr(expected, field), getattr(observed, field)
        if field == "until":  # The contract's own: no broker knows it.
            continue
        if isinstance(wanted, Mapping):
            yield from _entries(f"{who}: {field.removesuffix('s')}", wanted, seen)
        elif wanted != seen:
            yield f"{who}: {field} is {seen}, expected {wanted}"


def _entries(
    what: str,
    expected: Mapping[str, Any],
    observed: Mapping[str, Any],
) -> Iterator[str]:
    for key in sorted(expected.keys() | observed.keys()):
        if key not in observed:
            yield f"{what} {key} is missing, expected {expected[key]}"
        elif key not in expected:
            yield f"{what} {key} is {observed[key]}, expected none"
        elif expected[key] != observed[key]:
            yield f"{what} {key} is {observed[key]}, expected {expected[key]}"


Bindings = tuple[Binding, ...] | tuple[ExchangeBinding, ...]


def _bindings(expected: Bindings, observed: Bindings) -> Iterator[str]:
    """Compare bindings as wholes: they have no name to know them by."""
    seen = [binding for binding in observed if _ends(binding)[0] != ""]
    for binding in expected:
        if binding not in seen:
            yield f"{_binding(binding)} is missing on the broker"
    for binding in seen:
        if binding not in expected:
            yield f"{_binding(binding)} is on the broker, but not in the contract"


def _ends(binding: Binding | ExchangeBinding) -> tuple[str, str]:
    if isinstance(binding, Binding):
        return binding.exchange, binding.queue
    return binding.source, f"exchange {binding.destination}"


def _binding(binding: Binding | ExchangeBinding) -> str:
    source, destination = _ends(binding)
    suffix = f" and {dict(binding.arguments)}" if binding.arguments else ""
    return f"binding {source} -> {destination} with key {binding.routing_key!r}{suffix}"
