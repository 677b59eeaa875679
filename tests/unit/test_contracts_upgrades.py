"""Between versions: which clusters may roll, and what a design becomes on a newer broker."""

from typing import Any

import pytest

from gameday.contracts.definitions import for_one_vhost, from_definitions, to_definitions
from gameday.contracts.load import load_contract
from gameday.contracts.topology import difference, with_alternative
from gameday.contracts.upgrades import translated, why_not_rolling


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3.10.8", "4.0.5", "only from 3.13"),
        ("3.10.8", "4.3.6", "only from 4.2"),
        ("4.0.5", "4.3.6", "only from 4.2"),
        ("3.12.0", "4.2.1", "only from 3.13, 4.0 or 4.1"),
        ("4.3.6", "4.0.5", "only from 3.13"),
        ("4.3.6", "4.3.5", "is older"),
        ("4.3.6", "5.0.0", "nobody has told"),
        ("3.13.7", "4.0.5", ""),
        ("4.2.5", "4.3.6", ""),
        ("4.3.5", "4.3.6", ""),
        ("4.3.6", "4.3.6", ""),
    ],
)
def test_who_may_roll(old: str, new: str, said: str) -> None:
    """4.0 only from 3.13 and 4.3 only from 4.2; within a minor version forward only."""
    found = why_not_rolling(old, new)

    assert said in found
    assert bool(found) == bool(said)


def exported(system: str = "sparki", version: str = "3.10.8") -> dict[str, Any]:
    """Return a design as the broker exports one virtual host of it."""
    return for_one_vhost(to_definitions(load_contract(system), "/", version))


def test_what_only_mirrors_is_left_out() -> None:
    """A policy of which nothing remains goes, and is named."""
    found = translated(exported(), "4.0.5")

    assert found.definitions["policies"] == []
    assert found.changes == ("policy ha-all is left out: it only mirrors",)


def test_what_else_a_policy_says_is_kept() -> None:
    """Only the keys that are refused go; the caller's rows stay as they are."""
    given = exported()
    given["policies"][0]["definition"]["max-length"] = 9

    found = translated(given, "4.3.6")

    assert found.definitions["policies"][0]["definition"] == {"max-length": 9}
    assert "ha-mode" in given["policies"][0]["definition"]
    assert "goes without ha-mode" in found.changes[0]


def test_an_older_broker_takes_all() -> None:
    """Below 4.0 nothing is changed, and nothing is said."""
    given = exported()

    found = translated(given, "3.13.7")

    assert found.changes == ()
    assert found.definitions["policies"] == given["policies"]


def test_operators_policies_are_translated_too() -> None:
    """A mirroring operator policy would be refused as well; other parameters pass untouched."""
    given = exported()
    value = {"pattern": ".*", "apply-to": "queues", "priority": 0, "definition": {"ha-mode": "all"}}
    other = {"component": "shovel", "name": "s", "value": {"src-uri": "amqp://"}}
    given["parameters"] = [{"component": "operator_policy", "name": "ops", "value": value}, other]

    found = translated(given, "4.0.5")

    assert found.definitions["parameters"] == [other]
    assert "operator policy ops is left out: it only mirrors" in found.changes


def test_transient_queues_are_durable_where_they_are_refused() -> None:
    """4.3 refuses a queue that is neither durable nor exclusive; 4.0 takes it."""
    given = exported()
    given["queues"][0]["durable"] = False

    assert translated(given, "4.3.6").definitions["queues"][0]["durable"]
    assert not translated(given, "4.0.5").definitions["queues"][0]["durable"]


def test_the_alternative_takes_the_place_of_its_queues() -> None:
    """The design that results is the alternative's, to the last argument, and each change told."""
    shape = with_alternative(load_contract("sparki"), "quorum-builds")

    found = translated(exported(), "4.3.6", shape)

    observed = from_definitions(found.definitions, "/")
    assert difference(shape.topology, observed, "4.3.6") == []
    assert any(each.startswith("queue builds is quorum (") for each in found.changes)
