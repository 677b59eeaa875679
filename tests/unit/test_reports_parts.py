"""The report's parts by themselves: words, JUnit, Markdown, charts, banner."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from reports import words
from reports.charts.figure import POINTS_MAX, Series, thin
from reports.charts.latency import Ridge, ridges, span
from reports.charts.timeline import Lane, Panel, timeline
from reports.document import Banner, Cell, Document, Section, Table
from reports.junit import write_junit
from reports.markdown import BYTES_MAX, write_markdown


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (4230.4, "ms", "4.23 s"), (1000, "ms", "1 s"), (12.34, "ms", "12.3 ms"),
        (None, "ms", words.DASH),
        (1, "messages", "1 message"), (2, "messages", "2 messages"), (True, "", "yes"),
        (float("inf"), "ms", "never"), ([1, 2], "", "1, 2"), (1234567, "", "1,234,567"),
    ],
)  # fmt: skip
def test_quantity(value: object, unit: str, expected: str) -> None:
    """A measured value reads with its unit, and what is missing as a dash."""
    assert words.quantity(value, unit) == expected


def test_anchor_keeps_ids_apart() -> None:
    """Two names that differ only in marks have different anchors."""
    assert words.anchor("a/b") != words.anchor("a.b")
    assert re.fullmatch(r"[\w-]+", words.anchor('x"> <y'))


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  We have just written it.


@pytest.mark.parametrize(
    ("status", "requirement", "tag"),
    [
        ("pass", "s-1", None), ("fail", "s-1", "failure"), ("unknown", "s-1", "error"),
        ("not_tested", "s-1", "error"), ("not_tested", "s-9", "skipped"), ("odd", "s-9", "error"),
    ],
)  # fmt: skip
def test_junit_case(status: str, requirement: str, tag: str | None) -> None:
    """Unknown is an error, and not tested a skip only where nobody claimed it."""
    criterion = {"id": "c", "requirement": requirement, "status": status, "reason": "why"}
    root = _parsed(write_junit("run", "NO-GO", [criterion], {"s-1"}))
    case = root.find("testsuite/testcase")

    assert case is not None
    assert [child.tag for child in case] == ([tag] if tag else [])


def test_junit_counts() -> None:
    """The suite's totals are those of its cases."""
    rows = [
        {"id": str(n), "status": status} for n, status in enumerate(["fail", "unknown", "fail"])
    ]
    suite = _parsed(write_junit("run", "NO-GO", rows, ())).find("testsuite")

    assert suite is not None
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["3", "2", "1"]


def test_summary_is_cut_below_its_limit() -> None:
    """A summary that would be too long is cut at a line, and says so."""
    table = Table("t", ("a",), tuple((Cell("x" * 3000),) for _ in range(60)))
    section = Section("a", "A", "lead", (table, table))
    banner = Banner("GO", "0", "s", "c", (), 0, (), (), ())
    text = write_markdown(Document("run", "t", (), banner, (section,)))

    assert len(text.encode()) < BYTES_MAX
    assert text.endswith("*The rest is in report.html: a summary stays below 200 kB.*\n")


def test_thin_keeps_the_spike() -> None:
    """Of 12,345 points at most 1,000 stay, and the greatest is among them."""
    values = np.zeros(12_345)
    values[7_777] = 9
    shown = thin(Series("s", np.arange(12_345.0), values))

    assert len(shown.values) <= POINTS_MAX
    assert shown.values.max() == 9


def _timeline() -> str:
    series = Series("a$b$ <c>", np.arange(5000.0), np.sin(np.arange(5000.0)) + 2)
    lane = Lane("f1 kill <r1>", 10, 11, 20, None, None)
    panel = Panel("p", (series,), limit=("limit", 2.5))
    return timeline("t", "finding", 5000, lanes=(lane,), panels=(panel, Panel("empty", ())))


def test_chart_is_the_same_twice() -> None:
    """A drawing of the same values has the same bytes."""
    assert _timeline() == _timeline()


def test_chart_is_ours_to_colour() -> None:
    """A drawing has no colour, size, address or script of its own, and its text is text."""
    drawn = _timeline()

    assert "#0" not in drawn
    assert "http" not in drawn
    assert "var(--series-1)" in drawn
    assert "a$b$ &lt;c&gt;" in drawn


def test_chart_draws_at_most_a_thousand_points() -> None:
    """No path of a drawing has more points than the limit."""
    longest = max(path.count("L") for path in re.findall(r'\bd="([^"]*)"', _timeline()))

    assert 0 < longest <= POINTS_MAX


def test_ridges_of_nothing() -> None:
    """A priority without a delivery has a row that says so."""
    drawn = ridges("r", "Fault", (Ridge("9", np.empty(0)),), (1.0, 10.0), None)

    assert ">none<" in drawn


def test_span_holds_every_value() -> None:
    """The axis reaches past the least and the greatest value, in whole decades."""
    low, high = span([np.array([3.0, np.inf]), np.array([4200.0])])

    assert (low, high) == (1.0, 10_000.0)
