"""All rules, family by family, and `docs/lint.md`, which `python -m tests.write_lint` writes."""

from gameday.contracts.lint import (
    dead_letters,
    discards,
    lifetimes,
    mirroring,
    partitions,
    priorities,
    refused,
    replicas,
    retries,
    unroutable,
)
from gameday.contracts.lint.rule import Rule

FAMILIES: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Refused declarations", refused.RULES),
    ("Priorities", priorities.RULES),
    ("Mirroring", mirroring.RULES),
    ("Dead letters", dead_letters.RULES),
    ("Discards", discards.RULES),
    ("Queues that end", lifetimes.RULES),
    ("Members", replicas.RULES),
    ("Retries", retries.RULES),
    ("Partitions", partitions.RULES),
    ("Unroutable messages", unroutable.RULES),
)
"""The rules by what they are about, in the order of the files' list above and of the document."""

RULES: tuple[Rule, ...] = tuple(rule for _, rules in FAMILIES for rule in rules)

BEGINNING = """\
# What lint knows about brokers

Generated from the rules in `gameday/contracts/lint/`; `gameday lint FILE` applies them to a
contract or to an exported `definitions.json`, for the broker that is installed or that `--broker`
names, and for as many nodes as `--nodes` or the contract says, or three.

An **error** is refused by the broker, or loses messages as it stands; a **warning** works otherwise
than it looks, or loses messages under a fault; a **note** is worth knowing. The exit code is 1 with
an error, 0 without one, 2 for a file that cannot be read. What gameday's own loader refuses in a
contract is an error too, `contract-refused`.

Each rule is shown on a real broker by a test in `tests/live/test_lint_*.py`.
"""


def document() -> str:
    """Return `docs/lint.md`."""
    parts = [BEGINNING]
    for family, rules in FAMILIES:
        parts.append(f"## {family}\n")
        parts += [_section(rule) for rule in rules]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    return (
        f"### `{rule.id}`\n\n"
        f"{rule.looks_for} (**{rule.severity}**)\n\n"
        f"- What the broker does: {rule.consequence}\n"
        f"- What to change: {rule.remedy}\n"
        f"- Source: {rule.source}.\n"
    )
