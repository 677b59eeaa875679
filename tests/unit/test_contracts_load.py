"""Reading a contract: by name, by path, and every mistake of a file at once."""

import re
from pathlib import Path

import pytest
from contracts_shop import GOOD, sentences_of

from gameday.contracts.load import load_contract, systems
from gameday.errors import UsageError


def test_the_good_contract_of_these_tests_loads(tmp_path: Path) -> None:
    """What the mistakes below are made in has none itself."""
    path = tmp_path / "shop.yaml"
    path.write_text(GOOD)
    assert load_contract(path).system == "shop"


def test_every_mistake_of_a_file_is_told_in_its_order(tmp_path: Path) -> None:
    """A wrong entry hides no mistake elsewhere, and what it names still counts as known."""
    text = GOOD.replace("name: orders\n      type: classic", "name: orders\n      type: classy")
    text = text.replace(
        "message: order\n    routing_key: mail", "message: odor\n    routing_key: x"
    )
    text = text.replace("queue: orders\n", "queue: orders\n    prefetsh: 1\n")
    text = text.replace("- id: shop-02", "- id: shop-01").replace("loss", "order")
    assert [
        line.split(": ")[0] + " " + line.split(": ")[1] for line in sentences_of(tmp_path, text)
    ] == [
        "shop.yaml:8 topology.queues[0].type",
        "shop.yaml:30 producers[1].message",
        "shop.yaml:36 consumers[0].prefetsh",
        "shop.yaml:46 requirements[1].id",
    ]


def test_places_behind_a_wrong_entry_stay_those_of_the_file(tmp_path: Path) -> None:
    """A mistake in the second producer is told as the second's though the first is left out."""
    text = GOOD.replace("rate_per_s: 5", "rate_per_s: fast")
    said = sentences_of(
        tmp_path, text.replace("order\n    routing_key: mail", "odor\n    routing_key: mail")
    )
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == [
        "producers[0].rate_per_s",
        "producers[1].message",
    ]


def test_an_unknown_system_is_told_with_the_closest() -> None:
    """A misspelt system is answered with the known ones and the closest of them."""
    with pytest.raises(
        UsageError, match=r'no system "sparky": expected .*sparki.*; did you mean sparki\?'
    ):
        load_contract("sparky")


@pytest.mark.parametrize("name", ["none.yaml", "nowhere/none.yaml", "."])
def test_a_file_that_cannot_be_read_is_one_sentence(name: str) -> None:
    """A path that is no readable file is named with the reason."""
    with pytest.raises(UsageError, match=rf"^{re.escape(name)}: cannot be read as a contract: \w"):
        load_contract(name)


def test_text_that_is_not_utf_8_is_one_sentence(tmp_path: Path) -> None:
    """Bytes that are no text give a sentence, not a traceback."""
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read as a contract: it is not UTF-8 text"):
        load_contract(path)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\t- x"])
def test_characters_that_yaml_refuses_are_one_sentence(tmp_path: Path, character: str) -> None:
    """What the YAML reader itself refuses is told as a mistake of the syntax."""
    said = sentences_of(tmp_path, f"{GOOD}{character}\n")
    assert len(said) == 1
    assert "expected YAML, found a mistake in its syntax" in said[0]


def test_every_system_that_comes_with_gameday_loads() -> None:
    """Each contract beside the module is free of mistakes and is named as its file is."""
    assert "sparki" in systems()
    assert [load_contract(name).system for name in systems()] == list(systems())
