"""The spare doors before a cluster that somebody else runs: what they can do, and what ends them.

The session's cluster plays the owner's, known by his file alone; the doors are a real Toxiproxy.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from attached_stand import ROOT, credentials, killed_inside, write_file
from chaos_stand import WHOLE, steps_of

from chaos import outside, probes, runs
from chaos.doors import SwallowThenClose
from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal, read
from chaos.plan import Entry
from chaos.rescue import open_faults
from gameday import secured
from gameday.clusters import residue
from gameday.clusters.broker import Broker
from gameday.clusters.cluster_file import read_file
from gameday.clusters.commanded import CommandedCluster, attach_by_file, load
from gameday.clusters.local import LocalCluster
from gameday.clusters.ports import is_free
from gameday.clusters.processes import with_token
from gameday.clusters.spare_doors import SpareDoors, open_doors
from gameday.clusters.spare_record import recorded
from gameday.errors import HarnessError

pytestmark = pytest.mark.live


@pytest.fixture
def attached(
    cluster: LocalCluster, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandedCluster:
    """Attach to the session's cluster by a file, with its credentials in the environment."""
    del broker  # It makes sure that the cluster is healthy before, and put right after.
    for name, value in credentials(cluster).items():
        monkeypatch.setenv(name, value)
    path = write_file(tmp_path / "own.yaml", cluster, "true")
    folder = tmp_path / "run"
    folder.mkdir()
    return attach_by_file(read_file(path), path, folder)


@pytest.fixture
def doors(attached: CommandedCluster, tmp_path: Path) -> Iterator[SpareDoors]:
    """Open doors before it, and close them."""
    where = {node: attached.addresses(node).client for node in attached.nodes}
    opened = open_doors(tmp_path / "state", where)
    yield opened
    opened.close()


def test_the_door_swallows_then_refuses_and_the_owner_s_own_notices_nothing(
    attached: CommandedCluster, doors: SpareDoors, tmp_path: Path
) -> None:
    """The fault is seen at the door of its node alone; undone, the door leads to the node again."""
    behind = replace(attached, spare=doors)
    site = Site(
        behind,  # type: ignore[arg-type]  # The fault asks no more of it than it can do.
        Journal(tmp_path / FILE_NAME),
    ).for_episode("e1", 10)
    at = {node: behind.door_address(node, "spare") for node in behind.nodes}

    with SwallowThenClose("r3", swallow_s=1.2).inject(site):
        assert probes.greet(at["r3"]) == "refused"
        assert probes.greet(at["r1"]) == probes.ANSWERED
        assert all(outside.greet(behind, node) == probes.ANSWERED for node in behind.nodes)

    assert steps_of(site) == WHOLE
    with pika.BlockingConnection(
        secured.parameters(behind.amqp_url("r3", "/", "spare"))
    ) as connection:
        assert connection.is_open
    assert f":{at['r3'].port}/" in behind.amqp_url("r3", "/", "spare")
    assert behind.amqp_url("r3", "/") == attached.amqp_url("r3", "/")


def test_doors_give_no_power_over_other_clients(
    attached: CommandedCluster, doors: SpareDoors
) -> None:
    """Whoever asks for the link of the system's clients, or of no door at all, is refused."""
    behind = replace(attached, spare=doors)

    for cluster, door in ((behind, "clients"), (behind, "producers"), (attached, "spare")):
        with pytest.raises(HarnessError, match="no link of ours"):
            cluster.cut_doors("r1", [door], "reset")  # type: ignore[list-item]


@pytest.mark.nightly
def test_another_process_finds_the_doors_by_the_run_s_folder(
    attached: CommandedCluster, doors: SpareDoors
) -> None:
    """Who has the folder alone mends a door that is cut; once they are closed, there is none."""
    behind = replace(attached, spare=doors)
    behind.save()
    behind.cut_doors("r1", ["spare"], "reset")

    found = load(attached.run_folder)
    assert found is not None
    found.mend_doors("r1", ["spare"])

    assert probes.greet(behind.door_address("r1", "spare")) == probes.ANSWERED
    doors.close()
    gone = load(attached.run_folder)
    assert gone is not None
    assert gone.spare is None
    assert list(with_token(doors.record.token)) == []
    assert is_free(behind.door_address("r1", "spare"))


STARTER = """
import sys
from pathlib import Path
from gameday.clusters.cluster import Address
from gameday.clusters.spare_doors import open_doors
doors = open_doors(Path(sys.argv[1]), {"r1": Address("127.0.0.1", 1)})
print("up", flush=True)
sys.stdin.read()
"""


def test_doors_of_a_killed_starter_are_a_leftover(tmp_path: Path) -> None:
    """They are nobody's leftover while their starter lives; after kill -9 `heal` ends them."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert starter.stdout is not None
    assert starter.stdout.readline() == "up\n"
    assert residue.find_leftovers(tmp_path) == []
    (record,) = recorded(tmp_path)
    starter.send_signal(signal.SIGKILL)
    starter.communicate()

    (left,) = residue.find_leftovers(tmp_path)
    said = residue.clean([left])

    assert said == [f"ended spare doors on the ports from {record.ports.base}: 1 processes"]
    assert list(with_token(record.token)) == []
    assert residue.find_leftovers(tmp_path) == []


def test_watchdog_ends_the_doors_of_a_killed_run(
    attached: CommandedCluster, tmp_path: Path, state_dir: Path
) -> None:
    """After kill -9 amid the fault its door is ended, the fault closed, and nothing registered."""
    folder = tmp_path / "killed"
    fault = Entry(kind="swallow_then_close", target="r1")

    with killed_inside(folder, state_dir, tmp_path / "own.yaml", fault):
        (record,) = recorded(state_dir)

    assert open_faults(folder) == ()
    lines = [each for each in read(folder / FILE_NAME) if each["event"] == "fault"]
    assert [each["by"] for each in lines if each["step"] == "restored"] == ["watchdog"]
    assert list(with_token(record.token)) == []
    assert recorded(state_dir) == []
    assert runs.registered(state_dir) == []
    assert all(outside.greet(attached, node) == probes.ANSWERED for node in attached.nodes)
