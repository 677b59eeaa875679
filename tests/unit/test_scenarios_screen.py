"""Progress: what a log says while a run lasts, and that nothing of it can fail the run."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from gameday.errors import HarnessError
from scenarios.screen import Screen

KNOWN = {"confirmed": 1200, "delivered": 1100, "blocked": 3, "lost so far": 0}


class Known:
    """Figures as they stand in the middle of a run."""

    def figures(self) -> dict[str, int]:
        """Return them."""
        return KNOWN


class Broken:
    """Figures that cannot be had now."""

    def figures(self) -> dict[str, int]:
        """Fail as the harness does."""
        raise HarnessError("the ledger is being written")


@pytest.fixture
def text() -> io.StringIO:
    """Give what is written."""
    return io.StringIO()


@pytest.fixture
def screen(text: io.StringIO) -> Screen:
    """Give a screen that is no terminal."""
    console = Console(file=text, force_terminal=False, width=60)
    return Screen(console, Known(), expected_s=300)


def test_a_line_names_everything(screen: Screen, text: io.StringIO) -> None:
    """A line of the log has phase, fault, time left, confirmed, delivered, blocked and lost."""
    screen.phase("trouble")
    screen.fault("kill-leader")

    line = text.getvalue().splitlines()[-1]

    assert "trouble" in line
    assert "fault: kill-leader" in line
    assert "about 300 s left" in line
    for name, value in KNOWN.items():
        assert f"{name} {value}" in line


def test_lines_are_not_broken(screen: Screen, text: io.StringIO) -> None:
    """Each change is one line, however narrow the place that it is written to."""
    screen.phase("steady")
    screen.step("consumers done")
    screen.fault("partition-silent")

    assert len(text.getvalue().splitlines()) == 3


def test_a_healed_fault_disappears(screen: Screen, text: io.StringIO) -> None:
    """Once a fault is over, no later line names it."""
    screen.fault("disk-alarm")
    screen.fault(None)

    assert "disk-alarm" not in text.getvalue().splitlines()[-1]


def test_a_new_phase_forgets_the_step(screen: Screen, text: io.StringIO) -> None:
    """What was being done in one phase is not shown in the next."""
    screen.step("starting r2")
    screen.phase("drain")

    assert "starting r2" not in text.getvalue().splitlines()[-1]


def test_waiting_looks_after_the_run(screen: Screen) -> None:
    """While time passes, what looks after the run is called; what it raises ends the wait."""
    calls: list[int] = []

    def between() -> None:
        calls.append(1)

    screen.wait(0.05, "baseline", between)

    assert calls


def test_a_failure_ends_the_wait(screen: Screen) -> None:
    """A load process that ended by itself stops the waiting, and is not swallowed."""

    def between() -> None:
        raise HarnessError("locust ended")

    with pytest.raises(HarnessError, match="locust ended"):
        screen.wait(30, "baseline", between)


def test_figures_that_fail_are_left_out(text: io.StringIO) -> None:
    """Progress without figures is still progress."""
    screen = Screen(Console(file=text, width=200), Broken())

    screen.phase("steady")

    assert "steady" in text.getvalue()
    assert "confirmed" not in text.getvalue()


def test_losses_stand_out() -> None:
    """On a terminal a loss is red, and no loss is not."""

    class Lossy(Known):
        def figures(self) -> dict[str, int]:
            return {"lost so far": 2}

    def colours(figures: Callable[[], Known]) -> str:
        text = io.StringIO()
        console = Console(file=text, force_terminal=True, color_system="standard", width=200)
        Screen(console, figures()).__rich__()
        console.print(Screen(console, figures()))
        return text.getvalue()

    assert "31m  lost so far 2" in colours(Lossy)
    assert "31m" not in colours(Known)


def test_a_terminal_has_one_live_line() -> None:
    """On a terminal the line is kept up to date, and leaves the terminal as it was."""
    text = io.StringIO()
    screen = Screen(Console(file=text, force_terminal=True, width=200), Known())

    with screen:
        screen.phase("trouble")

    assert "\x1b[?25h" in text.getvalue(), "the cursor is shown again"
