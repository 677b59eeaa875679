"""What a load process is given: a number of its own, addresses, a contract; and how it ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.contracts.load import load_contract
from gameday.errors import HarnessError
from gameday.traffic.session import (
    claim_process,
    manners_of,
    open_session,
    targets_from_environment,
)

ROOT = Path(__file__).parents[2]


CLAIMS = """
import sys
from pathlib import Path
from gameday.traffic.session import claim_process
print("ready", flush=True)
sys.stdin.readline()
print(*(claim_process(Path(sys.argv[1])) for _ in range(25)))
"""
"""Claims some numbers, as a load process would claim one, once it is told to."""


def test_two_processes_never_get_one_number(tmp_path: Path) -> None:
    """Four processes that claim at the same time get each number from 1 on exactly once."""
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMS, str(tmp_path)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for each in claimers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in claimers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    claimed = [int(word) for each in claimers for word in each.communicate(timeout=60)[0].split()]

    assert [each.returncode for each in claimers] == [0, 0, 0, 0]
    assert sorted(claimed) == list(range(1, 101))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A claim that cannot be written is the harness's failure, with the place in its sentence."""
    (tmp_path / "history").write_text("a file where a folder belongs")

    with pytest.raises(HarnessError, match="history"):
        claim_process(tmp_path)


def test_no_run_to_join(tmp_path: Path) -> None:
    """A folder without a manifest is no run: one sentence, and no ledger is begun."""
    with pytest.raises(HarnessError, match="no run to join"):
        open_session(tmp_path, "locust", ())

    assert not list(tmp_path.rglob("*.ledger"))


@pytest.mark.parametrize("value", [None, "", "no json"])
def test_no_address(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the run's addresses a load process says what is missing."""
    monkeypatch.delenv("GAMEDAY_TARGETS", raising=False)
    if value is not None:
        monkeypatch.setenv("GAMEDAY_TARGETS", value)

    with pytest.raises(HarnessError, match="GAMEDAY_TARGETS"):
        targets_from_environment()


def test_manners_are_the_contracts() -> None:
    """A producer's attempts, backoff and time-out are those of its contract."""
    producer = load_contract("sparki").producers[0]

    manners = manners_of(producer)

    assert (manners.client, manners.pool) == (producer.name, producer.pool)
    assert (manners.attempts, manners.backoff_ms) == (producer.attempts, producer.backoff_ms)
    assert manners.confirm_timeout_ms == producer.confirm_timeout_ms


DEFECTS = {
    "a greenlet": "gevent.spawn(fail)",
    "a callback of the loop": "gevent.get_hub().loop.run_callback(fail)",
    "a timer": "gevent.spawn_later(0.01, fail)",
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_ends_the_process(defect: str) -> None:
    """Wherever a defect shows, the load process ends with 70, says so, and goes no further."""
    script = (
        "import gevent\n"
        "from gameday.traffic.crash import end_on_defects\n"
        "def fail(): raise RuntimeError('seeded defect')\n"
        "end_on_defects()\n"
        f"{DEFECTS[defect]}\n"
        "gevent.sleep(5)\n"
        "print('went on')\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert ended.returncode == 70
    assert re.search("seeded defect", ended.stderr)
    assert "went on" not in ended.stdout


def test_a_killed_greenlet_is_no_defect() -> None:
    """Killing a greenlet, as closing does, ends nothing else."""
    script = (
        "import gevent\n"
        "from gameday.traffic.crash import end_on_defects\n"
        "end_on_defects()\n"
        "gevent.spawn(gevent.sleep, 60).kill()\n"
        "print('went on')\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert (ended.returncode, ended.stdout.strip()) == (0, "went on")
