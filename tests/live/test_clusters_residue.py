"""Side by side, attached to from elsewhere, killed half way: nothing stays, nobody is disturbed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from run_stand import free_base

from gameday.clusters import residue
from gameday.clusters.attached import AttachedBroker, attach
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import Address
from gameday.clusters.local import LocalCluster, load, start_local
from gameday.clusters.ports import Ports, is_free
from gameday.clusters.processes import with_token
from gameday.clusters.settings import BrokerSettings
from gameday.clusters.wait import wait_until
from gameday.errors import UsageError

pytestmark = pytest.mark.live

STARTER = """
import sys, time
from pathlib import Path
from gameday.clusters.local import start_local
from gameday.clusters.settings import BrokerSettings
start_local(BrokerSettings(), broker=sys.argv[2] or None, nodes=1, state_dir=Path(sys.argv[1]))
print("up", flush=True)
sys.stdin.read()
"""


def start_elsewhere(state_dir: Path, base: int, broker: str = "") -> subprocess.Popen[str]:
    """Let another process start a cluster."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(state_dir), broker],
        env={**os.environ, "GAMEDAY_PORT_BASE": str(base)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def listening(base: int) -> list[Address]:
    """Return the addresses of a block on which somebody listens."""
    return [address for address in Ports(base).listening() if not is_free(address)]


@pytest.mark.parametrize(
    "moment",
    ["cluster.json", "processes/epmd.json", "processes/toxiproxy.json", "processes/r1.json"],
)
def test_nothing_stays_of_a_starter_killed_half_way(
    cluster: LocalCluster,
    tmp_path: Path,
    moment: str,
) -> None:
    """Whenever the starter is killed, cleaning finds its processes by token and ends them all."""
    base = free_base()
    starter = start_elsewhere(tmp_path, base)
    folder = tmp_path / "clusters" / str(base)
    wait_until((folder / moment).exists, 20, f"{moment} was written", poll_ms=2)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    check_cleaned(tmp_path, base)


def check_cleaned(state_dir: Path, base: int) -> None:
    """Clean, and insist that no process and no port of the block is left, also the second time."""
    (leftover,) = residue.find_leftovers(state_dir)
    residue.clean([leftover])
    assert list(with_token(leftover.record.token)) == []
    assert listening(base) == []
    assert not leftover.record.folder.exists()
    assert residue.find_leftovers(state_dir) == []
    residue.clean([leftover])


@pytest.mark.nightly
def test_two_clusters_run_side_by_side_and_the_dead_one_is_cleaned(
    cluster: LocalCluster,
    broker: Broker,
    tmp_path: Path,
) -> None:
    """A second cluster is whole, no leftover while owned, and its cleaning disturbs nobody."""
    base = free_base()
    pids = [cluster.process_id(node) for node in cluster.nodes]
    starter = start_elsewhere(tmp_path, base)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "up\n"
    second = load(tmp_path, base)
    Broker(second).wait_healthy(20)
    broker.wait_healthy(5)
    assert residue.find_leftovers(tmp_path) == []
    second.pause("r1")
    second.close_control()
    starter.kill()
    starter.wait()
    check_cleaned(tmp_path, base)
    assert [cluster.process_id(node) for node in cluster.nodes] == pids
    broker.wait_healthy(5)


def test_another_process_can_mend_what_this_one_broke(
    cluster: LocalCluster,
    broker: Broker,
    state_dir: Path,
) -> None:
    """Whoever has the folder can mend links, wake nodes and restart Toxiproxy."""
    cluster.cut([("r1", "r2"), ("r2", "r1")], "silent")
    cluster.cut_clients("r3", "reset")
    server = cluster.record.process("toxiproxy")
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    cluster.pause("r3")
    rescuer = (
        "import sys; from pathlib import Path; from gameday.clusters.local import load;"
        "found = load(Path(sys.argv[1]), int(sys.argv[2])); found.mend_all(); found.resume('r3')"
    )
    base = str(cluster.record.ports.base)
    subprocess.run([sys.executable, "-c", rescuer, str(state_dir), base], check=True, timeout=60)
    assert cluster.toxics() == []
    assert cluster.disabled_proxies() == []
    broker.wait_healthy(45)


def test_no_secret_is_on_a_command_line_or_readable_by_others(cluster: LocalCluster) -> None:
    """Password and cookie are in private files alone."""
    cluster.ctl("r1", "status")
    cookie = (cluster.record.home / ".erlang.cookie").read_text()
    secrets = [cluster.password.encode(), cookie.encode()]
    for process in with_token(cluster.record.token):
        line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert not any(secret in line for secret in secrets)
    assert cluster.record.folder.stat().st_mode & 0o077 == 0
    assert cluster.password not in (cluster.record.folder / "cluster.json").read_text()


def test_taken_block_is_one_sentence(
    cluster: LocalCluster,
    state_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pinned block in use is refused by name, whatever state folder whoever wants it has."""
    base = cluster.record.ports.base
    monkeypatch.setenv("GAMEDAY_PORT_BASE", str(base))
    for folder in (state_dir, tmp_path):
        with pytest.raises(UsageError, match=f"from {base} belong to another gameday cluster"):
            start_local(BrokerSettings(), state_dir=folder)


def test_setting_that_the_broker_refuses_is_said_and_leaves_nothing(
    cluster: LocalCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node that does not boot ends the start with the broker's own words, and no process."""
    base = free_base()
    monkeypatch.setenv("GAMEDAY_PORT_BASE", str(base))
    settings = BrokerSettings(rabbitmq_conf=("no.such.setting = 1",))
    with pytest.raises(Exception, match=r"r1 ended while starting.*no\.such\.setting"):
        start_local(settings, state_dir=tmp_path)
    assert listening(base) == []
    assert residue.find_leftovers(tmp_path) == []


def test_attached_cluster_knows_what_the_management_api_tells(
    cluster: LocalCluster,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Attached by URL: version, health, virtual hosts and definitions work; no powers."""
    monkeypatch.setenv("AMQP_URL", cluster.amqp_url("r1", "/"))
    monkeypatch.setenv("GAMEDAY_MANAGEMENT_URL", cluster.management_url("r1"))
    found = attach()
    assert found.version == cluster.version
    assert found.powers == frozenset()
    assert found.nodes == ("r1@mq1", "r2@mq2", "r3@mq3")
    assert found.amqp_url(found.nodes[0], "/") == cluster.amqp_url("r1", "/")
    assert cluster.password not in json.dumps(repr(found))
    facts = AttachedBroker(found)
    facts.wait_healthy(20)
    facts.make_vhost("attached")
    assert facts.export_definitions("attached")["queues"] == []
    assert facts.message_counts("attached") == {}
    facts.drop_vhost("attached")
    facts.drop_vhost("attached")
