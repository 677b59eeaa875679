"""Faults of one host, and the diagnosis that tells each from a broker that is down; on one node."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from chaos_stand import evidence, healthy

from chaos.alarms import DiskAlarm, MemoryAlarm
from chaos.doors import CutClients
from chaos.fault import Fault, Site
from chaos.hosts import BEFORE, NOBODY, USER, RotateCredentials, WrongName, door_of
from chaos.nodes import KillAllNodes
from gameday.clusters import first_moves
from gameday.clusters.diagnosis import START, TURNED_AWAY, Diagnosis, Door, diagnose
from gameday.clusters.local import LocalCluster


@pytest.fixture
def cluster(single: LocalCluster) -> LocalCluster:
    """Give a broker of one node, in place of the session's cluster."""
    return single


def host(site: Site) -> Door:
    """Return what a host knows that is right about everything."""
    address = site.cluster.addresses("r1").client
    return Door(address.host, address.port, site.cluster.username, "/", site.cluster.password)


def look(site: Site, door: Door | None = None) -> Diagnosis:
    """Diagnose from a host."""
    return diagnose(door or host(site), site.cluster.management("r1"))


def test_a_wrong_name_is_no_outage(site: Site) -> None:
    """The name resolves for nobody, `getent` says so too, and the broker is known to be up."""
    with WrongName("r1").inject(site):
        asked = subprocess.run(["getent", "hosts", NOBODY], check=False, capture_output=True)
        found = look(site, replace(host(site), host=NOBODY))

    assert asked.returncode == 2
    assert found.verdict == "wrong_name"
    assert found.probes["elsewhere"]["cluster_name"]
    assert look(site).verdict == "up"
    healthy(site)


def test_rotated_credentials_are_no_outage(site: Site) -> None:
    """The old password is refused to the host; what stood before goes on, and nothing stays."""
    with RotateCredentials("r1").inject(site):
        users = site.cluster.ctl("r1", "list_users")
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            pika.BlockingConnection(pika.URLParameters(
                f"amqp://{USER}:{BEFORE}@{site.cluster.addresses('r1').client}/%2f"
            ))  # fmt: skip
        found = look(site, door_of(site, "r1"))
        assert look(site).verdict == "up"

    assert USER in users
    assert found.verdict == "credentials"
    assert evidence(site, "observed") == {"old": "refused", "new": "accepted"}
    assert USER not in site.cluster.ctl("r1", "list_users")
    healthy(site)


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (CutClients("r1", "reset"), "no_route"),
        (CutClients("r1", "silent"), "no_route"),
        (DiskAlarm("r1"), "blocked"),
        (MemoryAlarm("r1"), "blocked"),
        (KillAllNodes(), "down"),
    ],
    ids=["refused", "silent", "disk", "memory", "killed"],
)
def test_each_fault_is_named(site: Site, fault: Fault, verdict: str) -> None:
    """What a host concludes under a fault is that fault, and it is well before and after."""
    assert look(site).verdict == "up"

    with fault.inject(site):
        found = look(site)

    assert found.verdict == verdict, found.probes
    assert look(site).verdict == "up"
    healthy(site)


def test_the_first_moves_answer(site: Site, tmp_path: Path) -> None:
    """A greeting of its own version gets Connection.Start; `AMQP` is what a wrong one gets."""
    address = site.cluster.addresses("r1").client

    seen = first_moves.greetings(address.host, address.port)
    changed = first_moves.changed([("r1", site.cluster.process_id("r1") or 0)])

    assert (seen["own_version"], seen["another_version"]) == (START, TURNED_AWAY)
    for shell in ("sh", "bash"):
        told = seen[f"runbook_in_{shell}"]
        right = told["sent"].startswith(b"AMQP\x00\x00\x09\x01".hex())
        assert told["answer"] == (START if right else TURNED_AWAY), told
    assert [each["what"] for each in changed] == ["r1"]
    assert first_moves.disk(tmp_path)["free_bytes"] > 0
