"""How long each message waited: one row a message in the queue where it is consumed.

The rule is the SLA check's own (`latencies`), so that a chart cannot disagree with the verdict:
from due to the first delivery that was handled or settled, infinite where it was confirmed and
never served; a message without a priority counts as priority 0.
"""

import numpy as np
import pandas as pd

from gameday.history.checks.sla import latencies
from gameday.history.run import Run
from reports.material import Material

COLUMNS = ("queue", "priority", "due_s", "latency_ms", "phase", "episode", "blocked")


def served(material: Material) -> pd.DataFrame:
    """Return the messages with queue, priority, due time, latency and phase."""
    run = material.run
    if run is None or not len(run.history.copies):
        return pd.DataFrame({name: [] for name in COLUMNS})
    queues = dict.fromkeys(consumer.queue for consumer in run.contract.consumers)
    due = _due_s(run)
    return pd.concat([_of_queue(run, queue, due) for queue in queues], ignore_index=True)


def _due_s(run: Run) -> "pd.Series[float]":
    """Return when each message was due, by its key; a retry is due when its message was."""
    attempts = run.history.attempts
    due = pd.Series((attempts.due_ns - run.zero_ns) / 1e9, index=attempts.message)
    return due.groupby(level=0).min()


def _of_queue(run: Run, queue: str, due: "pd.Series[float]") -> pd.DataFrame:
    found = latencies(run, queue)
    phases = np.array([window.phase for window in run.windows.windows])
    episodes = np.array([window.episode or "" for window in run.windows.windows])
    return pd.DataFrame(
        {
            "queue": queue,
            "priority": found.priority.astype(np.int64),
            "due_s": due.reindex(found.message).to_numpy(),
            "latency_ms": found.milliseconds,
            "phase": phases[found.window],
            "episode": episodes[found.window],
            "blocked": found.blocked,
        }
    )
