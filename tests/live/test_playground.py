"""`gameday up --tls`: a cluster to play with that speaks nothing but TLS, and load on it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from conftest import named_broker
from run_stand import ROOT, Runs, game

from gameday import secured
from gameday.clusters import residue
from gameday.clusters.attached import attach
from gameday.clusters.local import LocalCluster
from gameday.clusters.processes import with_token
from gameday.history.ledger import read_history
from gameday.history.records import Kind
from gameday.traffic.address import find_broker

__all__ = ["game"]

pytestmark = [pytest.mark.live, pytest.mark.apart]

LOCUST = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests"), "--headless"]


@pytest.fixture
def said(game: Runs) -> Iterator[str]:
    """Start a cluster with TLS as a user does, give what that prints, and stop the cluster."""
    broker = named_broker()
    done = game.gameday("up", "--tls", *(["--broker", broker] if broker else []))
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        yield done.stdout
    finally:
        if residue.recorded(game.state_dir):
            game.gameday("down")


def pasted(said: str) -> str:
    """Return what a shell takes the printed `export` for."""
    [line] = [each for each in said.splitlines() if each.startswith("export ")]
    words = ["bash", "-c", f'{line}\nprintf %s "$AMQP_URL"']
    return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout


def kinds(folder: Path) -> list[int]:
    """Return the kind of each record in a run's ledgers."""
    return [int(each) for one in read_history(folder / "history") for each in one.records["kind"]]


@pytest.mark.timeout(300)
def test_what_up_prints_is_all_that_a_load_test_by_tls_needs(
    game: Runs, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pasted line leads Locust to the cluster by TLS, its run is judged, and all ends."""
    url = pasted(said)
    [record] = residue.recorded(game.state_dir)
    cluster = LocalCluster(record)
    assert url.startswith("amqps://")
    assert secured.authority_in(url) == str(record.folder / "tls" / "authority.pem")
    assert cluster.password not in said
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(
            pika.URLParameters(url.replace("amqps:", "amqp:").partition("?")[0])
        )

    done = subprocess.run(
        [*LOCUST, "-t", "5s", "--seed", "3"], cwd=game.folder, capture_output=True, text=True,
        env={**game.environment, "AMQP_URL": url}, timeout=200, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"drained: yes. Next: gameday check \S+", done.stderr)
    assert kinds(game.latest).count(Kind.CONFIRMED) > 50
    assert kinds(game.latest).count(Kind.HANDLED) > 50
    assert kinds(game.latest).count(Kind.DRAIN_EMPTY) == 5
    judged = game.gameday("check", str(game.latest))
    assert judged.returncode == 3, judged.stdout[-3000:] + judged.stderr[-3000:]
    assert "Traceback" not in judged.stderr
    assert (game.latest / "verdict.json").exists()

    others_find_it(game, said, monkeypatch, url)
    assert "r1: sees r1, r2, r3 running" in game.gameday("status").stdout
    cluster.close_control()
    assert game.gameday("down").returncode == 0
    assert list(with_token(record.token)) == []
    assert residue.recorded(game.state_dir) == []


def others_find_it(game: Runs, said: str, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Insist that it is found without the line, too, and attached to by the addresses printed."""
    monkeypatch.setenv("GAMEDAY_STATE_DIR", str(game.state_dir))
    monkeypatch.delenv("AMQP_URL", raising=False)
    found = find_broker()
    assert found.source == "the cluster of `gameday up`"
    assert [target.node for target in found.targets] == ["r1", "r2", "r3"]
    assert all(target.url.startswith("amqps://") for target in found.targets)
    monkeypatch.setenv("AMQP_URL", url)
    address = re.search(r"r1: management (\S+)", said)
    assert address is not None
    monkeypatch.setenv("GAMEDAY_MANAGEMENT_URL", address[1])
    assert attach().version == found.version
