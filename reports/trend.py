"""The trend: a page with a row for each series and a mark for each night, and what regressed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gameday.history.nights import Night, Regression, by_series
from reports.html import TEMPLATES

SHOWN_MAX = 30
"""How many nights of a series are drawn: the newest."""

MARKS = {"GO": ("pass", "✔"), "NO-GO": ("fail", "✘"), "INCONCLUSIVE": ("unknown", "?")}
STATUS_MARKS = {"pass": ("pass", "✔"), "fail": ("fail", "✘"), "unknown": ("unknown", "?")}
NOT_JUDGED = ("none", "·")


@dataclass(frozen=True)
class Mark:
    """One night of one row: its colour by name, its sign, and what it says on being pointed at."""

    look: str
    sign: str
    title: str


@dataclass(frozen=True)
class Row:
    """One series: its name, its nights, and its requirements that did not always pass."""

    name: str
    marks: tuple[Mark, ...]
    newest: Night
    go: int
    nights: int
    requirements: tuple[tuple[str, tuple[Mark, ...]], ...]


def rows(nights: Sequence[Night]) -> tuple[Row, ...]:
    """Return a row for each series."""
    return tuple(_row(those[-SHOWN_MAX:]) for those in by_series(nights).values())


def _row(those: list[Night]) -> Row:
    newest = those[-1]
    settings = "" if newest.settings == "tuned" else f", {newest.settings} settings"
    names = dict.fromkeys(name for night in those for name in night.requirements)
    uneven = tuple(
        (name, tuple(_status_mark(night, name) for night in those))
        for name in names
        if {night.requirements.get(name) for night in those} - {"pass", "not_tested", None}
    )
    return Row(
        name=f"{newest.system} {newest.suite}, {newest.design}, RabbitMQ {newest.broker}{settings}"
        f"{newest.where}",
        marks=tuple(_mark(night) for night in those), newest=newest,
        go=sum(night.decision == "GO" for night in those), nights=len(those), requirements=uneven,
    )  # fmt: skip


def _mark(night: Night) -> Mark:
    look, sign = MARKS.get(night.decision, NOT_JUDGED)
    return Mark(look, sign, f"{night.run}: {night.decision}. {night.reason}")


def _status_mark(night: Night, name: str) -> Mark:
    status = night.requirements.get(name, "not judged")
    look, sign = STATUS_MARKS.get(status, NOT_JUDGED)
    return Mark(look, sign, f"{night.run}: {status.replace('_', ' ')}")


def write_trend(path: Path, nights: Sequence[Night], broken: Sequence[Regression]) -> None:
    """Write the page: one file that loads nothing."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    text = environment.get_template("trend.html.j2").render(
        rows=rows(nights), broken=[each.sentence for each in broken],
        style=Markup(style),  # noqa: S704  It is our own file.
    )  # fmt: skip
    path.write_text(text, encoding="utf-8")
