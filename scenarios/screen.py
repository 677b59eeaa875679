"""Progress: what a person sees while a run lasts.

On a terminal one line is kept up to date: phase, fault, time left, and what the ledgers say so
far. Elsewhere (a log, CI) a line is written at each change and every ten seconds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

LOG_EVERY_S = 10.0


class Figures(Protocol):
    """What is known so far."""

    def figures(self) -> dict[str, int]:
        """Return confirmed, delivered, blocked and lost so far."""


class NoFigures:
    """Nothing is known yet."""

    def figures(self) -> dict[str, int]:
        """Return nothing."""
        return {}


@dataclass
class Screen:
    """Shows where a run stands. `expected_s` is how long the whole of it should take."""

    console: Console = field(default_factory=lambda: Console(stderr=True))
    figures: Figures = field(default_factory=NoFigures)
    expected_s: float = 0.0
    _begun: float = field(default_factory=time.monotonic)
    _phase: str = "prepare"
    _fault: str | None = None
    _what: str = ""
    _until: float = 0.0
    _logged: float = 0.0
    _live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(self, console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __rich__(self) -> Text:
        return self._line()

    def now(self) -> float:
        """Return seconds on the clock that all phases use."""
        return time.monotonic()

    def phase(self, name: str) -> None:
        """Show that a phase has begun."""
        self._phase, self._what = name, ""
        self._log()

    def fault(self, name: str | None) -> None:
        """Show what is broken now."""
        self._fault = name
        self._log()

    def step(self, what: str) -> None:
        """Show what is being done."""
        self._what = what
        self._log()

    def say(self, sentence: str) -> None:
        """Write a sentence that stays."""
        self.console.print(sentence, highlight=False)

    def wait(self, for_s: float, what: str, between: Callable[[], None]) -> None:
        """Let time pass while the load goes on; `between` looks after the run meanwhile."""
        self._what, self._until = what, self.now() + for_s
        self._log()

        def over() -> bool:
            between()
            if self.now() - self._logged > LOG_EVERY_S:
                self._log()
            return self.now() >= self._until

        wait_until(over, for_s + 60, what)
        self._what, self._until = "", 0.0

    def until(self, over: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait for something that takes its own time, and show that it goes on."""
        self.step(what)

        def look() -> bool:
            if self.now() - self._logged > LOG_EVERY_S:
                self._log()
            return over()

        wait_until(look, within_s, what)

    def _log(self) -> None:
        self._logged = self.now()
        if self._live is None:
            self.console.print(self._line(), highlight=False, soft_wrap=True)

    def _line(self) -> Text:
        passed = self.now() - self._begun
        left = max(0.0, self.expected_s - passed)
        parts: list[tuple[str, str]] = [
            (f"{passed:5.0f} s ", "dim"),
            (f"(about {left:.0f} s left) ", "dim"),
            (self._phase, "bold"),
        ]
        if self._fault:
            parts.append((f"  fault: {self._fault}", "bold red"))
        if self._what and self._what != self._fault:
            parts.append((f"  {self._what}", ""))
        if self._until:
            parts.append((f" {max(0.0, self._until - self.now()):.0f} s", "dim"))
        parts += [(f"  {name} {value}", _style(name, value)) for name, value in self._known()]
        return Text.assemble(*parts)

    def _known(self) -> list[tuple[str, Any]]:
        try:
            return list(self.figures.figures().items())
        except HarnessError:
            return []


def _style(name: str, value: int) -> str:
    return "bold red" if name == "lost so far" and value else ""
