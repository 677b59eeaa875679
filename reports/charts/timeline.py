"""The timeline: what was done to the cluster, above what the clients saw, on one axis of time.

Each fault has a lane of its own: a hollow bar from when it was requested to when its effect was
observed, a full one until it was restored (the pale end is the way back), and a thin line for the
recovery. The same spans shade the panels below, so that a reader can look straight down.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.charts import figure as look
from reports.charts.figure import Series

WIDTH = 1040
LANE_HEIGHT = 20
PANEL_HEIGHT = 96
PANEL_GAP = 34
TOP, BOTTOM, LEFT, RIGHT = 26, 40, 62, 14


@dataclass(frozen=True)
class Lane:
    """One fault's moments, in seconds since the run's start; None where it was not reached."""

    label: str
    requested_s: float | None
    observed_s: float | None
    reverting_s: float | None
    restored_s: float | None
    recovered_s: float | None
    control: bool = False


@dataclass(frozen=True)
class Panel:
    """Lines with one unit; `limit` is drawn where the contract sets one."""

    title: str
    series: tuple[Series, ...]
    logarithmic: bool = False
    limit: tuple[str, float] | None = None
    steps: bool = False


@dataclass(frozen=True)
class Span:
    """A named stretch of the run, such as its baseline."""

    name: str
    begin_s: float
    end_s: float


def timeline(
    name: str, title: str, end_s: float, *, lanes: tuple[Lane, ...], panels: tuple[Panel, ...],
    spans: tuple[Span, ...] = (),
) -> str:  # fmt: skip
    """Draw the lanes below the run's phases, then the panels, over the same seconds."""
    drawn = tuple(panel for panel in panels if panel.series)
    lanes_height = LANE_HEIGHT * (len(lanes) + bool(spans))
    heights = ([lanes_height] if lanes else []) + [PANEL_HEIGHT] * len(drawn)
    height = TOP + BOTTOM + sum(heights) + PANEL_GAP * max(0, len(heights) - 1)

    def paint(figure: Figure) -> None:
        axes = _stack(figure, heights, height)
        if lanes:
            _lanes(axes[0], lanes, spans, end_s)
        for one, panel in zip(axes[1 if lanes else 0 :], drawn, strict=True):
            _shade(one, lanes)
            _panel(one, panel)
        for one in axes:
            one.set_xlim(0, end_s)
            one.tick_params(labelbottom=one is axes[-1])
        axes[-1].set_xlabel("seconds since the run began")

    return look.draw(name, title, WIDTH, height, paint)


def _stack(figure: Figure, heights: list[int], height: int) -> list[Axes]:
    axes: list[Axes] = []
    top = TOP
    for each in heights:
        box = (
            LEFT / WIDTH, 1 - (top + each) / height,
            (WIDTH - LEFT - RIGHT) / WIDTH, each / height,
        )  # fmt: skip
        axes.append(figure.add_axes(box))
        top += each + PANEL_GAP
    return axes


def _lanes(axes: Axes, lanes: tuple[Lane, ...], spans: tuple[Span, ...], end_s: float) -> None:
    axes.set_title("Faults", pad=6)
    axes.set_ylim(len(lanes) - 0.4, -1.6 if spans else -0.6)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    for span in spans:
        ends = [span.begin_s, span.end_s]
        axes.plot(ends, [-1, -1], color=look.MUTED, linewidth=1, marker="|", markersize=7)
        middle = sum(ends) / 2
        axes.annotate(span.name, (middle, -1), (0, 3), textcoords="offset points", ha="center",
                      va="bottom", color=look.MUTED, fontsize=10.5)  # fmt: skip
    for row, lane in enumerate(lanes):
        _lane(axes, row, lane, end_s)


def _lane(axes: Axes, row: int, lane: Lane, end_s: float) -> None:
    start = lane.requested_s if lane.requested_s is not None else lane.observed_s
    if start is None:
        axes.text(0, row, f"{lane.label} (never requested)", va="center", color=look.MUTED)
        return
    observed, restored = lane.observed_s, lane.restored_s
    colour = look.SERIES[5] if lane.control else look.SERIES[0]
    stop = restored if restored is not None else end_s
    _bar(axes, row, start, observed if observed is not None else stop, colour=colour,
         hollow=True)  # fmt: skip
    if observed is not None:
        reverting = lane.reverting_s if lane.reverting_s is not None else stop
        _bar(axes, row, observed, min(reverting, stop), colour=colour)
        _bar(axes, row, min(reverting, stop), stop, colour=colour, pale=True)
    if lane.recovered_s is not None and restored is not None:
        axes.plot([restored, lane.recovered_s], [row, row], color=colour, linewidth=1.2)
        axes.plot([lane.recovered_s], [row], marker="|", color=colour, markersize=7)
    last = max(stop, lane.recovered_s or stop)
    _label(axes, row, lane.label, (start, last), end_s)


def _bar(
    axes: Axes, row: int, start: float, stop: float, *, colour: str,
    hollow: bool = False, pale: bool = False,
) -> None:  # fmt: skip
    axes.barh(
        row, max(stop - start, 0), left=start, height=0.56, color="none" if hollow else colour,
        edgecolor=colour, linewidth=1.2, alpha=0.4 if pale else 1, hatch="////" if pale else None,
    )  # fmt: skip


def _label(axes: Axes, row: int, text: str, bar: tuple[float, float], end_s: float) -> None:
    start, stop = bar
    fits = stop + end_s * 0.0075 * len(text) < end_s
    gap = end_s * 0.006
    axes.text(
        stop + gap if fits else start - gap, row, text,
        va="center", ha="left" if fits else "right", fontsize=11,
    )  # fmt: skip


def _shade(axes: Axes, lanes: tuple[Lane, ...]) -> None:
    for lane in lanes:
        if lane.observed_s is not None and lane.restored_s is not None and not lane.control:
            axes.axvspan(lane.observed_s, lane.restored_s, color=look.BAND, linewidth=0)


def _panel(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, pad=7)
    if panel.logarithmic:
        axes.set_yscale("log")
    for index, one in enumerate(panel.series):
        shown = look.thin(one)
        axes.plot(
            shown.times_s, shown.values, label=one.label, color=look.SERIES[index % 6],
            linestyle=look.DASHES[index % 4], drawstyle="steps-mid" if panel.steps else "default",
        )  # fmt: skip
    if panel.limit:
        axes.axhline(panel.limit[1], color=look.LIMIT, linewidth=1.2, linestyle=(0, (5, 3)))
        axes.text(
            0.002, panel.limit[1], panel.limit[0], transform=axes.get_yaxis_transform(),
            va="bottom", color=look.LIMIT, fontsize=10.5,
        )  # fmt: skip
    _scale(axes, panel)
    look.legend(axes)


def _scale(axes: Axes, panel: Panel) -> None:
    if panel.logarithmic:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * 2.2)  # Room for the limit's label below the title.
        look.log_ticks(axes)
        return
    values = np.concatenate([one.values for one in panel.series])
    top = np.nanmax(values) if np.isfinite(values).any() else 0
    axes.set_ylim(0, max(top * 1.12, 1))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
