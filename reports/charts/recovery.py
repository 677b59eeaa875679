"""Recovery at a glance: for each fault, after how long work flowed again in its slowest queue.

Each mark has a shape of its own. Under a fault the time counts from when it was observed, after it
from when it was observed to be gone.
"""

from dataclasses import dataclass

from matplotlib.figure import Figure

from reports.charts import figure as look

WIDTH = 1040
ROW_HEIGHT = 26
TOP, BOTTOM, LEFT, RIGHT = 30, 42, 230, 24
MARKS = (
    ("first confirm under it", "^"), ("first confirm", "o"), ("first delivery", "D"),
    ("backlog drained", "s"),
)  # fmt: skip


@dataclass(frozen=True)
class Marks:
    """One fault: its label, and its moments in the order of `MARKS`; None where never."""

    label: str
    moments_s: tuple[float | None, ...]


def recoveries(name: str, title: str, rows: tuple[Marks, ...], limit_s: float | None) -> str:
    """Draw a row of marks for each fault."""
    height = TOP + BOTTOM + ROW_HEIGHT * len(rows)

    def paint(figure: Figure) -> None:
        box = (
            LEFT / WIDTH, BOTTOM / height,
            (WIDTH - LEFT - RIGHT) / WIDTH, ROW_HEIGHT * len(rows) / height,
        )  # fmt: skip
        axes = figure.add_axes(box)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        for label in axes.get_yticklabels():
            label.set_color(look.INK)
        for number, (word, marker) in enumerate(MARKS):
            points = [
                (moment, place)
                for place, row in enumerate(rows)
                if (moment := row.moments_s[number]) is not None
            ]
            axes.plot(
                [point[0] for point in points], [point[1] for point in points], marker,
                color=look.SERIES[number], markersize=7, fillstyle="none" if number else "full",
                markeredgewidth=1.6, label=word,
            )  # fmt: skip
        axes.axvline(0, color=look.MUTED, linewidth=1)
        if limit_s is not None:
            axes.axvline(limit_s, color=look.LIMIT, linewidth=1.2, linestyle=(0, (5, 3)),
                         label=f"limit {limit_s:g} s")  # fmt: skip
        axes.set_xlabel("seconds since the fault was observed (under it), or observed to be gone")
        look.legend(axes)

    return look.draw(name, title, WIDTH, height, paint)
