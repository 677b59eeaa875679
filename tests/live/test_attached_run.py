"""Whole runs on a cluster that somebody else runs: played, judged, killed, and nothing left of it.

The cluster belongs to this test, which gameday is told nothing of but its owner's file.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from attached_stand import ROOT, credentials, running_sshd, write_file
from conftest import QUICK, named_broker
from run_stand import CONTRACTS, free_base, lighter

from chaos.plan import Entry, Episode, Plan
from chaos.rescue import open_faults
from chaos.watchdog import END_WITHIN_S, watchdog_of
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, local_cluster
from gameday.clusters.processes import is_alive, with_token
from gameday.clusters.spare_record import recorded
from gameday.clusters.wait import NotYet, wait_until
from gameday.history.harm import AUTOMATIC_ACK, NO_CONFIRMS

pytestmark = [pytest.mark.live, pytest.mark.nightly, pytest.mark.timeout(1200)]

MAY_TAKE_S = 900
"""How long a run may take that needs two minutes on a quiet machine."""


@dataclass
class Attached:
    """Somebody's cluster, and runs of gameday on it."""

    cluster: LocalCluster
    folder: Path
    file: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a run: the owner's credentials, a state folder of its own."""
        return {
            **os.environ,
            **credentials(self.cluster),
            "GAMEDAY_STATE_DIR": str(self.folder / "state"),
            "GAMEDAY_REPORT_DIR": str(self.folder / "runs"),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "300",
        }

    @property
    def latest(self) -> Path:
        """The folder of the newest run."""
        return (self.folder / "runs" / "latest").resolve()

    def start(self, *kinds: str, for_s: float, **parameters: str) -> subprocess.Popen[str]:
        """Start a run of a plan: each fault strikes the node that leads builds."""
        episodes = tuple(
            Episode(id=kind, name=kind, at_s=2 + 40 * number, for_s=for_s, recover_s=8,
                    faults=(Entry(kind=kind, target="leader of builds", parameters=parameters),))
            for number, kind in enumerate(kinds)
        )  # fmt: skip
        Plan(seed=1, episodes=episodes).save(self.folder / "plan.json")
        own = self.folder / "sparki.yaml"
        own.write_text(lighter((CONTRACTS / "sparki.yaml").read_text()))
        words = [
            *(sys.executable, "-m", "scenarios", "run", str(own), "--plan", "plan.json"),
            *("--alternative", "quorum-builds"),
            *("--cluster", "attached", "--cluster-file", str(self.file)),
        ]
        with (self.folder / "said").open("w") as said:
            process = subprocess.Popen(
                words, env=self.environment, cwd=self.folder, text=True, stdout=said,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.started.append(process)
        return process

    def heal(self) -> subprocess.CompletedProcess[str]:
        """Run `gameday heal`."""
        return subprocess.run(
            [sys.executable, "-m", "scenarios", "heal"], env=self.environment, cwd=self.folder,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def said(self) -> str:
        """Return what the run printed."""
        return (self.folder / "said").read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Return the journal's whole lines so far."""
        path = self.latest / "journal.jsonl"
        text = path.read_bytes() if path.exists() else b""
        return [json.loads(line) for line in text.split(b"\n")[:-1]]

    def left(self) -> list[str]:
        """Return the virtual hosts that runs have left."""
        return [name for name in Broker(self.cluster).vhosts() if name.startswith("chaos-")]


@pytest.fixture
def attached(tmp_path: Path) -> Iterator[Attached]:
    """Give a cluster and its owner's file, and end every run on it."""
    (tmp_path / "ssh").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAMEDAY_PORT_BASE", str(free_base()))
        with (
            local_cluster(QUICK, broker=named_broker(), state_dir=tmp_path / "owner") as cluster,
            running_sshd(tmp_path / "ssh") as sshd,
        ):
            Broker(cluster).wait_healthy(60)
            path = write_file(tmp_path / "own.yaml", cluster, sshd.words)
            made = Attached(cluster, tmp_path, path)
            yield made
            for process in made.started:
                process.kill()
                process.wait(10)
            made.heal()


def test_run_breaks_judges_and_leaves_nothing(attached: Attached) -> None:
    """A kill and an alarm over ssh are seen, healed and judged; the cluster is as it was."""
    process = attached.start("kill_node", "disk_alarm", for_s=5)

    assert process.wait(MAY_TAKE_S) in {0, 1, 3}, attached.said()

    verdict = json.loads((attached.latest / "verdict.json").read_text())
    faults = [each for each in verdict["faults"] if each["class"] != "control"]
    assert [each["kind"] for each in faults] == ["kill_node", "disk_alarm"]
    assert all(each["observed_at_s"] is not None for each in faults), attached.said()
    assert all(each["restored_at_s"] is not None for each in faults)
    assert not [each for each in attached.lines() if each["event"] == "harness_failed"]
    rehearsed = [each for each in attached.lines() if each["event"] == "rehearsed"]
    assert len(rehearsed[0]["commands"]) == 6  # Two reverts on each of three nodes.
    assert all(each["caught"] for each in verdict["controls"]), verdict["controls"]
    assert attached.left() == []
    assert Broker(attached.cluster).problems() == []
    password = attached.cluster.password
    written = [each for each in attached.latest.rglob("*") if each.is_file()]
    assert not [each for each in written if password.encode() in each.read_bytes()]


def test_a_silent_partition_has_its_control_caught(attached: Attached) -> None:
    """No criterion of the harness but the claims of a part of the suite is left undecided."""
    process = attached.start("isolate", for_s=8, how="silent")

    assert process.wait(MAY_TAKE_S) in {0, 1, 3}, attached.said()

    verdict = json.loads((attached.latest / "verdict.json").read_text())
    caught = {each["name"]: each["caught"] for each in verdict["controls"]}
    assert caught == {NO_CONFIRMS: True, AUTOMATIC_ACK: True}, attached.said()
    harness = {each["id"]: each for each in verdict["criteria"] if each["id"].startswith("harness")}
    undecided = {id_: each["reason"] for id_, each in harness.items() if each["status"] != "pass"}
    assert undecided.keys() <= {"harness/claims"}, undecided  # A plan of one's own claims nothing.
    [exposure] = [each for each in verdict["criteria"] if each["id"] == "harness/exposure"]
    assert exposure["measured"] >= exposure["threshold"]
    assert attached.left() == []
    assert recorded(attached.folder / "state") == []


def test_killed_run_is_put_right_by_its_watchdog(attached: Attached) -> None:
    """After kill -9 amid a fault the node is started over ssh, and the virtual hosts are gone."""
    process = attached.start("kill_node", for_s=60)
    wanted = {"event": "fault", "fault": "kill_node.1", "step": "observed"}

    def struck() -> bool | NotYet:
        assert process.poll() is None, attached.said()
        lines = attached.lines()
        return any(wanted.items() <= line.items() for line in lines) or NotYet(lines[-1:])

    wait_until(struck, MAY_TAKE_S, "the node is killed", poll_ms=100)
    [doors] = recorded(attached.folder / "state")
    watchdog = watchdog_of(attached.latest)
    assert watchdog is not None
    os.kill(process.pid, signal.SIGKILL)

    wait_until(lambda: not is_alive(watchdog), END_WITHIN_S, "the watchdog has done its work")

    assert open_faults(attached.latest) == ()
    Broker(attached.cluster).wait_healthy(10)
    assert attached.left() == []
    assert list(with_token(doors.token)) == []
    assert recorded(attached.folder / "state") == []
    assert attached.heal().stdout.strip() == "nothing to heal."
