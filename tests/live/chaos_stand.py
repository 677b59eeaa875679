"""What the live tests of faults share: a fault's life by the journal, and its measured times.

With GAMEDAY_RECORD_FAULTS=FILE, each fault that a test saw healed is noted there with the broker's
version: how long until it was in force, and until it was healed. `docs/faults.json` is such a file.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chaos import steps
from chaos.catalogue import KINDS, defaults
from chaos.fault import Fault, Site
from chaos.journal import FILE_NAME, Journal, read, verify
from chaos.plan import Entry, Episode
from gameday.clusters.broker import Broker
from gameday.clusters.compose import ComposeCluster
from gameday.clusters.found import cluster_at, open_cluster
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

RECORD = "GAMEDAY_RECORD_FAULTS"
ROOT = Path(__file__).parents[2]
WHOLE = ["intent", "applied", "observed", "reverting", "reverted", "restored"]


def lines_of(site: Site, fault: str = "e1.1") -> list[dict[str, Any]]:
    """Return the journal's lines of one fault."""
    lines = read(site.journal.path)
    return [each for each in lines if each["event"] == "fault" and each["fault"] == fault]


def steps_of(site: Site, fault: str = "e1.1") -> list[str]:
    """Return the steps of one fault's life."""
    return [each["step"] for each in lines_of(site, fault)]


def evidence(site: Site, step: str, fault: str = "e1.1") -> dict[str, Any]:
    """Return what was seen at one step."""
    [line] = [each for each in lines_of(site, fault) if each["step"] == step]
    return dict(line["evidence"])


def healthy(site: Site, fault: str = "e1.1", *, measured: bool = True) -> None:
    """Assert that the journal is whole and that the cluster has nothing to complain of."""
    assert steps_of(site, fault) == WHOLE
    assert verify(site.journal.path) == []
    assert Broker(site.cluster).problems() == []
    assert site.cluster.toxics() == []
    assert site.cluster.disabled_proxies() == []
    if measured:
        record(site, fault)


def record(site: Site, fault: str) -> None:
    """Note a fault's times in the file that GAMEDAY_RECORD_FAULTS names, if it names one."""
    path = os.environ.get(RECORD)
    if not path:
        return
    lines = {each["step"]: each for each in lines_of(site, fault)}
    kind = lines["intent"]["kind"]
    if kind not in KINDS:
        return
    times = {step: line["time_ns"] / 1e9 for step, line in lines.items()}
    measured: dict[str, float] = {
        "in_force_s": round(times["observed"] - times["intent"], 1),
        "healed_s": round(times["restored"] - times["reverting"], 1),
    }
    if "not_by_itself" in lines["restored"]["evidence"]:
        measured["not_by_itself"] = True
    file = Path(path)
    known = json.loads(file.read_text()) if file.exists() else {}
    versions = known.setdefault(kind, {}).setdefault(variant(lines["intent"]), {})
    versions[site.cluster.version] = measured
    file.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def variant(intent: dict[str, Any]) -> str:
    """Return which parameters differ from the fault's defaults, as the document shows them."""
    usual = defaults(intent["kind"])
    other = {name: it for name, it in intent["parameters"].items() if usual.get(name) != it}
    attributes = other.pop("attributes", {})
    return ", ".join(f"{name}: {value}" for name, value in {**other, **attributes}.items())


def undone_by_another(fault: Fault, site: Site) -> None:
    """Break it, then let somebody put it right who has the journal and the cluster's record only.

    Twice, since the watchdog and `heal` may both come; the runner then learns that it was late.
    """
    context = fault.inject(site)
    context.__enter__()
    [opened] = steps.open_faults(read(site.journal.path))
    base = site.cluster.record
    found = cluster_at(base.folder.parents[1], base.ports.base)
    assert found is not None
    other = open_cluster(found)
    journal = Journal(site.journal.path)
    try:
        for _ in range(2):
            steps.undo(opened, other, journal, by="another")
            assert steps.verify(opened, other, journal, by="another")
    finally:
        other.close_control()
    with pytest.raises(HarnessError, match="outlived its time"):
        context.__exit__(None, None, None)


class Runner:
    """The runner of `chaos_runner.py`, as a test sees it."""

    def __init__(self, cluster: LocalCluster | ComposeCluster, folder: Path) -> None:
        self._cluster = cluster
        self.folder = folder
        self.state_dir = cluster.record.folder.parents[1]
        folder.mkdir()

    def start(
        self,
        faults: tuple[Entry, ...],
        *,
        point: int = 0,
        by: str = "SIGKILL",
        watched: bool = False,
        for_s: float = 30,
    ) -> subprocess.Popen[bytes]:
        """Start the runner with one episode."""
        episode = Episode(id="e1", name="test", at_s=0, for_s=for_s, faults=faults)
        base = str(self._cluster.record.ports.base)
        arguments = [str(point), by, "yes" if watched else "no"]
        script = str(ROOT / "tests" / "live" / "chaos_runner.py")
        command = [sys.executable, script, str(self.folder), str(self.state_dir), base]
        return subprocess.Popen(
            [*command, episode.model_dump_json(), *arguments],
            stdin=subprocess.PIPE,
            stderr=(self.folder / "errors").open("wb"),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def wait_inside(self) -> None:
        """Wait until the faults are in force."""
        wait_until((self.folder / "inside").exists, 40, "the runner broke something", poll_ms=20)

    @property
    def client_pid(self) -> int:
        """The runner's one client."""
        return int((self.folder / "client").read_text())

    def by_whom(self) -> set[str]:
        """Return who restored what was restored."""
        lines = read(self.folder / FILE_NAME)
        return {each["by"] for each in lines if each.get("step") == "restored"}
