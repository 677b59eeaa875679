"""Effective priorities: what each queue makes of a message's priority on this broker's version."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.topology import effective_priority, expectations
from gameday.history.run import Run

Array = npt.NDArray[Any]


def expected(run: Run) -> Mapping[str, str]:
    """Return what each queue makes of priorities, by the contract and the version alone."""
    return {**expectations(run.contract.topology, run.version)}


def effective(run: Run, queue: Array, priority: Array) -> Array:
    """Return the priority that each message's queue goes by."""
    by_name = {each.name: each for each in run.contract.topology.queues}
    found = np.zeros(len(queue), np.int16)
    rules = expected(run)
    for number, name in enumerate(run.history.queues):
        mine = queue == number
        if name in by_name and mine.any():
            rule: Any = rules[name]
            found[mine] = effective_priority(rule, priority[mine], by_name[name].max_priority)
    return found
