"""The requirement matrix: every row of every system, and what the last full run said of it."""

import json
import re

import pytest

from gameday.contracts.load import load_contract, systems
from tests.write_requirements import DOCUMENT, MISSION, RECORDED, ROOT, document, keep

ROWS = {"sparki": 26, "evaluations": 23, "veza": 20, "solstice": 12, "attune": 17}
"""How many requirements each system's plan has."""


def test_the_document_is_what_the_contracts_say() -> None:
    """docs/requirements.md is what the contracts and the recorded runs make of it."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))

    assert DOCUMENT.read_text(encoding="utf-8") == document(recorded), (
        "run: python -m tests.write_requirements"
    )


@pytest.mark.parametrize("system", systems())
def test_no_row_is_missing(system: str) -> None:
    """Every row of a system's plan is in its contract, in order, judged or said why not."""
    rows = [each.id for each in load_contract(system).requirements]
    own = [name for name in rows if name.startswith(f"{system}-")]

    assert own == [f"{system}-{number:02d}" for number in range(1, ROWS[system] + 1)]


@pytest.mark.parametrize("row", MISSION, ids=lambda row: row[0])
def test_the_users_words_name_what_there_is(row: tuple[str, str, str, str]) -> None:
    """Each row of the users' own names files that exist."""
    for path in re.findall(r"[\w./]+\.py|\.github/workflows", row[3]):
        assert (ROOT / path).exists(), path


def test_a_run_takes_the_place_of_its_like() -> None:
    """A newer run of one design replaces the older one, and leaves other designs alone."""
    first = {"system": "s", "broker": "3", "alternative": None, "settings": "tuned", "seed": 1}
    other = {**first, "alternative": "a"}
    recorded: dict[str, list[dict[str, object]]] = {}
    for each in (first, other, {**first, "tls": True, "seed": 3}, {**first, "seed": 2}):
        keep(recorded, each)

    kept = [(each["alternative"], each["seed"]) for each in recorded["s"]]
    assert kept == [(None, 2), (None, 3), ("a", 1)], "by TLS it is another run"
