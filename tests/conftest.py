"""What all tests share: where they belong, and why some were skipped.

A skip says `<marker>: <what is missing> — run with: <command>`; a reason of another form is a
failure. The reasons stand together at the end of a run. `--require=chromium,redis` turns the
skips of those markers into failures, for machines that are supposed to have them.
"""

import re
import signal
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from tests import network

FOLDERS = {"live": "live", "browser": "browser", "safety": "stand"}
MARKED = {Path(__file__).parent / folder: marker for folder, marker in FOLDERS.items()}
REASON = re.compile(r"(?P<marker>[\w. -]+): (?P<missing>.+) — run with: (?P<command>.+)")
FORM = "<marker>: <what is missing> — run with: <command>"


def pytest_configure(config: pytest.Config) -> None:
    """End as on Ctrl-C when told to: a cancelled job must not leave a cluster running.

    SIGINT too, which a shell's background job inherits as ignored.
    """
    config.pluginmanager.register(network.NetworkTests(config))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the markers whose skips count as failures."""
    parser.addoption(
        "--require",
        default="",
        metavar="MARKER,…",
        help=f"fail instead of skipping for these markers (a reason reads: {FORM})",
    )
    network.add_options(parser)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in the folders of slow tests: none can hide among fast ones.

    Live tests that do without the session's cluster are apart: they can run beside those with it.
    So are those that have a single node in its place.
    """
    for item in items:
        for folder, marker in MARKED.items():
            if folder in item.path.parents:
                item.add_marker(marker)
        fixtures = _fixtures(item)
        if item.get_closest_marker("live") and ("cluster" not in fixtures or "single" in fixtures):
            item.add_marker("apart")


def _fixtures(item: pytest.Item) -> Sequence[str]:
    """Return the names of the fixtures that a test asks for, and those that they ask for."""
    return getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the reason of a skipped test."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _judge_skip(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge the reason of a skipped file."""
    report = yield
    if report.skipped:
        _judge_skip(report, collector.config)
    return report


def _judge_skip(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    """Let a skip stand, or make a failure of it."""
    reason = skip_reason(report)
    match = REASON.fullmatch(reason)
    required = {each.strip() for each in config.getoption("--require").split(",")}
    if match is None:
        report.outcome = "failed"
        report.longrepr = f"skipped because of {reason!r}; give the reason as: {FORM}"
    elif match["marker"] in required:
        report.outcome = "failed"
        report.longrepr = f"--require={match['marker']} forbids this skip: {reason}"


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test or a file was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped, grouped by reason, with the way to run it."""
    reasons = Counter(skip_reason(each) for each in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("not run here")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count} times {reason}")
