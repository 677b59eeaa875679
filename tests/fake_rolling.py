"""A run whose three nodes roll to another version, one after another, written down by rule.

The load is that of `fake_upgrade.py` before its publishers move; here only the steps matter.
"""

from copy import deepcopy
from functools import cache
from typing import Any

from gameday.history.sides import UPGRADE
from tests.fake_folder import FakeRun
from tests.fake_telling import ns
from tests.fake_upgrade import written as moved

NODES = ("r1", "r2", "r3")
STEPS = (*(f"roll_{node}" for node in NODES), "enable_flags")
CRITERIA: dict[str, dict[str, Any]] = {"rolled": {}}


@cache
def written() -> FakeRun:
    """Return the good run, to be copied before it is damaged."""
    run = deepcopy(moved())
    run.journal.lines = [each for each in run.journal.lines if each["event"] != UPGRADE]
    for number, step in enumerate(STEPS):
        node = step.removeprefix("roll_")
        found = {"node": node, "before": "4.2.5", "after": "4.3.6", "pid_before": 100 + number,
                 "pid_after": 200 + number} if node in NODES else {}  # fmt: skip
        run.journal.add(ns(5 + 5 * number), UPGRADE, step=step, at="begin")
        run.journal.add(ns(9 + 5 * number), UPGRADE, step=step, at="end", **found)
    run.manifest["cluster"]["nodes"] = list(NODES)
    run.manifest[UPGRADE] = {"how": "rolling", "from": "4.2.5", "to": "4.3.6",
                             "alternative": None, "steps": list(STEPS)}  # fmt: skip
    return run
