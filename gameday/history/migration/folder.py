"""A stored migration, loaded: rows, legs, rehearsal, and the tasks of each, without a broker.

The folder is told in docs/migration.md. What cannot be read, or does not fit together, becomes a
*problem* in a sentence, and the judge makes of it an unknown, never a pass.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gameday.errors import HarnessError, UsageError
from gameday.history.journal import Line, events, read_journal
from gameday.history.ledger import Ledger, read_ledger
from gameday.history.migration.effects import failures
from gameday.history.migration.manifest import (
    KIND,
    RABBITMQ,
    REDIS,
    Leg,
    Read,
    Row,
    Step,
    read_manifest,
)
from gameday.history.migration.tasks import Tasks, build_tasks
from gameday.history.run import SECOND_NS, corrupt, whole_lines


@dataclass(frozen=True)
class Migration:
    """One comparison. `drained` says of each scope why its losses are unknown, empty if known."""

    folder: Path
    manifest: Mapping[str, Any]
    rules: Mapping[str, Any]
    rows: tuple[Row, ...]
    legs: tuple[Leg, ...]
    steps: tuple[Step, ...]
    tasks: Mapping[str, Tasks]
    drained: Mapping[str, str]
    costs: tuple[Mapping[str, Any], ...]
    journal: tuple[Line, ...]
    problems: tuple[str, ...]

    @cached_property
    def candidate(self) -> str:
        """The RabbitMQ row that the decision is about; empty where there is none."""
        rabbits = [row.id for row in self.rows if row.broker == RABBITMQ]
        named = [str(self.manifest.get("candidate") or ""), *(step.to_row for step in self.steps),
                 *rabbits]  # fmt: skip
        return next((each for each in named if each in rabbits), "")

    @cached_property
    def redis(self) -> tuple[Row, ...]:
        """The rows that the candidate is compared with."""
        return tuple(row for row in self.rows if row.broker == REDIS)

    @cached_property
    def zero_ns(self) -> int:
        """The time that every axis counts from."""
        begins = [*(leg.begin_ns for leg in self.legs), *(step.begin_ns for step in self.steps)]
        return int(self.manifest.get("monotonic_zero_ns") or min(begins, default=0))

    def of(self, row: str, *kinds: str) -> list[Leg]:
        """Return the legs of a row, of some kinds or of all."""
        return [leg for leg in self.legs if leg.row == row and (not kinds or leg.kind in kinds)]

    def label(self, row: str) -> str:
        """Return how a row is called in tables."""
        return next((each.label for each in self.rows if each.id == row), row)

    def seconds(self, time_ns: float) -> float:
        """Return a time as seconds since the beginning."""
        return (float(time_ns) - self.zero_ns) / SECOND_NS


def is_migration(folder: Path) -> bool:
    """Tell whether a run folder holds a migration."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == KIND


def load_migration(folder: Path) -> Migration:
    """Read a folder; `UsageError` when it is none, `HarnessError` when it cannot be judged."""
    if not is_migration(folder):
        raise UsageError(
            f"{folder} holds no migration; name one whose manifest.json is of kind `migration`"
        )
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = read_manifest(manifest)
    journal, wrong = read_journal(folder / "journal.jsonl")
    scopes = [*(leg.id for leg in found.legs), *(step.scope for step in found.steps)]
    ledgers = _ledgers(folder / "history")
    drained = {scope: missing_drain(journal, scope) for scope in scopes}
    tasks = {
        scope: build_tasks(scope, ledgers.get(scope, []), drain_complete=not drained[scope])
        for scope in scopes
    }
    every = [each for mine in ledgers.values() for each in mine]
    problems = [*wrong, *_strange(manifest, scopes, found, every), *_torn(tasks), *failures(folder)]
    return Migration(
        folder, manifest, found.rules, found.rows, found.legs, found.steps, tasks, drained,
        whole_lines(folder / "metrics" / "costs.jsonl"), journal, tuple(problems),
    )  # fmt: skip


def _ledgers(folder: Path) -> dict[str, list[Ledger]]:
    """Read every ledger, by scope; process numbers are unique within a scope."""
    found: dict[str, list[Ledger]] = {}
    for path in sorted(folder.rglob("*.ledger")):
        ledger = read_ledger(path)
        mine = found.setdefault(ledger.header.scope, [])
        if any(each.header.process == ledger.header.process for each in mine):
            raise HarnessError(
                f"{path}: a second ledger of process {ledger.header.process} in the scope "
                f"{ledger.header.scope}"
            )
        mine.append(ledger)
    return found


def missing_drain(journal: Iterable[Line], scope: str) -> str:
    """Return why a scope's losses cannot be told, empty where its drain finished."""
    lines = events(journal, "drain", gate=scope)
    if not lines:
        return "it was never drained"
    if not lines[-1].get("ok"):
        return str(lines[-1].get("detail") or "the drain did not finish")
    return ""


def _strange(
    manifest: Mapping[str, Any], scopes: list[str], read: Read, ledgers: Iterable[Ledger]
) -> list[str]:  # fmt: skip
    """Return what cannot be: a strange run, a scope or a row that nobody knows, broken records."""
    names = {row.id for row in read.rows}
    found = [f"leg {leg.id} is of a row {leg.row} that is not there" for leg in read.legs
             if leg.row not in names]  # fmt: skip
    found += [f"two legs or steps share the scope {scope}" for scope in sorted(set(scopes))
              if scopes.count(scope) > 1]  # fmt: skip
    for ledger in ledgers:
        head = ledger.header
        name = f"ledger {head.process} of {head.scope}"
        if head.run != manifest.get("run"):
            found.append(f"{name} is of run {head.run}")
        if head.scope not in scopes:
            found.append(f"{name} belongs to no leg and to no step")
        found += [f"{name} is corrupt: {text}" for text in corrupt(ledger)]
    return found


def _torn(tasks: Mapping[str, Tasks]) -> list[str]:
    """Return scopes in which two publishes share a name, or were answered before they were made."""
    found = []
    for scope, each in tasks.items():
        attempts = each.history.attempts
        if len(attempts.finder.repeated):
            found.append(f"{scope}: {len(attempts.finder.repeated)} publishes share their name")
        early = (attempts.outcome_ns >= 0) & (attempts.outcome_ns < attempts.time_ns)
        if np.any(early):
            found.append(f"{scope}: {int(early.sum())} publishes were answered before they were "
                         "made")  # fmt: skip
    return found
