"""The marker `network_isolation`: whether such a test can run here, and what became of all of them.

A test is left out when `--skip-network-isolation` says so, when the machine cannot open zones, or
when probing shows that it does not enforce rules; each reason names the way to run it. At the end
stands a summary; `--network-report=DIR` also writes `junit.xml`, `badge.svg` and `result.json`.
"""

import json
import tempfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gameday.clusters.zones import able
from gameday.errors import HarnessError
from reports.badge import badge

MARKER = "network_isolation"
COMMAND = "make test-network-isolation"
LABEL = "network isolation"


def add_options(parser: pytest.Parser) -> None:
    """Take the switch, and where the report of these tests goes."""
    parser.addoption(
        "--skip-network-isolation", action="store_true", help="leave the tests in zones out"
    )
    parser.addoption(
        "--network-report", metavar="DIR", help="write junit.xml, badge.svg, result.json there"
    )


class NetworkTests:
    """A plugin: it decides whether these tests run, and sums up what became of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._left_out: bool = config.getoption("--skip-network-isolation")
        self._folder: str | None = config.getoption("--network-report")
        self.reports: list[pytest.TestReport] = []

    @cached_property
    def reason(self) -> str:
        """Why none of these tests can run here; empty if they can. Probed once a session."""
        if self._left_out:
            return f"{MARKER}: left out by --skip-network-isolation — run with: {COMMAND}"
        obstacle = able.why_not()
        if obstacle is not None:
            remedy = f"{obstacle.remedy}; then {COMMAND}"
            return f"{MARKER}: {obstacle.what} — run with: {remedy}"
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = able.detect(Path(folder))
        except HarnessError as error:
            return f"{MARKER}: zones do not open ({error}) — run with: root, {COMMAND}"
        if found.enforced:
            return ""
        return f"{MARKER}: rules are not enforced here ({found}) — run with: root, {COMMAND}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Leave the test out, if there is a reason."""
        if item.get_closest_marker(MARKER) and self.reason:
            pytest.skip(self.reason)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what became of these tests."""
        if MARKER in report.keywords and (report.when == "call" or not report.passed):
            self.reports.append(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many ran, and name those that did not, with the way to run them."""
        if not self.reports:
            return
        terminalreporter.section(LABEL)
        terminalreporter.line(self.word())
        skipped = [each for each in self.reports if each.skipped]
        for each in skipped:
            terminalreporter.line(f"not run: {each.nodeid}")
        if skipped:
            terminalreporter.line(f"run them with: {COMMAND}")

    def pytest_sessionfinish(self) -> None:
        """Write the report, if one is wanted."""
        if self._folder is None or not self.reports:
            return
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "junit.xml").write_text(junit(self.reports), encoding="utf-8")
        (folder / "badge.svg").write_text(badge(LABEL, self.word()), encoding="utf-8")
        counts = Counter(each.outcome for each in self.reports)
        result = {"word": self.word(), "outcomes": counts, "reason": self.reason}
        (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    def word(self) -> str:
        """Return the result in a word: nothing that was left out makes it pass."""
        counts = Counter(each.outcome for each in self.reports)
        if counts["failed"]:
            return f"failing: {counts['failed']} of {counts.total()}"
        if counts["skipped"] or not counts["passed"]:
            return f"not run: {counts['skipped']} of {counts.total()}"
        return f"passing: {counts['passed']}"


def junit(reports: list[pytest.TestReport]) -> str:
    """Return these tests as JUnit XML."""
    suite = ET.Element("testsuite", name=LABEL, tests=str(len(reports)))
    for tag, outcome in (("failures", "failed"), ("skipped", "skipped")):
        suite.set(tag, str(sum(each.outcome == outcome for each in reports)))
    suite.set("time", f"{sum(each.duration for each in reports):.3f}")
    for each in reports:
        path, _, name = each.nodeid.partition("::")
        case = ET.SubElement(suite, "testcase", classname=path, name=name)
        case.set("time", f"{each.duration:.3f}")
        if each.failed:
            failure = ET.SubElement(case, "failure", message=_first_line(each))
            failure.text = each.longreprtext
        elif each.skipped:
            ET.SubElement(case, "skipped", message=_skip(each))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _skip(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def _first_line(report: pytest.TestReport) -> str:
    lines = [line for line in report.longreprtext.splitlines() if line.startswith("E ")]
    return (lines or report.longreprtext.splitlines() or ["failed"])[0].removeprefix("E ").strip()
