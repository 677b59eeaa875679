"""Latency by priority: for one queue and one phase, a row of distribution for each priority.

The axis is logarithmic and the same in every drawing of a queue, so that phases compare at a
glance. Each row is scaled to its own peak: it shows shape, the table tells how many.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gameday.history.statistics import summary
from reports.charts import figure as look
from reports.charts.figure import Values

WIDTH = 340
ROW_HEIGHT = 26
TOP, BOTTOM, LEFT, RIGHT = 34, 44, 48, 22
BINS = 48
FLOOR_MS = 0.1


@dataclass(frozen=True)
class Ridge:
    """One row: a label and the finite latencies in ms."""

    label: str
    values_ms: Values


def ridges(
    name: str, title: str, rows: tuple[Ridge, ...], span_ms: tuple[float, float],
    limit: tuple[str, float] | None, axis: str = "due to delivered",
) -> str:  # fmt: skip
    """Draw one row of distribution a priority, with marks at p50, p95, p99 and the greatest."""
    height = TOP + BOTTOM + ROW_HEIGHT * len(rows)

    def paint(figure: Figure) -> None:
        box = (
            LEFT / WIDTH, BOTTOM / height,
            (WIDTH - LEFT - RIGHT) / WIDTH, ROW_HEIGHT * len(rows) / height,
        )  # fmt: skip
        axes = figure.add_axes(box)
        axes.set_title(title, pad=8)
        axes.set_xscale("log")
        axes.set_xlim(*span_ms)
        axes.set_ylim(len(rows) - 0.1, -0.95)
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.grid(visible=False, axis="y")
        for index, row in enumerate(rows):
            _ridge(axes, index, row.values_ms, span_ms)
        _limit(axes, limit)
        look.log_ticks(axes, "x")
        axes.set_xlabel(axis)

    return look.draw(name, title, WIDTH, height, paint)


def span(values: list[Values]) -> tuple[float, float]:
    """Return whole decades that hold every value."""
    found = [each[np.isfinite(each)] for each in values]
    joined = np.concatenate(found) if found else np.empty(0)
    if joined.size == 0:
        return 1.0, 1000.0
    low = 10 ** np.floor(np.log10(max(float(joined.min()), FLOOR_MS)))
    high = 10 ** np.ceil(np.log10(max(float(joined.max()) * 1.05, low * 10)))
    return float(low), float(high)


def _ridge(axes: Axes, row: int, values: Values, span_ms: tuple[float, float]) -> None:
    axes.axhline(row, color=look.GRID, linewidth=0.8)
    if values.size == 0:
        axes.text(span_ms[0] * 1.15, row - 0.08, "none", color=look.MUTED, fontsize=10.5)
        return
    shown = np.clip(values, span_ms[0], span_ms[1])
    edges = np.geomspace(*span_ms, BINS + 1)
    counts, _ = np.histogram(shown, edges)
    heights = np.repeat(counts / counts.max() * 0.82, 2)
    around = np.repeat(edges, 2)[1:-1]
    axes.fill_between(
        around, row, row - heights, color=look.SERIES[0], alpha=0.32, linewidth=0, zorder=2
    )
    outline = np.where(heights > 0, row - heights, np.nan)
    axes.plot(around, outline, color=look.SERIES[0], linewidth=0.9, zorder=2)
    figures = summary(shown)
    assert figures is not None
    mark: dict[str, Any] = {"color": look.INK, "linestyle": "none", "zorder": 3}
    axes.plot([figures.p50], [row], marker="o", markersize=5, **mark)
    axes.plot([figures.p95], [row], marker="|", markersize=8, **mark)
    axes.plot([figures.p99], [row], marker="d", markersize=4.5, **mark)
    axes.plot([figures.maximum], [row], marker="x", markersize=5, **mark)


def _limit(axes: Axes, limit: tuple[str, float] | None) -> None:
    if limit:
        axes.axvline(limit[1], color=look.LIMIT, linewidth=1.2, linestyle=(0, (5, 3)))
