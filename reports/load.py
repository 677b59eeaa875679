"""The generator's own figures, second by second, over all its processes.

Counts and connections are summed over processes; lag and CPU are the worst process's, for one
process that cannot keep its schedule is hidden by an average.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.charts.figure import Series, Values
from reports.material import Material

SUMS = ("offered", "sent", "confirmed", "blocked", "connected")
WORST = ("lag_max_ms", "cpu_percent")


@dataclass(frozen=True)
class Load:
    """What the load processes reported, on one axis of whole seconds; empty where none did."""

    times_s: Values
    columns: dict[str, Values]

    def series(self, name: str, label: str = "") -> tuple[Series, ...]:
        """Return a column as a line to draw, none where it was not recorded."""
        values = self.columns.get(name)
        if values is None or not np.isfinite(values).any():
            return ()
        return (Series(label or name, self.times_s, values),)

    @property
    def rates(self) -> tuple[Series, ...]:
        """Offered and confirmed, a second."""
        return self.series("offered") + self.series("confirmed")

    @property
    def connections(self) -> tuple[Series, ...]:
        """Publishing connections that stand."""
        return self.series("connected")

    @property
    def blocked(self) -> tuple[Series, ...]:
        """Publishing connections that the broker holds back."""
        return self.series("blocked")

    def total(self, name: str) -> float | None:
        """Return a column's sum, None where it was not recorded."""
        values = self.columns.get(name)
        return None if values is None else float(np.nansum(values))

    def greatest(self, name: str) -> float | None:
        """Return a column's greatest value, None where it was not recorded."""
        values = self.columns.get(name)
        found = None if values is None else values[np.isfinite(values)]
        return None if found is None or found.size == 0 else float(found.max())


def load(material: Material) -> Load:
    """Return the figures of all load processes, by whole seconds since the run's start."""
    rows = [
        {"second": int(material.at_s(row["time_ns"]) or 0), **row}
        for lines in material.generator.values()
        for row in lines
        if isinstance(row.get("time_ns"), int)
    ]
    if not rows:
        return Load(np.empty(0), {})
    frame = pd.DataFrame(rows).set_index("second")
    columns = {}
    for names, how in ((SUMS, "sum"), (WORST, "max")):
        for name in names:
            if name in frame:
                numbers = pd.to_numeric(frame[name], errors="coerce")
                columns[name] = numbers.groupby(level=0).agg(how)
    times = np.array(sorted(set(frame.index)), dtype=np.float64)
    return Load(times, {name: one.to_numpy(dtype=np.float64) for name, one in columns.items()})
