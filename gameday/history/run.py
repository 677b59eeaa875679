"""A stored run, loaded: all that judging it again needs, without a broker.

`load_run` reads the folder; what cannot be read, or does not fit together, becomes a *problem* in a
sentence, and the judge makes of it an unknown, never a pass.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from gameday.contracts.model import Contract
from gameday.contracts.topology import for_version
from gameday.errors import HarnessError, UsageError
from gameday.history.blocking import blocked_attempts
from gameday.history.bus import read_log
from gameday.history.drained import missing_from_drain, missing_from_reading
from gameday.history.history import History, build_history
from gameday.history.journal import Episode, Fault, Line, episodes, events, faults, read_journal
from gameday.history.ledger import Ledger, read_history
from gameday.history.records import Kind
from gameday.history.windows import Windows, build_windows

LOAD = "load"
"""The suite of a load test without a game day: no faults, no claims, no journal."""
WORK = "work"
SECOND_NS = 1_000_000_000
DISORDER_NS = SECOND_NS
"""How far a ledger's time may step back: a time is taken a little before its record is written."""


@dataclass(frozen=True)
class Run:
    """One run. `history` is the system's own clients'; `controls` holds each control's by name.

    `log` is what the services themselves wrote down.
    """

    folder: Path
    manifest: Mapping[str, Any]
    contract: Contract
    journal: tuple[Line, ...]
    plan: Mapping[str, Any]
    history: History
    controls: Mapping[str, History]
    generator: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...] = ()
    drain_missing: tuple[str, ...] = ()
    log: tuple[Mapping[str, Any], ...] = ()

    @property
    def zero_ns(self) -> int:
        """The monotonic time of the run's start: every axis counts from it."""
        return int(self.manifest["monotonic_zero_ns"])

    @property
    def version(self) -> str:
        """The broker's version."""
        return str(self.manifest["cluster"]["version"])

    @property
    def drain_complete(self) -> bool:
        """Whether absence means loss."""
        return not self.drain_missing

    @cached_property
    def samples(self) -> tuple[Mapping[str, Any], ...]:
        """What was seen of the broker from outside, once a second; a torn last line is left out."""
        return whole_lines(self.folder / "metrics" / "samples.jsonl")

    @cached_property
    def probes(self) -> tuple[Mapping[str, Any], ...]:
        """What the workers' health endpoints answered, in the order of asking."""
        return whole_lines(self.folder / "metrics" / "health.jsonl")

    @cached_property
    def windows(self) -> Windows:
        """The run's time, cut into phases and episodes."""
        return build_windows(self.journal)

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of the journal."""
        return faults(self.journal)

    @cached_property
    def episodes(self) -> tuple[Episode, ...]:
        """The episodes of the journal."""
        return episodes(self.journal)

    @cached_property
    def own_faults(self) -> tuple[Fault, ...]:
        """The faults of the system's own episodes, not of a control's."""
        own = {episode.id for episode in self.episodes if episode.control is None}
        return tuple(fault for fault in self.faults if fault.episode in own)

    @cached_property
    def stopped_ns(self) -> int:
        """When the publishers were stopped, or the end of the journal."""
        stops = events(self.journal, "drain", gate="publishers_stopped")
        last = max((line["time_ns"] for line in self.journal), default=self.zero_ns)
        return int(stops[0]["time_ns"]) if stops else int(last)

    @cached_property
    def blocked(self) -> npt.NDArray[np.bool_]:
        """Which attempts were due, or waited for an answer, while their publisher was blocked."""
        return blocked_attempts(self.history, self.own_faults, self.stopped_ns)

    def seconds(self, time_ns: float) -> float:
        """Return a time as seconds since the run's start."""
        return (float(time_ns) - self.zero_ns) / SECOND_NS


