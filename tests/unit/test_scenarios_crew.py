"""The crew starts each load process with the addresses of its own role's door."""

import json
from pathlib import Path

import pytest

from chaos.journal import FILE_NAME, Journal
from gameday.contracts.load import load_contract
from gameday.traffic.purpose import Target
from gameday.traffic.session import targets_of
from scenarios.crew import ONE_CONSUMER, ONE_PRODUCER, Crew

ANYBODY, PRODUCERS, CONSUMERS, OWN = (
    (Target("r1", f"amqp://{door}:5672/v"),)
    for door in ("anybody", "producers", "consumers", "own")
)


def told(folder: Path, role: str) -> list[list[str]]:
    """Return where a process of a role is told to connect, by its own word."""
    (folder / "logs").mkdir(exist_ok=True)
    doors = {"publisher": PRODUCERS, "worker": CONSUMERS}
    journal = Journal(folder / FILE_NAME)
    crew = Crew(folder, load_contract("sparki"), ANYBODY, 1, journal, doors=doors)
    member = crew.start(role, role, ["sh", "-c", 'echo "$GAMEDAY_TARGETS"'], {})
    assert member.process.wait(10) == 0
    found: list[list[str]] = json.loads((folder / "logs" / f"{role}.log").read_text())
    return found


def test_each_role_comes_by_its_own_door(tmp_path: Path) -> None:
    """Producers and workers have doors of their own; the drain and the controls take anybody's."""
    assert told(tmp_path, "publisher") == [["r1", PRODUCERS[0].url]]
    assert told(tmp_path, "worker") == [["r1", CONSUMERS[0].url]]
    assert told(tmp_path, "drain") == [["r1", ANYBODY[0].url]]


def test_one_service_comes_by_doors_of_its_own(tmp_path: Path) -> None:
    """Its workers are told its door, others theirs; Locust is told whose producer has another."""
    (tmp_path / "logs").mkdir()
    contract = load_contract("sparki")
    alone, other = contract.consumers[0].name, contract.consumers[1].name
    doors = {"publisher": PRODUCERS, "worker": CONSUMERS, ONE_PRODUCER: OWN, ONE_CONSUMER: OWN}
    journal = Journal(tmp_path / FILE_NAME)
    crew = Crew(tmp_path, contract, ANYBODY, 1, journal, doors=doors, alone=alone)
    said: dict[str, dict[str, str]] = {}
    crew._start = lambda name, _role, _words, extra: said.setdefault(name, dict(extra))  # type: ignore[assignment,method-assign,return-value]

    crew.start_locust()
    crew.add_workers(alone, 1)
    crew.add_workers(other, 1)

    pairs = [["r1", OWN[0].url]]
    assert json.loads(said["locust"]["GAMEDAY_TARGETS_OF"]) == {alone: pairs}
    assert json.loads(said[f"{alone}-0"]["GAMEDAY_TARGETS"]) == pairs
    assert "GAMEDAY_TARGETS" not in said[f"{other}-0"]


def test_a_producer_connects_where_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that comes by doors of its own, and no other."""
    monkeypatch.setenv("GAMEDAY_TARGETS_OF", json.dumps({"api": [["r1", "amqp://own"]]}))

    assert targets_of("api", PRODUCERS) == (Target("r1", "amqp://own"),)
    assert targets_of("other", PRODUCERS) == PRODUCERS
