"""Latency as the report draws it: one row a message in a queue, with its phase, from the history.

Due-to-deliver is the contract's latency: from when a message was due to its first delivery that
was handled or settled, infinite where it never was. The phase is that of the due time.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gameday.history.windows import BASELINE, FAULT, RECOVERY
from reports.charts.figure import Values
from reports.material import Material

PHASES = (BASELINE, FAULT, RECOVERY)


@dataclass(frozen=True)
class Limit:
    """What the contract promises: a queue's latency from a priority on."""

    queue: str
    priority_from: int
    limit_ms: float


def limits(material: Material) -> tuple[Limit, ...]:
    """Return every latency that the contract promises."""
    found = []
    for row in material.contract.get("requirements") or ():
        for criterion in row.get("criteria") or ():
            wanted = criterion.get("parameters") or {}
            if criterion.get("check") == "sla" and wanted.get("limit_ms"):
                found.append(
                    Limit(
                        str(wanted.get("queue")),
                        int(wanted.get("priority_from") or 0),
                        float(wanted["limit_ms"]),
                    )
                )
    return tuple(dict.fromkeys(found))


def worst_per_bin(frame: pd.DataFrame, edges_s: Values) -> Values:
    """Return the greatest finite latency of what was due in each bin; NaN where nothing was."""
    worst = np.full(len(edges_s) - 1, np.nan)
    finite = frame[np.isfinite(frame["latency_ms"])]
    index = np.searchsorted(edges_s, finite["due_s"].to_numpy(), side="right") - 1
    inside = (index >= 0) & (index < len(worst))
    latencies = finite["latency_ms"].to_numpy()[inside]
    np.fmax.at(worst, index[inside], latencies)
    return worst