def load_run(folder: Path) -> Run:
    """Read a run folder; `UsageError` when it is none, `HarnessError` when it cannot be judged."""
    manifest = _manifest(folder)
    contract = _contract(folder, manifest)
    journal, wrong = read_journal(folder / "journal.jsonl")
    ledgers = read_history(folder / "history") if (folder / "history").is_dir() else []
    if manifest["suite"] == LOAD:
        wrong, missing = (), missing_from_reading(contract, ledgers)
    else:
        missing = missing_from_drain(journal, contract, ledgers)
    complete = not missing
    strangers = [each for each in ledgers if each.header.run != manifest["run"]]
    problems = [*wrong, *(f"ledger {each.header.process} is of run {each.header.run}"
                          for each in strangers)]  # fmt: skip
    work = [each for each in ledgers if each.header.scope == WORK]
    history = build_history(WORK, work, contract, drain_complete=complete)
    problems += _impossible(history, ledgers)
    return Run(
        folder, manifest, contract, journal, _json(folder / "plan.json"), history,
        _controls(ledgers, complete=complete), _generator(folder), tuple(problems), missing,
        read_log(folder),
    )  # fmt: skip


def _contract(folder: Path, manifest: Mapping[str, Any]) -> Contract:
    """Return the run's contract as its broker's version has it."""
    try:
        contract = Contract.model_validate(manifest["contract"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise HarnessError(
            f"{folder.name}'s contract cannot be read: {where}: {first['msg']}"
        ) from error
    return for_version(contract, str(manifest["cluster"]["version"]))


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.is_file():
        raise UsageError(f"{folder} is no run folder: it holds no manifest.json; name another")
    manifest: dict[str, Any] = _json(path)
    return manifest


def _json(path: Path) -> Any:
    try:
        return _object(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path} cannot be read: {error}") from error


def whole_lines(path: Path) -> tuple[Mapping[str, Any], ...]:
    """Read lines of JSON; none where there is no file, and a torn last one is left out."""
    texts = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    try:
        return tuple(map(_object, texts))
    except ValueError as error:
        raise HarnessError(f"{path} cannot be read: {error}") from error


def _object(text: str | bytes) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{found!r:.40} is no JSON object")  # noqa: TRY004  As JSON's own are.
    return found


def _controls(ledgers: list[Ledger], *, complete: bool) -> dict[str, History]:
    """Build the history of each negative control by its name."""
    scopes = sorted({each.header.scope for each in ledgers} - {WORK})
    return {
        scope: build_history(
            scope,
            [each for each in ledgers if each.header.scope == scope],
            None,
            drain_complete=complete,
        )
        for scope in scopes
    }


def corrupt(ledger: Ledger) -> list[str]:
    """Return what no writer of ours would have written."""
    kinds = np.ascontiguousarray(ledger.records["kind"])
    strange = np.setdiff1d(np.flatnonzero(np.bincount(kinds)), [int(kind) for kind in Kind])
    time_ns = ledger.records["time"].astype(np.int64)
    back = int(np.diff(time_ns).min(initial=0))
    found = [f"a record of kind {strange[0]}"] if len(strange) else []
    return [*found, *(["its time runs backwards"] if back < -DISORDER_NS else [])]


def _impossible(history: History, ledgers: list[Ledger]) -> list[str]:
    """Return what cannot be: two publishes of one name, an answer before its publish."""
    attempts = history.attempts
    repeated = attempts.finder.repeated
    early = int(((attempts.outcome_ns >= 0) & (attempts.outcome_ns < attempts.time_ns)).sum())
    found = [f"{len(repeated)} attempts share their name with another"] if len(repeated) else []
    found += [f"ledger {each.header.process} is corrupt: {text}" for each in ledgers
              for text in corrupt(each)]  # fmt: skip
    return [*found, *([f"{early} attempts were answered before they were made"] if early else [])]


def _generator(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """Read what the load processes said of themselves; a torn last line is left out."""
    lines: list[Mapping[str, Any]] = []
    for path in sorted((folder / "metrics").glob("generator-*.jsonl")):
        texts = path.read_bytes().split(b"\n")[:-1]
        lines += [{"file": path.name, **json.loads(text)} for text in texts]
    return tuple(lines)
