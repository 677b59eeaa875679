"""From one version of the broker to the next: who may roll, and definitions for the new one.

Pure. A rolling upgrade keeps the nodes and their data, so old and new run side by side for a while,
which RabbitMQ allows between some versions only. Blue-green starts the new cluster beside the old
one; what the old one holds is then declared anew, in words that the new one takes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gameday.contracts.definitions import OPERATOR, TYPE, Definitions
from gameday.contracts.model import Contract
from gameday.contracts.versions import reached, release

ROLLS_FROM: Mapping[str, tuple[str, ...]] = {
    "3.11": ("3.10",),
    "3.12": ("3.11",),
    "3.13": ("3.12",),
    "4.0": ("3.13",),
    "4.1": ("3.13", "4.0"),
    "4.2": ("3.13", "4.0", "4.1"),
    "4.3": ("4.2",),
}
"""By version, from which ones a running cluster may be upgraded node by node."""

MIRRORING = frozenset(
    {
        "ha-mode",
        "ha-params",
        "ha-sync-mode",
        "ha-sync-batch-size",
        "ha-promote-on-failure",
        "ha-promote-on-shutdown",
    }
)
"""The keys of a policy that 4.0 and later refuse."""


def minor(version: str) -> str:
    """Return a version's first two numbers, as `4.3`."""
    found = release(version)
    return f"{found.major}.{found.minor}"


def why_not_rolling(old: str, new: str) -> str:
    """Return why a cluster cannot roll from one version to another; empty where it can."""
    if minor(old) == minor(new):
        return "" if release(old) <= release(new) else f"{new} is older than {old}"
    known = ROLLS_FROM.get(minor(new))
    if known is None:
        return f"nobody has told yet from which versions {minor(new)} takes a rolling upgrade"
    if minor(old) in known:
        return ""
    return (
        f"{minor(new)} takes a rolling upgrade only from {_or(known)}, and this is {minor(old)}: "
        "go by those one after another, or by blue-green"
    )


def _or(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


@dataclass(frozen=True)
class Translated:
    """Definitions that a version takes, and what was changed for it, each in a sentence."""

    definitions: Definitions
    changes: tuple[str, ...]


def translated(found: Definitions, version: str, shape: Contract | None = None) -> Translated:
    """Return one virtual host's definitions as a version takes them.

    What it refuses is left out. `shape` is the contract in the design that its queues shall have
    there: an alternative's queues take the place of those of the same names.
    """
    changes: list[str] = []
    policies = list(_policies(found["policies"], version, changes, "policy"))
    kept: list[dict[str, Any]] = []
    operators: list[dict[str, Any]] = []
    for row in found.get("parameters", ()):
        (operators if row["component"] == OPERATOR else kept).append(row)
    named = [{"name": row["name"], **row["value"]} for row in operators]
    passed = {
        row["name"]: row for row in _policies(named, version, changes, "operator policy")
    }  # fmt: skip
    for row in operators:
        if row["name"] in passed:
            value = {name: each for name, each in passed[row["name"]].items() if name != "name"}
            kept.append({**row, "value": value})
    queues = list(_queues(found["queues"], version, shape, changes))
    whole = {**found, "policies": policies, "parameters": kept, "queues": queues}
    return Translated(whole, tuple(changes))


def _policies(
    rows: Iterable[dict[str, Any]], version: str, changes: list[str], kind: str
) -> Iterator[dict[str, Any]]:
    """Yield the policies without the keys that the version refuses; an empty one is left out."""
    for row in rows:
        refused = sorted(MIRRORING & row["definition"].keys()) if reached("4.0", version) else []
        rest = {name: row["definition"][name] for name in row["definition"].keys() - refused}
        if not refused:
            yield row
        elif rest:
            changes.append(f"{kind} {row['name']} goes without {', '.join(refused)}")
            yield {**row, "definition": rest}
        else:
            changes.append(f"{kind} {row['name']} is left out: it only mirrors")


def _queues(
    rows: Iterable[dict[str, Any]], version: str, shape: Contract | None, changes: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield the queues in their new shape, durable where transient ones are refused."""
    shapes = {queue.name: queue for queue in shape.topology.queues} if shape is not None else {}
    for row in rows:
        old = {**row["arguments"], TYPE: row.get("type", row["arguments"].get(TYPE, "classic"))}
        new, durable = old, row["durable"]
        if row["name"] in shapes:
            wanted = shapes[row["name"]]
            new, durable = {**wanted.arguments, TYPE: wanted.type}, wanted.durable
        if not durable and not row.get("exclusive") and reached("4.3", version):
            durable = True
            changes.append(f"queue {row['name']} is durable: transient ones are refused")
        if new != old:
            changes.append(f"queue {row['name']} is {_words(new)}, and was {_words(old)}")
        plain = {name: each for name, each in row.items() if name not in {"type", "durable"}}
        yield {**plain, "durable": durable, "arguments": new}


def _words(arguments: Mapping[str, Any]) -> str:
    """Return a queue's type and its arguments in a few words."""
    rest = {name: each for name, each in sorted(arguments.items()) if name != TYPE}
    told = ", ".join(f"{name}={each}" for name, each in rest.items())
    return f"{arguments[TYPE]} ({told})" if told else str(arguments[TYPE])
