"""Locust's users are a contract's services: all of them by themselves, the producers in a run."""

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from contracts_shop import GOOD

from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract

ROOT = Path(__file__).parents[2]
CONTRACT = load_contract("sparki")


def locust(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `locust -f loadtests --list` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests"), "--list", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def users(*words: str, **more: str) -> set[str]:
    """Return the user classes that `locust -f loadtests` finds."""
    done = locust(*words, **more)
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).splitlines()
    return {line.strip() for line in said if line.startswith("    ")}


def class_names(parts: list[str], system: str = "sparki") -> set[str]:
    """Return the class names of services."""
    return {"".join(word.capitalize() for word in f"{system}-{p}".split("-")) for p in parts}


def run_of(folder: Path, contract: Contract) -> str:
    """Leave a manifest with the contract, as a run does."""
    dumped = contract.model_dump(mode="json", by_alias=True)
    (folder / "manifest.json").write_text(json.dumps({"contract": dumped}))
    return str(folder)


def shop(folder: Path) -> Path:
    """Write a contract in which a producer and a consumer share their name."""
    path = folder / "my-shop.yaml"
    path.write_text(GOOD.replace("- name: packer", "- name: till"))
    return path


def test_a_bare_load_test_has_every_service() -> None:
    """By itself Locust plays every producer and every consumer of the contract, and nobody else."""
    services = [each.name for each in (*CONTRACT.producers, *CONTRACT.consumers)]

    assert users() == class_names(services)


def test_in_a_run_only_producers_are_users(tmp_path: Path) -> None:
    """In a run the workers are processes of their own: Locust has the producers alone."""
    services = [each.name for each in CONTRACT.producers]

    assert users(GAMEDAY_RUN_FOLDER=run_of(tmp_path, CONTRACT)) == class_names(services)


def test_a_system_by_its_path_needs_no_file_of_its_own(tmp_path: Path) -> None:
    """By option or environment; two services of one name are two classes; the option wins."""
    path = shop(tmp_path)
    wanted = {"ShopTill", "ShopPostman", "ShopTillConsumer"}

    assert users("--system", str(path)) == wanted
    assert users(f"--system={path}", GAMEDAY_SYSTEM="sparki") == wanted


def test_in_a_run_the_contract_is_the_run_s_own(tmp_path: Path) -> None:
    """Whatever file it came from, also where it has the name of a system with a file here."""
    found = load_contract(shop(tmp_path))
    by_name = found.model_copy(update={"system": "sparki"})

    folder = run_of(tmp_path, found)
    assert users(GAMEDAY_RUN_FOLDER=folder, GAMEDAY_SYSTEM="sparki") == {"ShopTill", "ShopPostman"}
    folder = run_of(tmp_path, by_name)
    assert users(GAMEDAY_RUN_FOLDER=folder) == {"SparkiTill", "SparkiPostman"}


def test_a_system_that_is_not_there_is_one_sentence() -> None:
    """Not a traceback, and exit code 2."""
    done = locust("--system", "sparky")

    assert done.returncode == 2
    assert "did you mean sparki?" in done.stderr
    assert "Traceback" not in done.stderr


SLOW = """
import sys
from pathlib import Path
from time import monotonic

import gevent
from locust import User, task

sys.path.insert(0, "{loadtests}")
import _gameday

_gameday.STATE.folder = Path()  # As if begun: no broker is asked for.


class Idle(User):
    @task
    def idle(self) -> None:
        gevent.sleep(0.1)


until = monotonic() + 3
while monotonic() < until:
    pass
"""
"""A Locust file that takes three seconds to load, as all of ours do on a busy machine."""


def test_what_loading_takes_is_not_taken_off_the_run(tmp_path: Path) -> None:
    """A run of two seconds lasts two, although its files took three to load."""
    path = tmp_path / "slow.py"
    path.write_text(SLOW.format(loadtests=ROOT / "loadtests"))
    words = ["-f", str(path), "--headless", "--only-summary", "-t", "2s"]
    done = subprocess.run(
        [sys.executable, "-m", "locust", *words], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
    assert (
        at("--run-time limit reached", done.stderr) - at("Run time limit set", done.stderr) > 1.99
    )


def at(what: str, said: str) -> float:
    """Return when, in seconds, Locust said something."""
    line = re.search(rf"\[(\S+ \S+)\] .*{what}", said)
    assert line is not None, said
    return datetime.fromisoformat(line[1].replace(",", ".") + "+00:00").timestamp()
