"""What somebody asked a run to do, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gameday.errors import UsageError

Suite = Literal["smoke", "full", "nightly"]
"""What is played; `nightly` is the full suite of every system, and no run of its own."""

ClusterKind = Literal["local", "compose", "attached"]
SettingsChoice = Literal["tuned", "stock"]


@dataclass(frozen=True)
class Options:
    """One run: whose, which suite, on what, with which seed, and where its folder goes.

    `owned` names hosts beyond this machine that the user says are his to load; `variables` are
    the contract's, as `NAME=VALUE`. With `tls` a cluster of our own speaks nothing else.
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
    variables: tuple[str, ...] = ()
    tls: bool = False
    cluster_file: Path | None = None
    """An attached cluster's nodes, and the commands by which its owner lets it be broken."""
    dry_run: bool = False
    """Whether those commands are only to be shown."""


def parse_variables(words: Sequence[str]) -> dict[str, str]:
    """Return `NAME=VALUE` words as a mapping; of two for one name the last counts."""
    for word in words:
        if "=" not in word:
            raise UsageError(f"--set: {word!r} gives no value: write NAME=VALUE")
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that an option does not know."""
    if value not in known:
        raise UsageError(f"{option}: {value!r} is none of {', '.join(known)}.")
