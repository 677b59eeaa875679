"""Both brokers beside each other: bars by row and group, and gains with their intervals.

Each row is named at its bar and each value written beside it, so that colour and hatching only
help. RabbitMQ's bars are full, Redis's hatched.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.charts import figure as look

WIDTH = 720
BAR_HEIGHT = 22
GROUP_GAP = 0.8
TOP, BOTTOM, LEFT, RIGHT = 30, 42, 190, 76


@dataclass(frozen=True)
class Bar:
    """One row's value in a group; None is a value that nobody could take."""

    label: str
    value: float | None
    text: str
    is_redis: bool = False


@dataclass(frozen=True)
class Group:
    """Bars that belong together, such as those of one fault."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Whisker:
    """One gain: its share, and the interval that it lies in."""

    label: str
    share: float | None
    low: float | None
    high: float | None
    text: str


def bars(name: str, title: str, groups: tuple[Group, ...], axis: str) -> str:
    """Draw horizontal bars, group by group, each with its value."""
    lines = sum(len(group.bars) for group in groups)
    height = TOP + BOTTOM + int(BAR_HEIGHT * (lines + GROUP_GAP * len(groups) * 1.4))

    def paint(figure: Figure) -> None:
        axes = _axes(figure, height)
        place, ticks = 0.0, []
        for group in groups:
            axes.text(0, place + 0.15, group.title, color=look.INK, fontweight="bold",
                      fontsize=11, transform=axes.get_yaxis_transform(), va="center")  # fmt: skip
            place += GROUP_GAP + 0.2
            for bar in group.bars:
                _bar(axes, place, bar)
                ticks.append((place, bar.label))
                place += 1
            place += 0.2
        top = max((bar.value or 0 for group in groups for bar in group.bars), default=0)
        _finish(axes, ticks, place, axis)
        axes.set_xlim(0, top * 1.02 if top > 0 else 1)
        axes.xaxis.set_major_locator(MaxNLocator(5))

    return look.draw(name, title, WIDTH, height, paint)


def _axes(figure: Figure, height: int) -> Axes:
    box = (LEFT / WIDTH, BOTTOM / height, (WIDTH - LEFT - RIGHT) / WIDTH,
           (height - TOP - BOTTOM) / height)  # fmt: skip
    axes = figure.add_axes(box)
    axes.grid(visible=False, axis="y")
    return axes


def _finish(axes: Axes, ticks: list[tuple[float, str]], last: float, axis: str) -> None:
    axes.set_yticks([place for place, _ in ticks], [label for _, label in ticks])
    axes.set_ylim(last - 0.3, -0.4)
    axes.set_xlabel(axis)


def _bar(axes: Axes, place: float, bar: Bar) -> None:
    colour = look.SERIES[1] if bar.is_redis else look.SERIES[0]
    value = bar.value if bar.value is not None and np.isfinite(bar.value) else 0
    style: dict[str, Any] = {"height": 0.62, "edgecolor": colour, "linewidth": 1.1}
    style |= {"color": "none", "hatch": "////"} if bar.is_redis else {"color": colour}
    axes.barh(place, value, **style)
    axes.annotate(bar.text, (value, place), (5, 0), textcoords="offset points", va="center",
                  color=look.INK, fontsize=10.5, annotation_clip=False)  # fmt: skip


def whiskers(name: str, title: str, rows: tuple[Whisker, ...], promise: float) -> str:
    """Draw each gain as a point with its interval, beside the promised one."""
    height = TOP + BOTTOM + (BAR_HEIGHT + 8) * max(len(rows), 1)

    def paint(figure: Figure) -> None:
        axes = _axes(figure, height)
        for place, row in enumerate(rows):
            _whisker(axes, place, row)
        axes.axvline(promise, color=look.LIMIT, linewidth=1.2, linestyle=(0, (5, 3)))
        axes.text(promise, -0.75, f"promised {promise:.0%}", color=look.LIMIT, fontsize=10.5,
                  ha="center", va="bottom")  # fmt: skip
        axes.axvline(0, color=look.MUTED, linewidth=0.8)
        ticks = [(float(at), row.label) for at, row in enumerate(rows)]
        _finish(axes, ticks, len(rows), "share of urgent latency saved; below zero it rose")
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(*_span(rows))
        axes.xaxis.set_major_formatter(FuncFormatter(_percent))

    return look.draw(name, title, WIDTH, height, paint)


def _percent(value: float, _: int) -> str:
    return f"{value:.0%}"


def _span(rows: tuple[Whisker, ...]) -> tuple[float, float]:
    ends = [each for row in rows for each in (row.low, row.share) if each is not None]
    return max(min([0.0, *ends]) - 0.05, -2.0), 1.02


def _whisker(axes: Axes, place: float, row: Whisker) -> None:
    if row.share is None or row.low is None or row.high is None:
        axes.text(0.01, place, row.text, va="center", color=look.MUTED, fontsize=10.5)
        return
    axes.plot([row.low, row.high], [place, place], color=look.SERIES[0], linewidth=2.2)
    for end in (row.low, row.high):
        axes.plot([end], [place], marker="|", color=look.SERIES[0], markersize=9)
    axes.plot([row.share], [place], marker="o", color=look.INK, markersize=5, linestyle="none")
    axes.annotate(row.text, (1.0, place), (4, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", va="center", fontsize=10.5,
                  annotation_clip=False)  # fmt: skip
