"""`gameday upgrade`, really: from one RabbitMQ to the next under load, judged by its ledgers."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from conftest import broker_4_0, broker_4_3
from run_stand import Runs, game

from chaos.watchdog import END_WITHIN_S, watchdog_of
from gameday.clusters import residue
from gameday.clusters.processes import is_alive, with_token
from gameday.clusters.wait import wait_until

__all__ = ["game"]

pytestmark = pytest.mark.live

RUN_WITHIN_S = 240


def upgraded(game: Runs, old: str, new: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Play an upgrade to its end; return its exit code and its verdict."""
    process = start(game, old, new, *more)
    code = process.wait(RUN_WITHIN_S)
    assert code in {0, 1, 3}, game.said()[-3000:]
    game.tokens |= {each.token for each in residue.recorded(game.state_dir)}
    return code, json.loads((game.latest / "verdict.json").read_text())


def start(game: Runs, old: str, new: str, *more: str) -> subprocess.Popen[str]:
    """Begin an upgrade."""
    words = [sys.executable, "-m", "scenarios", "upgrade", "--from", old, "--to", new, *more]
    with (game.folder / "said").open("w") as said:
        process = subprocess.Popen(
            words, env=game.environment, cwd=game.folder, text=True, stdout=said,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    game.started.append(process)
    return process


def details(verdict: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what a criterion measured."""
    return next(dict(each["details"]) for each in verdict["criteria"] if each["id"] == name)


@pytest.mark.timeout(300)
def test_blue_green_loses_nothing(game: Runs) -> None:
    """From 3.10 to 4.3 with the alternative's quorum queues: each claim passes, with its figures.

    But for how long nobody was served, on cores that other tests use at the same time.
    """
    code, verdict = upgraded(game, "3.10", broker_4_3())

    assert code in {0, 1, 3}
    left = {name: status for name, status in verdict["requirements"].items()
            if name != "upgrade-service"}  # fmt: skip
    rolling = left.pop("upgrade-rolling")
    assert (set(left.values()), rolling) == ({"pass"}, "not_tested"), verdict["reason"]
    assert len(left) == 7
    refused = details(verdict, "upgrade-declared/translated")["refused"]
    assert "not recognised policy settings" in refused[0]
    assert details(verdict, "upgrade-cut-over/cut_over")["waiting_on_blue"] >= 50
    assert details(verdict, "upgrade-retired/retired")["handled_by_green_alone"] >= 50
    assert details(verdict, "upgrade-service/without_service")["without_confirm_s"] < 30
    assert game.remains() == []


@pytest.mark.nightly
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("old", "new"), [("3.10", "4.0"), ("3.10", "4.3"), ("4.0", "4.3")])
def test_every_step_between_versions_is_go(game: Runs, old: str, new: str) -> None:
    """Each pair of the three versions, all claims, service among them."""
    broker_4_0()
    broker_4_3()
    code, verdict = upgraded(game, old, new)

    assert code == 0, verdict["reason"]
    assert verdict["claimed"] == verdict["passed"] == 8


@pytest.mark.nightly
@pytest.mark.timeout(400)
def test_a_cluster_rolls_where_it_may(game: Runs) -> None:
    """Within 4.3: every node another process, on the version asked for, and nothing lost."""
    words = ("--how", "rolling", "--nodes", "3", "--alternative", "quorum-builds")
    code, verdict = upgraded(game, broker_4_3(), "4.3", *words)

    assert code in {0, 3}, verdict["reason"]  # A busy machine's load may fall behind.
    assert verdict["requirements"]["upgrade-loss"] == "pass"
    assert verdict["requirements"]["upgrade-rolling"] == "pass"
    assert verdict["requirements"]["upgrade-service"] in {"pass", "unknown"}


@pytest.mark.nightly
@pytest.mark.timeout(300)
@pytest.mark.parametrize("old", ["3.10", "4.0"])
def test_shovels_lose_nothing(game: Runs, old: str) -> None:
    """What blue still holds is shovelled to green, dead letters included; order is not claimed."""
    if old == "4.0":
        broker_4_0()
    code, verdict = upgraded(game, old, broker_4_3(), "--how", "shovel")

    assert code == 0, verdict["reason"]
    assert verdict["requirements"]["upgrade-order"] == "not_tested"
    assert verdict["ledger"]["overall"]["lost"] == 0


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_a_cut_over_that_drops_the_queue_unread_is_caught(game: Runs) -> None:
    """The mistake on purpose: blue is emptied unread, and the ledger names what was lost."""
    code, verdict = upgraded(game, "3.10", broker_4_0(), "--how", "unread")

    assert code == 1
    assert verdict["requirements"]["upgrade-loss"] == "fail"
    assert verdict["ledger"]["overall"]["lost"] >= 50
    assert verdict["requirements"]["upgrade-retired"] == "pass", "only the ledger can know"


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_a_killed_upgrade_leaves_nothing(game: Runs) -> None:
    """After kill -9 between the clusters both are ended, with all clients, and heal has no work."""
    process = start(game, "3.10", broker_4_3())
    game.wait_for(process, 120, event="upgrade", step="move_publishers", at="begin")
    clusters = residue.recorded(game.state_dir)
    tokens = [each.token for each in clusters]
    watchdog = watchdog_of(game.latest)
    assert watchdog is not None

    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)

    wait_until(lambda: not is_alive(watchdog), END_WITHIN_S, "the watchdog has done its work")
    assert {each.release.major_minor for each in clusters} == {(3, 10), (4, 3)}
    assert [each for token in tokens for each in with_token(token)] == []
    assert game.remains() == []
    again = game.gameday("heal")
    assert (again.returncode, again.stdout.strip()) == (0, "nothing to heal.")
