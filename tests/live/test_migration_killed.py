"""Kill `gameday migrate` itself: its watchdog ends brokers, workers and publishers alike."""

import os
import signal
import subprocess
import sys

import pytest
from run_stand import Runs, game

from chaos.watchdog import END_WITHIN_S, watchdog_of
from gameday.clusters import redis_record, residue
from gameday.clusters.processes import is_alive, with_token
from gameday.clusters.wait import NotYet, wait_until

__all__ = ["game"]

pytestmark = pytest.mark.live


@pytest.mark.timeout(300)
def test_a_killed_migration_leaves_nothing(game: Runs) -> None:
    """After kill -9 in a leg no process, port or registered run remains, and heal has no work."""
    with (game.folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "scenarios", "migrate", "--nodes", "1"],
            env=game.environment, cwd=game.folder, stdout=said, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    game.started.append(process)

    def loaded() -> bool | NotYet:
        assert process.poll() is None, f"it ended by itself: {game.said()[-2000:]}"
        ledgers = list(game.folder.glob("runs/latest/history/*/*-worker-*.ledger"))
        return len(ledgers) > 3 or NotYet(game.said()[-200:])

    wait_until(loaded, 120, "workers work", poll_ms=100)
    records = [*residue.recorded(game.state_dir), *redis_record.recorded(game.state_dir)]
    tokens = [each.token for each in records]
    watchdog = watchdog_of(game.latest)
    assert watchdog is not None

    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)

    wait_until(lambda: not is_alive(watchdog), END_WITHIN_S, "the watchdog has done its work")
    assert len(tokens) == 3, "one cluster, two Redis servers"
    assert [each for token in tokens for each in with_token(token)] == []
    assert redis_record.recorded(game.state_dir) == []
    assert game.remains() == []
    again = game.gameday("heal")
    assert (again.returncode, again.stdout.strip()) == (0, "nothing to heal.")
