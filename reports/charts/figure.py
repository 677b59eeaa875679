"""What every drawing shares: one look, one SVG writer, the same bytes for the same values.

Drawings are drawn by matplotlib in stand-in colours, which `svg` replaces by the page's CSS
variables: so they follow light and dark. Text stays text. Nothing here knows what it draws.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

Values = NDArray[np.float64]
POINTS_MAX = 1000
PIXELS_PER_INCH = 72

INK, MUTED, GRID, BAND, LIMIT, PAPER = (
    "#010101", "#020202", "#030303", "#040404", "#050505", "#060606",
)  # fmt: skip
SERIES = ("#0a0101", "#0a0202", "#0a0303", "#0a0404", "#0a0505", "#0a0606")
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    BAND: "--band",
    LIMIT: "--limit",
    PAPER: "--paper",
    **{colour: f"--series-{index}" for index, colour in enumerate(SERIES, 1)},
}
DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))

SETTINGS: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.size": 11,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "hatch.color": MUTED,
    "hatch.linewidth": 0.8,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "path.simplify": True,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "gameday",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 11,
    "xtick.major.size": 3,
    "ytick.color": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 11,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Series:
    """One line: its label, and its points in order of time."""

    label: str
    times_s: Values
    values: Values


def draw(name: str, title: str, width: int, height: int, paint: Callable[[Figure], None]) -> str:
    """Return the inline SVG of what `paint` draws on a figure of this size in pixels."""
    with rc_context(SETTINGS), warnings.catch_warnings():
        # A name in a script that matplotlib's font lacks is drawn by the browser's own.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
        FigureCanvasSVG(figure)
        paint(figure)
        written = StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    return svg(written.getvalue(), name, title, width, height)


def svg(text: str, name: str, title: str, width: int, height: int) -> str:
    """Make matplotlib's file a part of the page: own ids, the page's colours and its font."""
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"\b(font: (?:bold )?[\d.]+px) [^;\"]+", r"\1 var(--sans)", body)
    body = re.sub(r'\b(?:d|x|y|transform|width|height)="[^"]*"', _short, body)
    body = re.sub(r"\s*\n\s*", "\n", body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    head = (
        f'<svg role="img" aria-label="{_attribute(title)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">'
    )
    return head + body.strip()


def _short(match: re.Match[str]) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", match[0])


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def thin(series: Series, most: int = POINTS_MAX) -> Series:
    """Keep at most so many points, of each group its greatest value: a spike is never hidden."""
    size = len(series.values)
    if size <= most:
        return series
    starts = np.arange(0, size, -(-size // most))
    lowest = np.where(np.isnan(series.values), -np.inf, series.values)
    values = np.maximum.reduceat(lowest, starts)
    values[np.isneginf(values)] = np.nan
    return Series(series.label, series.times_s[starts], values)


def legend(axes: Axes) -> None:
    """Put the legend on one line at the right above the drawing, where the title leaves room."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(
            handles, labels, loc="lower right", bbox_to_anchor=(1, 0.98), ncols=len(labels),
            borderaxespad=0, borderpad=0.1, columnspacing=1.4, handletextpad=0.6,
        )  # fmt: skip


def log_ticks(axes: Axes, which: str = "y") -> None:
    """Label a logarithmic axis of milliseconds in words: 10 ms, 1 s."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(LogLocator(10, numticks=6))
    axis.set_major_formatter(FuncFormatter(_tick))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _tick(value: float, _: int) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
