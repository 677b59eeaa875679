"""Definitions on real nodes: an empty one boots from the file, and the run's own check of it.

Single nodes, each beside whatever else runs. The installed broker, and 4.3 where it was fetched.
"""

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import pika
import pytest
from conftest import broker_4_3
from pika.exceptions import AMQPError

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, local_cluster, start_local
from gameday.clusters.release import Release, find_release
from gameday.clusters.settings import BrokerSettings
from gameday.contracts.definitions import from_definitions, to_definitions
from gameday.contracts.load import load_contract
from gameday.contracts.topology import difference
from scenarios.boots import boot
from scenarios.prepare import read_topology

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery staple"  # noqa: S105  # Of a broker that lives for seconds.


@pytest.fixture(params=["installed", "4.3"])
def release(request: pytest.FixtureRequest) -> Release:
    """Give the installed broker, and the one with Khepri."""
    return find_release(None if request.param == "installed" else broker_4_3())


def gameday(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, and see it succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "scenarios", *words], cwd=folder, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more}, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_a_node_boots_from_the_file_and_exports_the_contract(
    tmp_path: Path, release: Release
) -> None:
    """The file that the command writes makes the topology and the user, and nothing differs."""
    done = gameday(
        tmp_path, "definitions", "sparki", "--broker", release.version, "--output", "d.json",
        "--with-user", "maria", GAMEDAY_DEFINITIONS_PASSWORD=PASSWORD,
    )  # fmt: skip
    found = json.loads((tmp_path / "d.json").read_text())
    contract = load_contract("sparki")

    with _single(tmp_path, release, found) as node:
        exported = node.management("r1").get("/api/definitions")
        assert difference(
            contract.topology, from_definitions(exported, "/"), release.version
        ) == []  # fmt: skip
        assert {user["name"] for user in exported["users"]} == {"maria", node.username}
        assert [vhost["name"] for vhost in exported["vhosts"]] == ["/"]
        port = node.addresses("r1").client.port
        _log_in("maria", PASSWORD, port)
        for name, password in (("maria", "wrong"), ("guest", "guest")):
            with pytest.raises(AMQPError):
                _log_in(name, password, port)
    assert PASSWORD not in done.stdout + done.stderr + (tmp_path / "d.json").read_text()


def _single(folder: Path, release: Release, definitions: dict[str, Any]) -> closing[LocalCluster]:
    return closing(
        start_local(
            BrokerSettings(), broker=release, nodes=1, definitions=definitions, state_dir=folder
        )
    )


def _log_in(name: str, password: str, port: int) -> None:
    credentials = pika.PlainCredentials(name, password)
    parameters = pika.ConnectionParameters("127.0.0.1", port, "/", credentials)
    pika.BlockingConnection(parameters).close()


def test_without_a_user_nobody_can_log_in(tmp_path: Path) -> None:
    """The command says so, and how to add one."""
    done = gameday(tmp_path, "definitions", "sparki", "--broker", "4.3")

    assert "no user of its own, not even guest" in done.stderr
    assert "--with-user" in done.stderr
    assert "users" not in json.loads(done.stdout)


@pytest.mark.parametrize(
    "release",
    [
        "installed",
        pytest.param(
            "4.3", marks=pytest.mark.nightly(reason="[installed] covers the check; the file's own "
            "boot on 4.3 is test_a_node_boots_from_the_file_and_exports_the_contract[4.3]"),
        ),
    ],
    indirect=True,
)  # fmt: skip
def test_the_run_s_own_check_boots_a_node_beside_its_cluster(
    tmp_path: Path, release: Release, single: LocalCluster
) -> None:
    """An equal node differs in nothing; a file that breaks the broker's rules is found out."""
    contract = load_contract("sparki")
    with _one_of(release, single, tmp_path) as cluster:
        assert boot(cluster, contract) == ([], None)

        queues = tuple(
            queue.model_copy(update={"arguments": {"x-max-priority": 5}})
            if queue.name == "notifications" else queue
            for queue in contract.topology.queues
        )  # fmt: skip
        spoilt = contract.topology.model_copy(update={"queues": queues})
        found, problem = boot(cluster, contract.model_copy(update={"topology": spoilt}))

        # 3.10 boots without what it cannot import, and without all that comes after it; 4.3 does
        # not boot at all.
        assert problem is None
        old = release.major_minor < (4, 0)
        word = "queue notifications is missing" if old else "does not boot with the file"
        assert any(word in text for text in found), found
        assert Broker(cluster).problems() == [], "the run's own cluster is as before"
        state_dir = cluster.record.folder.parents[1]
        assert len(list((state_dir / "clusters").glob("*/cluster.json"))) == 1


def _one_of(
    release: Release, single: LocalCluster, folder: Path
) -> AbstractContextManager[LocalCluster]:
    """Give the session's node where it is of that release, else a node of its own."""
    if single.record.release == release:
        return nullcontext(single)
    return local_cluster(BrokerSettings(), broker=release, nodes=1, state_dir=folder)


@pytest.mark.parametrize(
    "release",
    [
        "installed",
        pytest.param(
            "4.3", marks=pytest.mark.nightly(reason="the same way as [installed], and what differs "
            "on 4.3 is what test_a_node_boots_from_the_file_and_exports_the_contract[4.3] sees"),
        ),
    ],
    indirect=True,
)  # fmt: skip
def test_what_one_node_exports_another_can_be_started_with(
    tmp_path: Path, release: Release
) -> None:
    """Import and definitions are inverse on real brokers, but for what the import named."""
    version = "3.10.8" if release.major_minor < (4, 0) else "4.3.6"
    export = ROOT / "tests" / "exports" / f"{version}.json"
    gameday(tmp_path, "import", str(export), "--vhost", "/", "--output", "shop.yaml")
    contract = load_contract(tmp_path / "shop.yaml")

    with _single(tmp_path, release, to_definitions(contract, "/", release.version)) as node:
        observed = read_topology(Broker(node), "/")
    assert difference(contract.topology, observed, release.version) == []
