"""The test suite's own behaviour when something is missing on a machine."""

from pathlib import Path

import pytest

pytest_plugins = "pytester"

CONFTEST = Path(__file__).parent.parent / "conftest.py"
GOOD = "docker: no engine answers — run with: dockerd"
SOURCE = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_it(number):
    pytest.skip({reason!r})
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Give a suite of two tests that skip with a good reason, under our own conftest."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(SOURCE.format(reason=GOOD))
    return pytester


def test_skips_are_grouped_by_reason(suite: pytest.Pytester) -> None:
    """Two skips with one reason stand as one line at the end, with the way to run them."""
    result = suite.runpytest_inprocess()

    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*not run here*", f"2 times {GOOD}"])


def test_a_required_marker_may_not_skip(suite: pytest.Pytester) -> None:
    """`--require=docker` makes failures of skips for want of docker."""
    result = suite.runpytest_inprocess("--require=redis,docker")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*--require=docker forbids this skip*"])


def test_another_required_marker_changes_nothing(suite: pytest.Pytester) -> None:
    """`--require=redis` leaves skips for want of docker alone."""
    suite.runpytest_inprocess("--require=redis").assert_outcomes(skipped=2)


@pytest.mark.parametrize("reason", ["no docker", "docker: no engine answers"])
def test_a_reason_without_its_remedy_fails(pytester: pytest.Pytester, reason: str) -> None:
    """A skip that does not say how to run the test is a failure."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(SOURCE.format(reason=reason))

    pytester.runpytest_inprocess().assert_outcomes(failed=2)


def test_a_whole_file_may_skip_for_a_good_reason_only(pytester: pytest.Pytester) -> None:
    """A file that skips as a whole is held to the same form."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    skip = "import pytest\npytest.skip({!r}, allow_module_level=True)"
    pytester.makepyfile(test_good=skip.format(GOOD), test_bad=skip.format("nothing here"))

    pytester.runpytest_inprocess().assert_outcomes(skipped=1, errors=1)


def test_what_lies_in_live_is_live(pytester: pytest.Pytester) -> None:
    """A test in tests/live is deselected by `-m "not live"`, whether it is marked or not."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    live = pytester.mkdir("live")
    (live / "test_it.py").write_text("def test_it(): pass\n")

    result = pytester.runpytest_inprocess("-m", "not live")

    result.assert_outcomes(deselected=1)
