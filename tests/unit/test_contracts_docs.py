"""The page on writing contracts tells the truth: its example loads, its table is complete."""

import re
from pathlib import Path
from typing import get_args

from gameday.contracts.load import load_contract
from gameday.contracts.model import CheckName, Power
from gameday.contracts.parameters import FAULT_CLASSES, PARAMETERS, PHASES, REASONS

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")


def test_the_example_is_a_contract(tmp_path: Path) -> None:
    """Whoever copies the page's file and runs it meets no mistake."""
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    path = tmp_path / "orders.yaml"
    path.write_text(example[1], encoding="utf-8")
    assert load_contract(path).system == "orders"


def test_every_check_is_in_the_table_with_all_its_parameters() -> None:
    """The table has one row a check, in the model's order, each with the parameters it takes."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ?([^|]*) ?\|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == list(get_args(CheckName))
    for name, parameters in rows:
        outside = re.sub(r"\([^)]*\)", "", parameters)  # In brackets are values, not names.
        assert tuple(re.findall(r"`(\w+)`", outside)) == PARAMETERS[name], name


def test_every_word_that_a_contract_may_use_is_on_the_page() -> None:
    """Powers, phases, classes of fault and reasons are all named."""
    for word in (*get_args(Power), *PHASES, *FAULT_CLASSES, *REASONS):
        assert f"`{word}`" in PAGE, word
