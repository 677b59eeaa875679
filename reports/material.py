"""The run folder as the report reads it: whatever is there, and a list of what is not.

A run that crashed leaves half a folder, and its report matters most; so a missing or torn file is
a sentence in the report, never an error. Text is made safe to show here, once: secrets in it are
masked, and characters that hide or reorder text are spelt out.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gameday.errors import HarnessError, UsageError
from gameday.history.history import History
from gameday.history.run import Run, load_run

Json = dict[str, Any]
SECRET_NAME = re.compile(r"password|passwd|secret|cookie|token|credential", re.IGNORECASE)
USER_INFO = re.compile(r"(://)[^/@\s'\"]+@")
UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]"
)
MASK = "***"


@dataclass(frozen=True)
class Material:
    """All that a report is made of. Empty where the run left nothing; `missing` says what."""

    folder: Path
    manifest: Json
    plan: Json
    journal: tuple[Json, ...]
    verdict: Json
    samples: tuple[Json, ...]
    generator: Mapping[str, tuple[Json, ...]]
    run: Run | None
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """The run's id."""
        return str(self.manifest.get("run") or self.folder.name)

    @cached_property
    def zero_ns(self) -> int:
        """The run's start on the monotonic clock: what every time axis counts from."""
        first = self.journal[0].get("time_ns") if self.journal else None
        return int(self.manifest.get("monotonic_zero_ns") or first or 0)

    def at_s(self, time_ns: float | None) -> float | None:
        """Return a moment as seconds since the run's start."""
        return None if time_ns is None else (time_ns - self.zero_ns) / 1e9

    def events(self, name: str, /, **fields: object) -> Iterator[Json]:
        """Yield the journal's events of this name whose fields are as given, in order."""
        for event in self.journal:
            if event.get("event") == name and all(
                event.get(key) == value for key, value in fields.items()
            ):
                yield event

    @property
    def history(self) -> History | None:
        """What the system's own clients did and saw, if it could be read."""
        return self.run.history if self.run else None

    @property
    def contract(self) -> Json:
        """The contract as the run had it."""
        return dict(self.manifest.get("contract") or {})

    @property
    def criteria(self) -> list[Json]:
        """The verdict's criteria."""
        return list(self.verdict.get("criteria") or [])


def load_material(folder: Path) -> Material:
    """Read what the folder holds; only a folder that is not there is an error."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no run folder is here; give the path of one")
    missing: list[str] = []
    manifest = _object(folder / "manifest.json", missing)
    metrics = folder / "metrics"
    generator = {
        path.stem.removeprefix("generator-"): _lines(path, missing)
        for path in sorted(metrics.glob("generator-*.jsonl"))
    }
    if not generator:
        missing.append("metrics/generator-*.jsonl: not written")
    return Material(
        folder=folder,
        manifest=manifest,
        plan=_object(folder / "plan.json", missing),
        journal=_lines(folder / "journal.jsonl", missing),
        verdict=_object(folder / "verdict.json", missing),
        samples=_lines(metrics / "samples.jsonl", missing),
        generator=generator,
        run=_run(folder, missing),
        missing=tuple(missing),
    )


def _run(folder: Path, missing: list[str]) -> Run | None:
    try:
        run = load_run(folder)
    except (HarnessError, UsageError, OSError, ValueError, LookupError, TypeError) as error:
        # A torn folder may break its reader anywhere: the report says so and goes on without.
        missing.append(f"history: cannot be read ({type(error).__name__}: {showable(str(error))})")
        return None
    known = {line.partition(":")[0] for line in missing}
    problems = [showable(problem) for problem in run.problems]
    missing.extend(problem for problem in problems if problem.partition(" ")[0] not in known)
    return run


def _object(path: Path, missing: list[str]) -> Json:
    found = _read(path, missing, json.loads)
    return clean(found) if isinstance(found, dict) else {}


def _lines(path: Path, missing: list[str]) -> tuple[Json, ...]:
    found = _read(path, missing, lambda text: [line for line in text.split("\n") if line])
    rows: list[Json] = []
    for line in found or []:
        try:
            row = json.loads(line)
        except ValueError:
            missing.append(f"{path.name}: line {len(rows) + 1} is torn; what follows is left out")
            break
        if isinstance(row, dict):
            rows.append(clean(row))
    return tuple(rows)


def _read(path: Path, missing: list[str], parse: Callable[[str], Any]) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        missing.append(f"{path.name}: not written")
    except (OSError, ValueError) as error:
        missing.append(f"{path.name}: cannot be read ({showable(str(error))})")
    return None


def clean(value: Any, name: str = "") -> Any:
    """Return a JSON value that may be shown: secrets masked, hidden characters spelt out."""
    if isinstance(value, dict):
        return {showable(str(key)): clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item, name) for item in value]
    if isinstance(value, str):
        return MASK if value and SECRET_NAME.search(name) else showable(value)
    return value


def showable(text: str) -> str:
    """Mask the user and password of addresses, and spell out what hides or reorders text."""
    masked = USER_INFO.sub(rf"\1{MASK}@", text)
    return UNSHOWABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", masked)
