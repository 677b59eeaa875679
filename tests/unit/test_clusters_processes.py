"""Only what is ours is ever signalled, and all of it is found."""

import dataclasses
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_clusters_layout import BASE, record_in

from gameday.clusters import residue
from gameday.clusters.processes import (
    ProcessRef,
    clean_environment,
    is_alive,
    kill,
    reference,
    send_signal,
    spawn,
    with_token,
)
from gameday.clusters.record import ClusterRecord
from gameday.clusters.wait import wait_until


@pytest.fixture
def token() -> Iterator[str]:
    """Give a token, and leave no process with it."""
    value = uuid.uuid4().hex
    yield value
    for process in with_token(value):
        kill(process)


def sleeper(token: str, folder: Path) -> ProcessRef:
    """Start a process that does nothing for a while."""
    return spawn(["sleep", "60"], clean_environment(token, folder), folder / "log")


def recorded(folder: Path, token: str, owner: ProcessRef, *, kept: bool = False) -> ClusterRecord:
    """Write a cluster's record below a state folder."""
    place = folder / "clusters" / str(BASE)
    place.mkdir(parents=True)
    record = dataclasses.replace(record_in(place), token=token, owner=owner, kept=kept)
    record.save()
    return record


def me() -> ProcessRef:
    """Return this process."""
    process = reference(os.getpid())
    assert process is not None
    return process


def test_token_finds_exactly_its_processes(tmp_path: Path, token: str) -> None:
    """A longer token, or the token as a part of another variable, is somebody else's."""
    ours = sleeper(token, tmp_path)
    other = sleeper(token + "0", tmp_path)
    wait_until(lambda: list(with_token(token)) == [ours], 5, "found", poll_ms=5)
    kill(other)


def test_another_process_with_the_same_id_is_not_signalled(tmp_path: Path, token: str) -> None:
    """An id that was used again is told apart by the start time."""
    ours = sleeper(token, tmp_path)
    stranger = dataclasses.replace(ours, start_ticks=ours.start_ticks - 1)
    assert not send_signal(stranger, signal.SIGKILL)
    assert is_alive(ours)


def test_suspended_process_is_killed(tmp_path: Path, token: str) -> None:
    """A stopped process ends too."""
    ours = sleeper(token, tmp_path)
    assert send_signal(ours, signal.SIGSTOP)
    kill(ours)
    assert not is_alive(ours)


def test_zombie_is_not_alive() -> None:
    """A process that ended and was not waited for is gone."""
    child = subprocess.Popen(["true"])
    wait_until(lambda: reference(child.pid) is None, 5, "ended", poll_ms=5)
    child.wait()


def test_cluster_of_a_living_owner_is_no_leftover(tmp_path: Path, token: str) -> None:
    """While its starter lives a cluster is left alone; so is one kept on purpose."""
    recorded(tmp_path / "a", token, me())
    recorded(tmp_path / "b", token, ProcessRef(me().pid, 1), kept=True)
    assert residue.find_leftovers(tmp_path / "a") == []
    assert residue.find_leftovers(tmp_path / "b") == []


def test_leftover_is_ended_with_its_processes_and_only_those(tmp_path: Path, token: str) -> None:
    """A dead owner's cluster goes, suspended processes included; a neighbour's stays."""
    record = recorded(tmp_path, token, ProcessRef(me().pid, 1))
    ours, suspended = sleeper(token, tmp_path), sleeper(token, tmp_path)
    send_signal(suspended, signal.SIGSTOP)
    neighbour = sleeper(token + "0", tmp_path)
    (leftover,) = residue.find_leftovers(tmp_path)
    assert set(leftover.processes) == {ours, suspended}
    assert residue.clean([leftover]) == [
        f"ended cluster on the ports from {BASE}: 2 processes",
    ]
    assert not is_alive(ours)
    assert not is_alive(suspended)
    assert is_alive(neighbour)
    assert not record.folder.exists()
    residue.clean([leftover])
    kill(neighbour)
