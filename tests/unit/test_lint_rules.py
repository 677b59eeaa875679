"""The rules as a whole: named once, tried both ways, shown live, and told in the documents."""

import re
from pathlib import Path

import test_lint_contract
import test_lint_export

from gameday.contracts.lint.rules import RULES, document

ROOT = Path(__file__).parents[2]
NAMES = [rule.id for rule in RULES]


def test_the_document_is_the_rules() -> None:
    """docs/lint.md is what the rules generate, to the character."""
    path = ROOT / "docs" / "lint.md"

    assert document() == path.read_text(), "run: python -m tests.write_lint"


def test_every_rule_has_one_stable_name() -> None:
    """No two rules share an id, and each is in kebab-case."""
    assert len(NAMES) == len(set(NAMES))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", name) for name in NAMES)


def test_every_rule_is_tried_both_ways() -> None:
    """Each rule has a hit and a near miss in the tables of these tests."""
    hits = test_lint_contract.HITS.keys() | test_lint_export.HITS.keys()
    misses = test_lint_contract.MISSES.keys() | test_lint_export.MISSES.keys()

    assert not set(NAMES) - hits
    assert not set(NAMES) - misses


def test_every_rule_is_shown_on_a_broker() -> None:
    """Each rule's id stands in a live test of lint, which shows its consequence."""
    files = (ROOT / "tests" / "live").glob("test_lint_*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    missing = [name for name in NAMES if f'"{name}"' not in text]

    assert not missing, f"show in tests/live/test_lint_*.py what follows: {missing}"


def test_every_rule_explains_itself() -> None:
    """What a rule looks for, what follows and what to do are sentences, and a source is named."""
    for rule in RULES:
        assert rule.looks_for.endswith("."), rule.id
        assert rule.consequence.endswith((".", ".)")), rule.id
        assert rule.remedy.endswith((".", ".)")), rule.id
        assert rule.source, rule.id
