"""What the live tests of whole runs share: `gameday` as a process, and proof that nothing is left.

Each test has a state folder and a block of ports of its own, apart from the session's cluster.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import named_broker

from chaos import runs
from chaos.plan import Entry, Episode, Plan
from chaos.runs import RunRecord
from gameday.clusters import residue
from gameday.clusters.ports import Ports, claim_block, is_free, pinned_base
from gameday.clusters.processes import with_token
from gameday.clusters.wait import NotYet, wait_until

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "gameday" / "contracts"
RUNS_BESIDE = range(30000, 30700, 100)
"""Blocks above all that a cluster takes by itself, below the ports of outgoing connections."""


def plan(*others: Episode, at_s: float = 1, for_s: float = 4, recover_s: float = 8) -> Plan:
    """Return a short plan: the leader killed once, after what comes before it."""
    kill = Entry(kind="kill_node", target="leader of builds")
    last = Episode(id="kill-leader", name="kill-leader", at_s=at_s, for_s=for_s,
                   recover_s=recover_s, faults=(kill,))  # fmt: skip
    return Plan(seed=1, episodes=(*others, last))


def whole_plan() -> Plan:
    """Return a plan of the control and the kill, as a suite begins."""
    control = Episode(id="control", name="control", at_s=2, for_s=1, recover_s=1,
                      faults=(Entry(kind="nothing"),))  # fmt: skip
    return plan(control, at_s=8)


def lighter(contract: str) -> str:
    """Return sparki's contract with a quarter of its load.

    Who kills a run wants it steady, not loaded: on a busy machine the full load may never run
    steadily, and such a run injects nothing, and ends by itself before it can be killed.
    """
    return re.sub(r"(?<=rate_per_s: )\d+", lambda rate: f"{int(rate[0]) / 4:g}", contract)


@dataclass
class Runs:
    """Runs of `gameday` in a place of their own."""

    folder: Path
    base: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    @property
    def state_dir(self) -> Path:
        """Where its clusters and runs are registered."""
        return self.folder / "state"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that keeps a run in its place."""
        return {
            **os.environ,
            "GAMEDAY_STATE_DIR": str(self.state_dir),
            "GAMEDAY_REPORT_DIR": str(self.folder / "runs"),
            "GAMEDAY_PORT_BASE": str(self.base),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "300",
        }

    @property
    def latest(self) -> Path:
        """The folder of the newest run."""
        return (self.folder / "runs" / "latest").resolve()

    def start(
        self, played: Plan, *more: str, light: bool = False, of: str = "sparki"
    ) -> subprocess.Popen[str]:
        """Start a run of a plan, with all of a system's load or with a quarter of sparki's.

        With more options; on the broker that is installed, or that GAMEDAY_TEST_BROKER names.
        """
        played.save(self.folder / "plan.json")
        own = self.folder / "sparki.yaml"
        if light:
            own.write_text(lighter((CONTRACTS / "sparki.yaml").read_text()))
        system = str(own) if light else of
        words = [sys.executable, "-m", "scenarios", "run", system, "--plan", "plan.json"]
        broker = named_broker()
        words += [*more, *(["--broker", broker] if broker else [])]
        with (self.folder / "said").open("w") as said:
            process = subprocess.Popen(
                words, env=self.environment, cwd=self.folder, text=True, stdout=said,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.started.append(process)
        return process

    def said(self) -> str:
        """Return what the run has printed."""
        return (self.folder / "said").read_text()

    def gameday(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "scenarios", *words], env=self.environment, cwd=self.folder,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def journal(self) -> list[dict[str, Any]]:
        """Return the journal's whole lines so far."""
        path = self.latest / "journal.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]

    def wait_for(self, process: subprocess.Popen[str], within_s: float, **wanted: Any) -> None:
        """Wait until the journal has a line with these values."""

        def there() -> bool | NotYet:
            assert process.poll() is None, f"it ended by itself: {self.said()[-2000:]}"
            lines = self.journal()
            self.tokens |= {each.token for each in residue.recorded(self.state_dir)}
            if any(wanted.items() <= line.items() for line in lines):
                return True
            return NotYet(lines[-1] if lines else "no journal yet")

        wait_until(there, within_s, f"the journal says {wanted}", poll_ms=50)

    def record(self) -> RunRecord:
        """Return the newest run's record."""
        return runs.load(self.latest)

    def remains(self) -> list[str]:
        """Return what is left of all runs: processes, clusters, registered runs, open ports."""
        left = [f"client {each.pid}" for each in runs.clients(self.record())]
        left += [f"{each.pid} of a cluster" for token in self.tokens for each in with_token(token)]
        left += [f"cluster at {each.folder}" for each in residue.recorded(self.state_dir)]
        left += [f"registered {each.run}" for each in runs.registered(self.state_dir)]
        busy = [each for each in Ports(self.base).listening() if not is_free(each)]
        return left + [f"{each} is taken" for each in busy]

    def close(self) -> None:
        """End whatever a failed test left."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(10)
        self.gameday("heal")


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Runs]:
    """Give a place for runs, and leave nothing running in it."""
    made = Runs(tmp_path, free_base())
    yield made
    made.close()


def free_base() -> int:
    """Return a block where no cluster of the tests looks by itself, for it is not held on to."""
    pinned = pinned_base()
    claim = (
        claim_block(beside=random.choice(RUNS_BESIDE))
        if pinned is None
        else claim_block(pinned + 100)
    )
    claim.release()
    return claim.ports.base
