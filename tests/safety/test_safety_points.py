"""Strike runner, watchdog and Toxiproxy at every step of applying and reverting: all is healed.

With real runner, watchdog and Toxiproxy processes on a stand without brokers (`stand.py`). The
points are all that a run passes, not a sample; what is struck is killed, or stopped for good.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from chaos import runs
from chaos.catalogue import KINDS, POWERS
from chaos.heal import heal
from chaos.journal import FILE_NAME, read, verify
from chaos.rescue import open_faults
from chaos.reverts import RECIPES
from chaos.watchdog import watchdog_of
from gameday.clusters.processes import is_alive, reference
from gameday.clusters.toxiproxy import ToxiproxyError
from gameday.clusters.wait import wait_until
from tests.safety.stand import PARTS, ROOT, StandCluster, register, stand

POINTS = 23
"""How many points a run of the stand's episode passes; a test holds it."""
SETTLED_WITHIN_S = 40.0
CHANGED = (
    "gameday.clusters.found.LocalCluster", "chaos.heal.LocalCluster", "chaos.lease.EXPIRES_S",
    "chaos.lease.BEAT_S", "chaos.watchdog.LOOK_EVERY_MS", "chaos.watchdog.MODULE",
)  # fmt: skip
"""What `register` changes in a process."""
SIGNALS = ("SIGKILL", "SIGSTOP")
EVERY = range(1, POINTS + 1)
EVERY_CHANGE = {1, 5, 7, 11, 12, 16, 20, 22}
"""One point of each name, from intent to restored, for every change; the others by night."""


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Know the stand in this process too, for the time of a test."""
    for name in CHANGED:  # Set to what they are, so that they are set back.
        module, _, attribute = name.rpartition(".")
        monkeypatch.setattr(name, getattr(sys.modules[module], attribute))
    tables: list[dict[str, Any]] = [KINDS, POWERS, RECIPES]  # type: ignore[list-item]
    before = [dict(table) for table in tables]
    register()
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)


@dataclass
class Trial:
    """One stand, and the run that is struck on it."""

    cluster: StandCluster
    folder: Path
    state_dir: Path

    def start(self, point: int, name: str, victim: str) -> subprocess.Popen[bytes]:
        """Start the runner."""
        self.folder.mkdir()
        base = str(self.cluster.record.ports.base)
        words = [str(self.folder), str(self.state_dir), base, str(point), name, victim]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.safety.runner", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stderr=(self.folder / "errors").open("wb"),
            cwd=ROOT,
        )

    def wake_toxiproxy(self) -> None:
        """Start Toxiproxy, with what is noted, where nobody needed it after it was struck."""
        try:
            self.cluster.toxics()
        except ToxiproxyError:
            self.cluster.start_toxiproxy()

    def watchdog_ended(self) -> bool:
        """Whether nobody watches the run any more."""
        return watchdog_of(self.folder) is None

    def is_clean(self) -> None:
        """Assert that links, parts, journal, clients and register are as if nothing had been."""
        assert self.cluster.toxics() == []
        assert self.cluster.disabled_proxies() == []
        assert self.cluster.parts == dict.fromkeys(PARTS, 0)
        assert open_faults(self.folder) == ()
        assert verify(self.folder / FILE_NAME) == []
        assert reference(int((self.folder / "client").read_text())) is None
        assert runs.registered(self.state_dir) == []


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """Give a stand, and end in any case what was started on it."""
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    with stand(state_dir) as cluster:
        made = Trial(cluster, tmp_path / "run", state_dir)
        yield made
        if (made.folder / runs.FILE_NAME).exists():
            record = runs.load(made.folder)
            watchdog = watchdog_of(made.folder)
            for process in filter(None, (record.runner, watchdog)):
                if is_alive(process):
                    os.kill(process.pid, signal.SIGKILL)
            runs.end_clients(record)


def settle(process: subprocess.Popen[bytes], trial: Trial, name: str, victim: str) -> None:
    """Wait until whoever is left has put everything right."""
    if victim == "runner" and name == "SIGSTOP":
        healed = partial(_healed_by_watchdog, trial)
        wait_until(healed, SETTLED_WITHIN_S, "the watchdog healed", poll_ms=50)
        process.send_signal(signal.SIGCONT)
    if victim == "both" and name == "SIGSTOP":
        os.kill(process.pid, signal.SIGKILL)  # Nobody can heal past a runner that may go on.
        watchdog = watchdog_of(trial.folder)
        assert watchdog is not None
        os.kill(watchdog.pid, signal.SIGKILL)
    wait_until(lambda: process.poll() is not None, SETTLED_WITHIN_S, "the runner ended", poll_ms=50)
    wait_until(trial.watchdog_ended, SETTLED_WITHIN_S, "the watchdog ended", poll_ms=50)


def _healed_by_watchdog(trial: Trial) -> bool:
    """Whether the faults that were begun are closed; a run stopped before its first has none."""
    steps = [line for line in read(trial.folder / FILE_NAME) if line["event"] == "fault"]
    return bool(steps) and not open_faults(trial.folder)


def strike(trial: Trial, point: int, name: str, victim: str) -> subprocess.Popen[bytes]:
    """Strike at a point, settle, heal, assert that all is clean, and heal again."""
    process = trial.start(point, name, victim)
    wait_until(lambda: _struck(process, trial, point), SETTLED_WITHIN_S, "it was struck")
    settle(process, trial, name, victim)

    if victim == "toxiproxy":
        trial.wake_toxiproxy()

    report = heal(state_dir=trial.state_dir)

    assert report.whole, report.sentences
    trial.is_clean()
    assert heal(state_dir=trial.state_dir).idle
    return process


def _struck(process: subprocess.Popen[bytes], trial: Trial, point: int) -> bool:
    if process.poll() is not None:
        return True
    path = trial.folder / "points"
    return path.exists() and len(path.read_text().split()) >= point


def test_a_run_that_nobody_strikes_passes_every_point(trial: Trial) -> None:
    """Unhurt, a run passes exactly as many points as are struck below, and leaves all clean."""
    process = trial.start(0, "SIGKILL", "runner")

    assert process.wait(SETTLED_WITHIN_S) == 0, (trial.folder / "errors").read_text()
    points = (trial.folder / "points").read_text().split()
    assert len(points) == POINTS, f"set POINTS to {len(points)}: {points}"
    trial.is_clean()


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=() if point in EVERY_CHANGE else pytest.mark.nightly)
        for point in EVERY
    ],
)
def test_a_killed_runner(trial: Trial, point: int) -> None:
    """Wherever the runner is killed, its watchdog puts everything right by itself."""
    process = strike(trial, point, "SIGKILL", "runner")

    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", [3, 9, 14, 18])
def test_a_stopped_runner(trial: Trial, point: int) -> None:
    """A runner that stands still is healed past; going on, it finds out and says so."""
    strike(trial, point, "SIGSTOP", "runner")


@pytest.mark.parametrize(
    ("victim", "name", "point"),
    [("watchdog", "SIGKILL", 9), ("watchdog", "SIGSTOP", 9), ("toxiproxy", "SIGKILL", 9),
     ("toxiproxy", "SIGSTOP", 14), ("both", "SIGKILL", 9)],
)  # fmt: skip
def test_another_is_struck(trial: Trial, victim: str, name: str, point: int) -> None:
    """A runner whose watchdog or Toxiproxy is struck puts right what it broke; else heal does."""
    strike(trial, point, name, victim)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("victim", "name", "point"),
    [*product(("runner",), ("SIGSTOP",), EVERY),
     *product(("watchdog", "toxiproxy", "both"), SIGNALS, EVERY)],
)  # fmt: skip
def test_everybody_is_struck_everywhere(trial: Trial, victim: str, name: str, point: int) -> None:
    """There is no step at which anybody may be killed or stopped and something stays broken."""
    strike(trial, point, name, victim)
