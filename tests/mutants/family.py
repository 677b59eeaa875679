"""A family of damages to one good run: which check claims to see each, and how that is proven."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from gameday.history.checks import CHECKS, look
from gameday.history.finding import Finding
from gameday.history.run import Run, load_run
from tests.fake_folder import FakeRun
from tests.fakes import simulate


@dataclass(frozen=True)
class Claim:
    """Which check must see a damage, with which status, and a word that its reason must hold."""

    check: str
    status: str
    word: str


@dataclass(frozen=True)
class Family:
    """The damages of a module, the run that they damage, and the checks that claim to see them.

    `beside` are checks of other families, which the undamaged run must pass, too. `quiet` are the
    checks that have nothing to see in a run of another system: they must say so.
    """

    damages: ModuleType
    claims: dict[str, Claim]
    written: Callable[[], FakeRun]
    criteria: dict[str, dict[str, Any]]
    beside: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the family is called in a test's name."""
        return self.damages.__name__.rpartition("_")[2]

    def make(self, check: str, run: Run) -> Finding:
        """Make a check as the family's contract asks for it."""
        return look(CHECKS[check], check, run, self.criteria.get(check, {}))

    def damaged(self, name: str, folder: Path) -> Finding:
        """Return what the check that claims a damage finds after it."""
        run = deepcopy(self.written())
        getattr(self.damages, name)(run)
        return self.make(self.claims[name].check, loaded(run, folder))


def loaded(run: FakeRun, folder: Path) -> Run:
    """Write a run, and read it back."""
    return load_run(run.write(folder / "run"))


def damages_of(module: ModuleType) -> set[str]:
    """Return the names of a module's damages."""
    return {
        name for name, value in vars(module).items()
        if callable(value) and value.__module__ == module.__name__ and name[0] != "_"
    }  # fmt: skip


@cache
def plain_run() -> Run:
    """Return a good run of a system that makes none of the families' promises."""
    with TemporaryDirectory() as folder:
        return loaded(simulate(300, 1), Path(folder))
