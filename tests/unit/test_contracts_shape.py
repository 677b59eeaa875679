"""Mistakes in the shape of a contract: fields, types, YAML itself."""

from pathlib import Path
from typing import get_args

import pytest
from contracts_shop import GOOD, sentences_of_change

from gameday.contracts.model import CheckName
from gameday.contracts.sentences import any_of

MISTAKES = {
    "syntax": (
        "title: A shop",
        "title: [A shop",
        (
            "shop.yaml:3: the file: expected YAML, found a mistake in its syntax "
            "(expected ',' or ']', but got ':'); correct it, then try again"
        ),
    ),
    "unknown field": (
        "    rate_per_s: 5",
        "    rate_per_s: 5\n    pools: 3",
        (
            "shop.yaml:27: producers[0].pools: expected a known field, found pools; did "
            "you mean pool?"
        ),
    ),
    "twice the same field": (
        "    rate_per_s: 5",
        "    rate_per_s: 5\n    rate_per_s: 6",
        (
            "shop.yaml:27: producers[0].rate_per_s: expected once, found again (first in "
            "line 26); remove one of them"
        ),
    ),
    "text for a number": (
        "rate_per_s: 5",
        'rate_per_s: "5"',
        (
            'shop.yaml:26: producers[0].rate_per_s: expected a number, found "5"; write '
            "it without quotes"
        ),
    ),
    "number for text": (
        "definition: {max-length: 9}",
        "definition: {max-length: 9}, until: 4.0",
        ("shop.yaml:18: topology.policies[0].until: expected text, found 4.0; put it in quotes"),
    ),
    "yes is no boolean": (
        "    queue: orders\n",
        "    queue: orders\n    manual_ack: yes\n",
        (
            'shop.yaml:36: consumers[0].manual_ack: expected true or false, found "yes"; '
            "change the value"
        ),
    ),
    "no list": (
        "    suites: [smoke, full]",
        "    suites: smoke",
        (
            'shop.yaml:44: requirements[0].suites: expected a list, found "smoke"; begin '
            'each item with "- "'
        ),
    ),
    "too small": (
        "rate_per_s: 5",
        "rate_per_s: 0",
        ("shop.yaml:26: producers[0].rate_per_s: expected more than 0, found 0; change the number"),
    ),
    "missing": (
        "    message: order\n    routing_key: orders\n",
        "    routing_key: orders\n",
        ("shop.yaml:23: producers[0].message: expected a value, found nothing; add the field"),
    ),
    "missing part": (
        "title: A shop\n",
        "",
        "shop.yaml:1: title: expected a value, found nothing; add the field",
    ),
    "unknown type": (
        "type: topic",
        "type: topics",
        (
            "shop.yaml:5: topology.exchanges[0].type: expected direct, topic, fanout or "
            'headers, found "topics"; did you mean topic?'
        ),
    ),
    "a list at the top": (
        GOOD,
        "- system: shop\n",
        ("shop.yaml:1: the file: expected fields with values, found a list; change the value"),
    ),
    "an empty file": (
        GOOD,
        "",
        ("shop.yaml:1: the file: expected fields with values, found nothing; change the value"),
    ),
    "a file that holds itself": (
        "definition: {max-length: 9}",
        "definition: &me {max-length: *me}",
        (
            "shop.yaml:18: topology.policies[0].definition.max-length: expected a value, "
            "found a reference to itself"
        ),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, name: str) -> None:
    """Each of these mistakes is told in one line that names file, line, field and remedy."""
    old, new, expected = MISTAKES[name]
    assert sentences_of_change(tmp_path, old, new) == [expected]


def test_an_unknown_check_is_told_with_all_the_known_and_the_closest(tmp_path: Path) -> None:
    """A misspelt check is answered with the list of checks."""
    said = sentences_of_change(tmp_path, "check: loss", "check: lost")
    assert said == [
        (
            "shop.yaml:42: requirements[0].criteria[0].check: expected "
            f'{any_of(get_args(CheckName))}, found "lost"; did you mean loss?'
        )
    ]
