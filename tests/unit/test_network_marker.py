"""The marker of network tests: left out with a reason, summed up, reported apart, with a badge."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gameday.clusters.zones import able
from gameday.clusters.zones.able import Detected, Obstacle
from reports.badge import COLOURS, badge

pytest_plugins = "pytester"

CONFTEST = Path(__file__).parent.parent / "conftest.py"
SOURCE = """
import pytest

@pytest.mark.network_isolation
def test_walls():
    assert {holds}

def test_other():
    pass
"""
INI = "[pytest]\nmarkers =\n    network_isolation: x\n    live: x\n    apart: x\n"
ENFORCED = Detected("silent", "open")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Give a suite with one such test and one other, on a machine that enforces rules."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makeini(INI)
    pytester.makepyfile(SOURCE.format(holds=True))
    monkeypatch.setattr(able, "why_not", lambda: None)
    monkeypatch.setattr(able, "detect", lambda _: ENFORCED)
    return pytester


def test_it_runs_where_rules_are_enforced(suite: pytest.Pytester) -> None:
    """On such a machine nothing is left out, and the summary says how many ran."""
    result = suite.runpytest_inprocess("--network-report=out")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*network isolation*", "passing: 1"])
    assert "passing: 1" in (suite.path / "out" / "badge.svg").read_text()


def test_the_switch_leaves_it_out(suite: pytest.Pytester) -> None:
    """`--skip-network-isolation` skips it and no other, names it, and says how to run it."""
    result = suite.runpytest_inprocess("--skip-network-isolation")

    result.assert_outcomes(passed=1, skipped=1)
    reason = "network_isolation: left out by --skip-network-isolation"
    result.stdout.fnmatch_lines(["*not run here*", f"1 times {reason} — run with: make*"])
    summary = ["*= network isolation =*", "not run: 1 of 1", "not run: *test_walls"]
    result.stdout.fnmatch_lines([*summary, "run them with: make test-network-isolation"])


@pytest.mark.parametrize(
    ("obstacle", "detected", "said"),
    [
        (Obstacle("nftables not installed", "make setup"), ENFORCED, "nftables not installed"),
        (None, Detected("open", "open"), "rules are not enforced here (open with the rules"),
        (None, Detected("silent", "silent"), "rules are not enforced here (silent with the rules"),
    ],
)
def test_a_machine_that_cannot_is_told_apart(
    suite: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    obstacle: Obstacle | None,
    detected: Detected,
    said: str,
) -> None:
    """What is missing, or not enforced by the look of a probe, is the reason, with a remedy."""
    monkeypatch.setattr(able, "why_not", lambda: obstacle)
    monkeypatch.setattr(able, "detect", lambda _: detected)
    result = suite.runpytest_inprocess()

    result.assert_outcomes(passed=1, skipped=1)
    (line,) = [each for each in result.outlines if each.startswith("1 times network_isolation: ")]
    assert said in line
    assert "make test-network-isolation" in line


def test_required_it_may_not_be_left_out(suite: pytest.Pytester) -> None:
    """`--require=network_isolation` makes a failure of it, and a failing badge."""
    words = ("--require=network_isolation", "--skip-network-isolation", "--network-report=out")
    result = suite.runpytest_inprocess(*words)

    result.assert_outcomes(passed=1, errors=1)
    found = json.loads((suite.path / "out" / "result.json").read_text())
    assert found["word"] == "failing: 1 of 1"


def test_its_own_junit_file_has_these_tests_alone(suite: pytest.Pytester) -> None:
    """A failing test is a failure there with its sentence, and the other test is not in it."""
    suite.makepyfile(SOURCE.format(holds="1 == 2"))
    suite.runpytest_inprocess("--network-report=out").assert_outcomes(passed=1, failed=1)
    (found,) = ET.parse(suite.path / "out" / "junit.xml").getroot()  # noqa: S314  It is our own.
    (case,) = found

    assert (found.get("tests"), found.get("failures"), case.get("name")) == ("1", "1", "test_walls")
    assert "1 == 2" in str(case[0].get("message"))
    assert "failing: 1 of 1" in (suite.path / "out" / "badge.svg").read_text()


def test_a_badge_is_drawn_from_its_words() -> None:
    """The colour follows from the word, markup is escaped, and the drawing is well-formed."""
    for word, colour in COLOURS.items():
        assert colour in badge("a <label>", f"{word}: 3")
    drawn = ET.fromstring(badge("a <label>", "passing: 3"))  # noqa: S314  It is our own.

    assert drawn.get("aria-label") == "a <label>: passing: 3"
