"""How long each message waited: one row a message in the queue where it is consumed.

Due-to-deliver is the contract's latency: from when a message was due to its first delivery that
was handled or settled, infinite where it was confirmed and never served. The phase is that of its
due time. What was refused, or never confirmed and never seen, has no latency.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gameday.history.outcomes import Outcome
from gameday.history.records import Disposition, Flag
from reports.material import Material

if TYPE_CHECKING:
    from gameday.history.history import History

COLUMNS = ("queue", "priority", "due_s", "latency_ms", "phase", "blocked")


def served(material: Material) -> pd.DataFrame:
    """Return the messages with queue, priority, due time, latency and phase."""
    run = material.run
    if run is None or not len(run.history.copies):
        return pd.DataFrame({name: [] for name in COLUMNS})
    history = run.history
    frame = _by_message(history)
    frame["due_s"] = (frame["due_ns"] - material.zero_ns) / 1e9
    frame["latency_ms"] = (frame["served_ns"] - frame["due_ns"]) / 1e6
    frame["queue"] = pd.Categorical.from_codes(frame["queue"], list(history.queues)).astype(str)
    names = np.array([window.phase for window in run.windows.windows])
    frame["phase"] = names[run.windows.of(frame["due_ns"].to_numpy())]
    return frame


def _by_message(history: "History") -> pd.DataFrame:
    copies, attempts = history.copies, history.attempts
    at = copies.attempt
    rows = pd.DataFrame(
        {
            "message": attempts.message[at],
            "queue": history.finals[copies.queue],
            "priority": attempts.priority[at],
            "due_ns": attempts.due_ns[at],
            "served_ns": np.where(copies.served_ns < 0, np.inf, copies.served_ns),
            "owed": (copies.status == Outcome.OK) & (copies.disposition == Disposition.ACK),
            "blocked": (attempts.flags[at] & Flag.PUBLISH_HELD_BLOCKED) > 0,
        }
    )
    rows = rows[(rows["owed"] | np.isfinite(rows["served_ns"])) & (rows["queue"] >= 0)]
    return rows.groupby(["message", "queue"], as_index=False, sort=True).agg(
        priority=("priority", "first"), due_ns=("due_ns", "min"), served_ns=("served_ns", "min"),
        blocked=("blocked", "any"),
    )  # fmt: skip
