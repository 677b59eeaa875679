"""Contracts from exports of real brokers: what is kept, what is named, and that they load.

`tests/exports` holds what RabbitMQ 3.10.8 and 4.3.6 exported of one topology and three users.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gameday.contracts.beginning import begin_contract
from gameday.contracts.definitions import for_one_vhost, from_definitions, to_definitions
from gameday.contracts.difference import difference
from gameday.contracts.importing import Imported, choose_vhost, import_topology
from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.errors import UsageError

EXPORTS = Path(__file__).parents[1] / "exports"
VERSIONS = ("3.10.8", "4.3.6")


def export(name: str) -> dict[str, Any]:
    """Return a real export."""
    found: dict[str, Any] = json.loads((EXPORTS / f"{name}.json").read_text())
    return found


def begun(folder: Path, imported: Imported) -> tuple[str, Contract]:
    """Return the text that is written for a topology, and the contract that it loads as."""
    text = begin_contract(imported, "shop", "definitions.json")
    path = folder / "shop.yaml"
    path.write_text(text)
    return text, load_contract(path)


def secrets_of(found: dict[str, Any]) -> list[str]:
    """Return every name and hash of a user in an export."""
    return [word for user in found["users"] for word in (user["name"], user["password_hash"])]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_export_becomes_a_contract_that_loads(tmp_path: Path, version: str) -> None:
    """What is written is read back as the very topology, and anything that is not is named."""
    imported = import_topology(export(version), "/")
    text, contract = begun(tmp_path, imported)

    assert contract.topology == imported.topology
    assert {queue.name: queue.type for queue in contract.topology.queues} == {
        "audit.copy": "classic", "orders": "quorum", "orders.dead": "quorum",
        "mail": "classic", "lost": "classic", "worker-7": "classic",
    }  # fmt: skip
    shop = next(each for each in contract.topology.exchanges if each.name == "shop")
    assert shop.arguments == {"alternate-exchange": "unrouted"}
    assert [each.definition for each in contract.topology.operator_policies] == [
        {"max-length": 100000}
    ]
    for word in ("queue audit.log is left out: it is a stream", "worker-7: auto_delete", "limits"):
        assert any(word in note for note in imported.notes)
    for note in imported.notes:
        assert f"# - {note}" in text


@pytest.mark.parametrize("version", VERSIONS)
def test_no_user_and_no_hash_is_in_what_is_written(tmp_path: Path, version: str) -> None:
    """Nothing of three users, their hashes and permissions appears in text or notes."""
    found = export(version)
    imported = import_topology(found, "/")
    text, _ = begun(tmp_path, imported)
    said = text + "\n".join(imported.notes)

    assert len(secrets_of(found)) == 6
    assert [word for word in secrets_of(found) if word in said.replace("gameday", "")] == []
    assert "rabbit_password_hashing" not in said


def test_mirroring_ends_with_the_version_that_refuses_it() -> None:
    """The exported policy is declared on 3.x only."""
    policies = {
        each.name: each for each in import_topology(export("3.10.8"), "/").topology.policies
    }

    assert policies["mirror"].until == "4.0"
    assert policies["short"].until is None


def test_internal_exchanges_are_kept_or_named() -> None:
    """3.10.8 exports an internal exchange, 4.3.6 only the bindings that lead to it."""
    old, new = (import_topology(export(version), "/") for version in VERSIONS)

    assert [link.destination for link in old.topology.exchange_bindings] == ["audit"]
    assert any("exchange audit: internal is left out" in note for note in old.notes)
    assert new.topology.exchange_bindings == ()
    assert any("binding shop -> exchange audit" in note for note in new.notes)


def test_the_export_of_one_vhost_needs_no_choice() -> None:
    """Its rows name no virtual host; the topology is the same as of the whole export."""
    alone = export("4.3.6-one-vhost")

    assert choose_vhost(alone, None) == "/"
    assert import_topology(alone, "/").topology == import_topology(export("4.3.6"), "/").topology


def test_of_several_vhosts_one_must_be_named() -> None:
    """The sentence names them all, also when a wrong one was asked for."""
    found = export("3.10.8")
    for wanted in (None, "nowhere"):
        with pytest.raises(UsageError, match=r"/ or billing"):
            choose_vhost(found, wanted)
    assert choose_vhost(found, "billing") == "billing"


def test_a_queue_without_a_type_is_of_the_vhosts_default() -> None:
    """In the 4.3.6 export the virtual host billing has quorum queues by default."""
    found = export("4.3.6")
    (row,) = [row for row in found["queues"] if row["vhost"] == "billing"]
    row["arguments"], _ = {}, row.pop("type")
    imported = import_topology(found, "billing")

    assert [queue.type for queue in imported.topology.queues] == ["quorum"]
    assert any("quorum, the virtual host's default" in note for note in imported.notes)


def strange(found: dict[str, Any]) -> None:
    """Put in what a contract cannot hold."""
    here = {"vhost": "/", "durable": True, "auto_delete": False}
    found["exchanges"] += [
        {**here, "name": "later", "type": "x-delayed-message", "internal": False, "arguments": {}},
        {**here, "name": "a: ${b}", "type": "topic", "internal": False,
         "arguments": {"alternate-exchange": "nowhere"}},
    ]  # fmt: skip
    gone = {"x-dead-letter-exchange": "gone", "x-dead-letter-routing-key": "k"}
    half = {"x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once"}
    unbound = {"x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": "nobody"}
    found["queues"] += [
        {**here, "name": 'q "1"', "arguments": gone},
        {**here, "name": "half", "arguments": half},
        {**here, "name": "unbound", "arguments": unbound},
    ]
    policy = {"vhost": "/", "apply-to": "all", "priority": 0}
    found["policies"] += [
        {**policy, "name": "fed", "pattern": ".", "definition": {"federation-upstream-set": "all"}},
        {**policy, "name": "odd", "pattern": "(", "definition": {"max-length": 1}},
        {
            **policy,
            "name": "mixed",
            "pattern": "^x",
            "definition": {"ha-mode": "all", "expires": 1},
        },
        {**policy, "name": "st", "apply-to": "streams", "pattern": ".", "definition": {"a": 1}},
    ]
    found["parameters"].append(
        {
            "vhost": "/",
            "component": "shovel",
            "name": "mover",
            "value": {"src-uri": "amqp://u:pw@h"},
        }
    )
    found["global_parameters"].append({"name": "mqtt_port_to_vhost_mapping", "value": {}})


def test_whatever_is_strange_is_named_and_the_rest_loads(tmp_path: Path) -> None:
    """Each thing that is left out has its line, none says a secret, and the contract loads."""
    found = export("3.10.8")
    strange(found)
    imported = import_topology(found, "/")
    _, contract = begun(tmp_path, imported)
    notes = "\n".join(imported.notes)

    for word in (
        "exchange later is left out: its type x-delayed-message",
        "exchange a: ${b}: alternate-exchange nowhere is left out",
        'queue q "1": x-dead-letter-exchange gone is left out',
        'queue q "1": x-dead-letter-routing-key is left out',
        "queue half: x-dead-letter-strategy is left out",
        "queue unbound: x-dead-letter-exchange is left out",
        "policy fed is left out: federation-upstream-set",
        "policy odd is left out: its pattern",
        "policy mixed ends with 4.0",
        "policy st is left out: it applies to streams",
        "parameter mover of shovel is left out",
        "global parameter mqtt_port_to_vhost_mapping is left out",
    ):
        assert word in notes
    assert "pw@h" not in notes
    names = {each.name for each in (*contract.topology.exchanges, *contract.topology.queues)}
    assert {"a: ${b}", 'q "1"', "half"} <= names


def test_definitions_of_an_import_are_the_export() -> None:
    """Declared again, the imported topology differs from the export in what was named only."""
    imported = import_topology(export("4.3.6"), "/").topology
    contract = Contract.model_construct(topology=imported)
    there = to_definitions(contract, "v", "4.3.6")

    assert difference(imported, from_definitions(there, "v"), "4.3.6") == []
    assert from_definitions(for_one_vhost(there), "v") == from_definitions(there, "v")
    seen = from_definitions(export("4.3.6"), "/")
    assert difference(imported, seen, "4.3.6") == [
        "queue worker-7: argument auto_delete is True, expected none",
        "queue audit.log is on the broker, but not in the contract",
        "binding audit -> audit.copy with key '' is on the broker, but not in the contract",
        "binding audit -> audit.log with key '' is on the broker, but not in the contract",
        "binding shop -> exchange audit with key '#' is on the broker, but not in the contract",
    ]


def test_an_operator_s_policy_that_changed_is_a_difference() -> None:
    """Operators' policies are compared as others are, and told apart from them."""
    found = export("3.10.8")
    imported = import_topology(found, "/").topology
    changed = deepcopy(found)
    for row in changed["parameters"]:
        if row["component"] == "operator_policy":
            row["value"]["definition"]["max-length"] = 5

    (said,) = [
        text for text in difference(imported, from_definitions(changed, "/"), "3.10.8")
        if "policy" in text
    ]  # fmt: skip
    assert said == "operator policy limits: definition max-length is 5, expected 100000"


@pytest.mark.parametrize("count", [0, 1, 7])
def test_however_many_queues_there_are_a_few_have_services(tmp_path: Path, count: int) -> None:
    """An empty broker and one of many queues both become a contract; the rest is listed."""
    rows = [
        {"name": f"q{i}", "durable": True, "auto_delete": False, "arguments": {}}
        for i in range(count)
    ]
    text, contract = begun(tmp_path, import_topology({"queues": rows}, "/"))

    assert len(contract.topology.queues) == count
    assert len(contract.producers) == len(contract.consumers) == min(count, 3)
    assert ("q6" in text.split("no services yet")[-1]) == (count == 7)
