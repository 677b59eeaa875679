"""Verdicts of many nights: one line a run in a file of JSON Lines, and what broke after a streak.

A *series* is what can be compared from night to night: one system, suite, design, broker version,
settings and kind of cluster. A *regression* is something that held for at least three nights of a
series in a row, the whole decision or one requirement, and does not hold in the newest.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gameday.errors import UsageError

STREAK = 3
"""How many nights in a row something must have held before its breaking is a regression."""

OWN = "its own"

Series = tuple[str, str, str, str, str, str]
"""System, suite, design, broker version, broker settings, kind of cluster."""


@dataclass(frozen=True)
class Night:
    """One run's verdict, as much of it as is compared."""

    run: str
    at: str
    system: str
    suite: str
    design: str
    broker: str
    settings: str
    decision: str
    passed: int
    claimed: int
    git: str
    reason: str
    requirements: Mapping[str, str]
    cluster: str = "local"
    """The kind of cluster; the first nights of a file do not say it, and were local."""

    @property
    def series(self) -> Series:
        """What it is compared with."""
        return (self.system, self.suite, self.design, self.broker, self.settings, self.cluster)

    @property
    def where(self) -> str:
        """What is said of its cluster, where that was not a local one."""
        return "" if self.cluster == "local" else f", {self.cluster}"


@dataclass(frozen=True)
class Regression:
    """What broke, where, and after how many nights in a row in which it held."""

    night: Night
    what: str
    held: int
    since: str

    @property
    def sentence(self) -> str:
        """Name it in a sentence."""
        night = self.night
        return (
            f"{night.system} {night.suite} ({night.design}, RabbitMQ {night.broker}{night.where}): "
            f"{self.what} in {night.run}, after {self.held} nights in a row that it held "
            f"(since {self.since})"
        )


def night_of(folder: Path) -> Night:
    """Read one run's verdict; `UsageError` where there is none, or it is a migration's."""
    manifest, verdict = _read(folder, "manifest.json"), _read(folder, "verdict.json")
    try:
        return Night(
            run=manifest["run"], at=manifest["started_at"], system=manifest["system"],
            suite=manifest["suite"], design=manifest["alternative"] or OWN,
            broker=manifest["cluster"]["version"], settings=manifest["broker_settings"],
            decision=verdict["decision"], passed=verdict["passed"], claimed=verdict["claimed"],
            git=manifest["git"], reason=verdict["reason"], requirements=verdict["requirements"],
            cluster=manifest["cluster"]["kind"],
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{folder}: is no game day's run ({error} is missing); name a folder that "
            "`gameday run` has made"
        ) from error


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder}: has no {name}; judge it first: gameday check {folder}"
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{folder}/{name}: cannot be read ({error}); judge it again: gameday check {folder}"
        ) from error
    return document if isinstance(document, dict) else {}


def read_nights(path: Path) -> tuple[Night, ...]:
    """Read the nights of a file, the oldest first; none where there is no file yet."""
    if not path.exists():
        return ()
    nights = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            nights.append(Night(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"{path}:{number}: is no night's verdict ({error}); take the line out, or name "
                "another file with --file"
            ) from error
    return tuple(sorted(nights, key=lambda night: (night.at, night.run)))


def add_nights(path: Path, new: Iterable[Night]) -> tuple[Night, ...]:
    """Add runs that a file does not have yet, by whole lines; return all of its nights."""
    known = {night.run for night in read_nights(path)}
    fresh = {night.run: night for night in new if night.run not in known}
    if fresh:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(asdict(night)) + "\n" for night in fresh.values())
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    return read_nights(path)


def by_series(nights: Iterable[Night]) -> dict[Series, list[Night]]:
    """Return the nights of each series, the oldest first."""
    found: dict[Series, list[Night]] = {}
    for night in nights:
        found.setdefault(night.series, []).append(night)
    return dict(sorted(found.items()))


def regressions(nights: Iterable[Night], streak: int = STREAK) -> list[Regression]:
    """Return what held for a streak and broke in the newest night of its series."""
    found = []
    for those in by_series(nights).values():
        *before, newest = those
        held = _held([night.decision for night in before], "GO")
        if newest.decision != "GO" and held >= streak:
            found.append(Regression(newest, newest.decision, held, before[-held].run))
        for name, status in newest.requirements.items():
            held = _held([night.requirements.get(name, "") for night in before], "pass")
            if status in {"fail", "unknown"} and held >= streak:
                what = f"{name} is {status}"
                found.append(Regression(newest, what, held, before[-held].run))
    return found


def _held(values: list[str], good: str) -> int:
    """Return how many of the newest values in a row are the good one."""
    count = 0
    for value in reversed(values):
        if value != good:
            break
        count += 1
    return count
