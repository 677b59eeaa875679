"""Locust's users are a contract's services: all of them by themselves, the producers in a run."""

import os
import subprocess
import sys
from pathlib import Path

from gameday.contracts.load import load_contract

ROOT = Path(__file__).parents[2]
CONTRACT = load_contract("sparki")


def users(**more: str) -> set[str]:
    """Return the user classes that `locust -f loadtests` finds."""
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests"), "--list"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).splitlines()
    return {line.strip() for line in said if line.startswith("    ")}


def class_names(parts: list[str]) -> set[str]:
    """Return the class names of services."""
    return {"".join(word.capitalize() for word in f"sparki-{p}".split("-")) for p in parts}


def test_a_bare_load_test_has_every_service() -> None:
    """By itself Locust plays every producer and every consumer of the contract, and nobody else."""
    services = [each.name for each in (*CONTRACT.producers, *CONTRACT.consumers)]

    assert users() == class_names(services)


def test_in_a_run_only_producers_are_users(tmp_path: Path) -> None:
    """In a run the workers are processes of their own: Locust has the producers alone."""
    services = [each.name for each in CONTRACT.producers]

    assert users(GAMEDAY_RUN_FOLDER=str(tmp_path)) == class_names(services)
