"""docs/migration.md, held to the judge: its checks, what their failing makes, and its fates."""

import re
from pathlib import Path

import pytest

from gameday.history.migration.folder import load_migration
from gameday.history.migration.judged import REQUIREMENTS
from gameday.history.migration.rules import CODES, WHEN_FAILED
from gameday.history.migration.tasks import Fate
from gameday.history.migration.trust import trust
from gameday.history.migration.verdict import ALWAYS
from tests.fake_migration_runs import good

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of every row of the tables below a heading."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")]
    assert found, f"docs/migration.md has no table below {heading!r}"
    return found


def test_every_check_is_explained() -> None:
    """The table of checks has each one, with what its failing makes of the decision."""
    written = {name: row[-1].strip() for row in rows("How it is judged")
               for name in re.findall(r"`(\w+)`", row[0])}  # fmt: skip

    assert written == {name: WHEN_FAILED.get(name, "") for name in REQUIREMENTS}


def test_every_harness_check_is_named(tmp_path: Path) -> None:
    """Each check of the harness stands in the page by its name."""
    text = PAGE.read_text(encoding="utf-8")
    made = [judged.check for judged in trust(load_migration(good().write(tmp_path / "run")))]

    assert [name for name in made if f"(`{name}`)" not in text] == []


@pytest.mark.parametrize("fate", Fate)
def test_every_fate_is_explained(fate: Fate) -> None:
    """Each fate of a task has its place in the table."""
    told = ", ".join(row[0] for row in rows("What becomes of a task"))

    assert fate.name.lower().replace("_", " ") in told


def test_every_decision_has_its_exit_code() -> None:
    """The first table has each decision, with the exit code that the code gives it."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    written = dict(re.findall(r"^\| ([A-Z-]+) \| (\d+) \|", text, re.MULTILINE))

    assert written == {name: str(code) for name, code in CODES.items()}


def test_what_is_always_claimed_is_a_check() -> None:
    """What no manifest can leave out is a check with a requirement."""
    assert set(ALWAYS) <= set(REQUIREMENTS)
