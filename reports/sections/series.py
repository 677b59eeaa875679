"""The drawn points as a table, for who cannot see them or wants to compute with them."""

import numpy as np

from reports.charts.figure import POINTS_MAX, thin
from reports.charts.timeline import Panel
from reports.document import Cell, Table, number
from reports.words import count, milliseconds


def series_table(panel: Panel) -> Table:
    """Return a panel's points, a row for each moment, exactly those that are drawn."""
    drawn = [thin(one) for one in panel.series]
    times = np.unique(np.concatenate([one.times_s for one in drawn]))[: POINTS_MAX * len(drawn)]
    columns = []
    for one in drawn:
        values = dict(zip(one.times_s.tolist(), one.values.tolist(), strict=True))
        columns.append([values.get(time, np.nan) for time in times.tolist()])
    write = milliseconds if panel.logarithmic else count
    rows = tuple(
        (Cell(f"{time:.0f}"), *(number("" if np.isnan(value) else write(value)) for value in row))
        for time, row in zip(times.tolist(), zip(*columns, strict=True), strict=True)
    )
    labels = tuple(one.label for one in drawn)
    return Table(f"Data: {panel.title}", ("Second", *labels), rows, folded=True)
