"""What somebody asked a run to do, as a value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Suite = Literal["smoke", "full", "nightly"]
"""What is played; `nightly` is the full suite of every system, and no run of its own."""

ClusterKind = Literal["local", "attached"]
SettingsChoice = Literal["tuned", "stock"]


@dataclass(frozen=True)
class Options:
    """One run: whose, which suite, on what, with which seed, and where its folder goes.

    `owned` names hosts beyond this machine that the user says are his to load.
    """

    system: str = "sparki"
    suite: Suite = "smoke"
    scenario: str | None = None
    plan: Path | None = None
    cluster: ClusterKind = "local"
    broker: str | None = None
    broker_settings: SettingsChoice = "tuned"
    alternative: str | None = None
    seed: int = 1
    out: Path | None = None
    owned: tuple[str, ...] = ()
