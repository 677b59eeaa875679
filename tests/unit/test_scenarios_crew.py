"""The crew starts each load process with the addresses of its own role's door."""

import json
from pathlib import Path

from chaos.journal import FILE_NAME, Journal
from gameday.contracts.load import load_contract
from gameday.traffic.link import Target
from scenarios.crew import Crew

ANYBODY, PRODUCERS, CONSUMERS = (
    (Target("r1", f"amqp://{door}:5672/v"),) for door in ("anybody", "producers", "consumers")
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
