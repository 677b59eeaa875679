"""The watchdog where the engine of a run's containers is away: it lives on, and tries again."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from chaos import runs
from chaos.journal import FILE_NAME, Journal
from chaos.rescue import open_faults, rescue
from chaos.runs import RunRecord
from chaos.watchdog import LOG_NAME, guarded
from gameday.clusters import compose_engine, compose_record
from gameday.clusters.compose_engine import endpoint
from gameday.clusters.compose_record import ComposeRecord
from gameday.clusters.ports import Ports
from gameday.clusters.processes import ProcessRef
from gameday.clusters.settings import BrokerSettings
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

BASE = 24_800
GONE = ProcessRef(pid=1, start_ticks=-1)


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """Give a run of this process with containers, and a fault that has outlived its time."""
    folder, state_dir = tmp_path / "run", tmp_path / "state"
    folder.mkdir()
    containers = ComposeRecord(
        folder=compose_record.composed_folder(state_dir, BASE), ports=Ports(BASE),
        token="0123456789abcdef", version="4.3.6", images={},  # noqa: S106
        settings=BrokerSettings(), username="gameday", owner=GONE, kept=True,
    )  # fmt: skip
    compose_record.lay_out(containers)
    containers.save()
    Journal(folder / FILE_NAME).append(
        "fault", fault="e1.1", episode="e1", kind="disconnect_network",
        fault_class="partition_silent", target="r3", parameters={}, step="intent", ttl_s=0,
        revert={"kind": "reconnect_network", "values": {"node": "r3", "links": []}},
    )  # fmt: skip
    return runs.begin("run", folder, state_dir, BASE)


def give_docker(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a docker command of the test's own before any other."""
    command = folder / "bin" / "docker"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")


def test_an_engine_that_is_away_does_not_end_the_watchdog(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, tries again at later looks, and still watches: the run may go on."""
    give_docker(tmp_path, "exit 1", monkeypatch)
    log = record.folder / LOG_NAME

    def tried() -> bool:
        return log.exists() and log.read_text().count("no docker command") >= 3

    with guarded(record) as watched:
        wait_until(tried, 30, "the watchdog tried three times")
        watched.check()

    assert "Traceback" not in log.read_text()
    assert [each.fault for each in open_faults(record.folder)] == ["e1.1"]


def test_an_engine_that_is_away_is_said_by_a_rescuer(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead run's rescue ends in a sentence, and the run stays registered for the next one."""
    give_docker(tmp_path, "exit 1", monkeypatch)
    dead = replace(record, runner=GONE)
    runs.save(dead)

    done = rescue(dead, "a test", "watchdog")

    assert not done.whole
    assert any("no docker command" in sentence for sentence in done.sentences)
    assert runs.registered(record.state_dir) == [dead]


def test_a_busy_engine_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A docker command that gives no answer in time is trouble of ours, and not a missing one."""
    give_docker(tmp_path, "exec sleep 30", monkeypatch)
    monkeypatch.setattr(compose_engine, "LIMIT_S", 0.2)

    with pytest.raises(HarnessError, match=r"docker context inspect: no answer within 0\.2 s"):
        endpoint()
