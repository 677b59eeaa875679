"""Definitions in and out, and what the comparison with a broker's says."""

from typing import Any

import pytest

from gameday.contracts.definitions import from_definitions, to_definitions
from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.contracts.topology import difference, with_alternative

VHOST = "gameday-1"


@pytest.fixture(scope="module")
def sparki() -> Contract:
    """Return sparki's contract."""
    return load_contract("sparki")


def seen(contract: Contract, version: str = "3.10.8") -> dict[str, Any]:
    """Return what a broker that did as it was told would export."""
    return to_definitions(contract, VHOST, version)


def said(contract: Contract, definitions: dict[str, Any], version: str = "3.10.8") -> list[str]:
    """Return how the broker's definitions differ from the contract."""
    return difference(contract.topology, from_definitions(definitions, VHOST), version)


@pytest.mark.parametrize("version", ["3.10.8", "4.0.5", "4.3.6"])
@pytest.mark.parametrize("alternative", [None, "quorum-builds"])
def test_what_was_declared_does_not_differ(
    sparki: Contract, version: str, alternative: str | None
) -> None:
    """Definitions there and back are the contract's own, on every version."""
    contract = with_alternative(sparki, alternative) if alternative else sparki
    assert said(contract, seen(contract, version), version) == []


def test_definitions_name_every_queue_s_type_and_no_users(sparki: Contract) -> None:
    """A broker's default queue type cannot change the meaning, and no password is written."""
    definitions = seen(sparki)
    assert {q["name"]: q["arguments"]["x-queue-type"] for q in definitions["queues"]} == {
        "builds": "classic",
        "deployments": "quorum",
        "notifications": "quorum",
        "builds.failed": "classic",
        "deployments.failed": "quorum",
    }
    assert definitions["vhosts"] == [{"name": VHOST}]
    assert not {"users", "permissions"} & definitions.keys()


def test_a_mirroring_policy_is_declared_only_where_it_is_taken(sparki: Contract) -> None:
    """4.0 refuses ha-mode, so the policy is left out, and finding it there is a difference."""
    assert [policy["name"] for policy in seen(sparki, "3.13.7")["policies"]] == ["ha-all"]
    assert seen(sparki, "4.0.0")["policies"] == []
    assert said(sparki, seen(sparki, "3.13.7"), "4.0.0") == [
        "policy ha-all is on the broker, but not in the contract"
    ]
    assert said(sparki, seen(sparki, "4.0.0"), "3.13.7") == [
        "policy ha-all is missing on the broker"
    ]


def damage_queue(definitions: dict[str, Any]) -> None:
    """Lower the priorities of builds."""
    definitions["queues"][0]["arguments"]["x-max-priority"] = 5


def change_type(definitions: dict[str, Any]) -> None:
    """Make notifications a classic queue, by leaving its type to the broker."""
    del definitions["queues"][2]["arguments"]["x-queue-type"]


def drop_argument(definitions: dict[str, Any]) -> None:
    """Take the dead-letter exchange from builds."""
    del definitions["queues"][0]["arguments"]["x-dead-letter-exchange"]


def add_argument(definitions: dict[str, Any]) -> None:
    """Let notifications expire."""
    definitions["queues"][2]["arguments"]["x-message-ttl"] = 1000


def delete_itself(definitions: dict[str, Any]) -> None:
    """Let builds delete itself."""
    definitions["queues"][0]["auto_delete"] = True


def drop_queue(definitions: dict[str, Any]) -> None:
    """Lose a DLQ."""
    definitions["queues"].pop(3)


def add_queue(definitions: dict[str, Any]) -> None:
    """Leave a stream behind, a type that no contract knows."""
    arguments = {"x-queue-type": "stream"}
    definitions["queues"].append({"name": "more", "durable": True, "arguments": arguments})


def make_transient(definitions: dict[str, Any]) -> None:
    """Let dlx vanish with the broker."""
    definitions["exchanges"][0]["durable"] = False


def change_exchange(definitions: dict[str, Any]) -> None:
    """Make dlx another type of exchange."""
    definitions["exchanges"][0]["type"] = "direct"


def move_binding(definitions: dict[str, Any]) -> None:
    """Bind a DLQ by another key."""
    definitions["bindings"][0]["routing_key"] = "builds"


def change_policy(definitions: dict[str, Any]) -> None:
    """Let unsynchronised mirrors take over."""
    definitions["policies"][0]["definition"]["ha-promote-on-failure"] = "always"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (damage_queue, ["queue builds: argument x-max-priority is 5, expected 10"]),
        (change_type, ["queue notifications: type is classic, expected quorum"]),
        (
            drop_argument,
            ["queue builds: argument x-dead-letter-exchange is missing, expected dlx"],
        ),
        (add_argument, ["queue notifications: argument x-message-ttl is 1000, expected none"]),
        (delete_itself, ["queue builds: argument auto_delete is True, expected none"]),
        (drop_queue, ["queue builds.failed is missing on the broker"]),
        (add_queue, ["queue more is on the broker, but not in the contract"]),
        (make_transient, ["exchange dlx: durable is False, expected True"]),
        (change_exchange, ["exchange dlx: type is direct, expected topic"]),
        (
            move_binding,
            [
                "binding dlx -> builds.failed with key 'builds.failed' is missing on the broker",
                (
                    "binding dlx -> builds.failed with key 'builds' is on the broker, "
                    "but not in the contract"
                ),
            ],
        ),
        (
            change_policy,
            ["policy ha-all: definition ha-promote-on-failure is always, expected when-synced"],
        ),
    ],
)
def test_each_damage_is_a_sentence(sparki: Contract, damage: Any, expected: list[str]) -> None:
    """Whatever an operator changed by hand, the comparison names it and nothing else."""
    definitions = seen(sparki)
    damage(definitions)
    assert said(sparki, definitions) == expected


def test_the_broker_s_own_and_other_vhosts_are_no_difference(sparki: Contract) -> None:
    """Built-in exchanges, default bindings and what stands in another vhost do not count."""
    definitions = seen(sparki)
    built_in = {"type": "direct", "durable": True, "arguments": {}, "vhost": VHOST}
    definitions["exchanges"] += [{**built_in, "name": ""}, {**built_in, "name": "amq.direct"}]
    for section in ("exchanges", "queues", "bindings", "policies"):
        foreign = {**definitions[section][0], "vhost": "/", "name": "foreign"}
        definitions[section].append(foreign)
    default = {**definitions["bindings"][0], "source": "", "routing_key": "builds"}
    definitions["bindings"].append(default)
    assert said(sparki, definitions) == []


def test_the_export_of_one_vhost_names_none_in_its_rows(sparki: Contract) -> None:
    """Rows without a vhost, as newer brokers export them, belong to the one asked for."""
    definitions = seen(sparki)
    for section in ("exchanges", "queues", "bindings", "policies"):
        for row in definitions[section]:
            del row["vhost"]
    assert said(sparki, definitions) == []
    assert len(from_definitions(definitions, VHOST).queues) == 5
