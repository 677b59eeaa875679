"""Kill a run's own process in each phase: the watchdog, or `gameday heal`, leaves nothing of it."""

import os
import signal
from typing import Any

import pytest
from run_stand import Runs, game, plan

from chaos.journal import verify
from chaos.rescue import open_faults
from chaos.watchdog import END_WITHIN_S, watchdog_of
from gameday.clusters.processes import is_alive
from gameday.clusters.wait import NotYet, wait_until

__all__ = ["game"]

nightly = pytest.mark.nightly
# By night: for every change `test_run_smoke.py` interrupts a run, and `test_chaos_rescue.py` and
# `tests/safety` kill a runner on a real cluster and at every kind of point.
MOMENTS = [
    pytest.param({"event": "phase", "name": "prepare"}, id="prepare", marks=nightly),
    pytest.param({"event": "phase", "name": "baseline"}, id="steady", marks=nightly),
    pytest.param({"event": "fault", "step": "applied"}, id="trouble", marks=nightly),
    pytest.param({"event": "fault", "step": "reverting"}, id="reverting", marks=nightly),
    pytest.param({"event": "phase", "name": "heal"}, id="heal", marks=nightly),
    pytest.param({"event": "phase", "name": "drain"}, id="drain", marks=nightly),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run(game: Runs, moment: dict[str, Any]) -> None:
    """After kill -9 of the runner no process, port, fault or registered run remains."""
    process = game.start(plan(for_s=6, recover_s=2), light=True)
    game.wait_for(process, 300, **moment)
    watchdog = watchdog_of(game.latest)

    os.kill(process.pid, signal.SIGKILL)

    assert process.wait(10) == -signal.SIGKILL
    if watchdog is not None:
        wait_until(lambda: not is_alive(watchdog), END_WITHIN_S, "the watchdog has done its work")
        assert game.remains() == []
    else:
        assert game.gameday("heal").returncode == 0
    wait_until(lambda: NotYet(game.remains()) if game.remains() else True, 15, "nothing remains")
    assert open_faults(game.latest) == ()
    assert verify(game.latest / "journal.jsonl") == []
    again = game.gameday("heal")
    assert (again.returncode, again.stdout.strip()) == (0, "nothing to heal.")
