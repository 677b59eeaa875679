"""The verdict on a stored run: `judge(folder)` writes `verdict.json`, and always the same bytes.

It reads the run folder and nothing else: no clock, no broker, no environment. Keys are sorted and
floats rounded. `verdict.schema.json` beside this module is its published JSON Schema.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gameday.errors import HarnessError
from gameday.history.checks.controls import judge_controls
from gameday.history.checks.harness import lags
from gameday.history.counts import ledger_counts
from gameday.history.criteria import Judging, criteria
from gameday.history.decision import EXIT_CODES, HARNESS, INCONCLUSIVE, by_requirement, decide
from gameday.history.finding import name_of
from gameday.history.journal import Fault
from gameday.history.repair import write_repair_lists
from gameday.history.run import Run, load_run

SCHEMA = Path(__file__).with_name("verdict.schema.json")
SCHEMA_VERSION = 1
FILE_NAME = "verdict.json"
DIGITS = 6


@dataclass(frozen=True)
class Verdict:
    """The decision with its exit code, its sentence, and the whole document."""

    decision: str
    exit_code: int
    reason: str
    document: dict[str, Any]


def judge(folder: Path) -> Verdict:
    """Judge a run folder, and write its verdict into it."""
    try:
        run = load_run(folder)
    except HarnessError as error:
        verdict = unreadable(folder, str(error))
    else:
        verdict = judge_run(run)
        write_repair_lists(run)
    text = json.dumps(verdict.document, sort_keys=True, indent=1, allow_nan=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")
    return verdict


def judge_run(run: Run) -> Verdict:
    """Judge a loaded run."""
    rows = criteria(run, Judging(run))
    claimed = list(run.manifest["claimed"])
    decision, reason = decide(rows, claimed)
    statuses = by_requirement(rows)
    document = {
        **head(run.manifest, decision, reason),
        "passed": sum(statuses.get(name) == "pass" for name in claimed),
        "requirements": {name: statuses[name] for name in statuses if name != HARNESS},
        "criteria": rows,
        "faults": [_fault(run, fault) for fault in run.faults],
        "ledger": ledger_counts(run),
        "generator": _generator(run),
        "controls": [_control(control) for control in judge_controls(run)],
    }
    return Verdict(decision, EXIT_CODES[decision], reason, plain(document))


def head(manifest: Any, decision: str, reason: str) -> dict[str, Any]:
    """Return what every verdict begins with."""
    return {
        "schema_version": SCHEMA_VERSION,
        "decision": decision,
        "exit_code": EXIT_CODES[decision],
        "reason": reason,
        "run": manifest["run"],
        "claimed": len(manifest["claimed"]),
        "claimed_ids": list(manifest["claimed"]),
        "system": manifest["system"],
        "suite": manifest["suite"],
        "seed": manifest["seed"],
        "versions": {
            "broker": manifest["cluster"]["version"],
            "erlang": manifest["cluster"].get("erlang"),
            "python": manifest.get("python"),
            "git": manifest.get("git"),
            "libraries": manifest.get("libraries", {}),
        },
    }


def unreadable(folder: Path, reason: str) -> Verdict:
    """Return the verdict on a run whose records cannot be read: nothing can be told."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    row = {
        "id": f"{HARNESS}/ledgers", "requirement": HARNESS, "statement": "", "status": "unknown",
        "reason": reason, "how": "", "measured": None, "unit": "", "n": 0, "interval": None,
        "threshold": None, "margin": None, "details": {},
        "evidence": {"link": f"{HARNESS}-ledgers", "examples": []},
    }  # fmt: skip
    document = {
        **head(manifest, INCONCLUSIVE, reason), "passed": 0, "requirements": {},
        "criteria": [row], "faults": [], "ledger": {}, "generator": {}, "controls": [],
    }  # fmt: skip
    return Verdict(INCONCLUSIVE, EXIT_CODES[INCONCLUSIVE], reason, plain(document))


def _fault(run: Run, fault: Fault) -> dict[str, Any]:
    def at(step: str) -> float | None:
        return run.seconds(fault.steps[step]) if step in fault.steps else None

    seen = fault.evidence.get("observed") or fault.evidence.get("not_observed")
    return {
        "id": fault.id, "episode": fault.episode, "kind": fault.kind, "class": fault.fault_class,
        "target": fault.target, "requested_at_s": at("intent"), "applied_at_s": at("applied"),
        "observed_at_s": at("observed"), "effect": seen, "reverted_at_s": at("reverted"),
        "restored_at_s": at("restored"),
    }  # fmt: skip


def _generator(run: Run) -> dict[str, Any]:
    """Return what the load was: offered and sent, its lag, its processor time."""
    lag_ms, _ = lags(run.history, run.stopped_ns)
    lines = run.generator
    seconds = len({line["time_ns"] // 1_000_000_000 for line in lines})
    offered, sent = (sum(line.get(name, 0) for line in lines) for name in ("offered", "sent"))
    return {
        "offered": offered, "sent": sent, "seconds": seconds,
        "offered_per_s": offered / seconds if seconds else None,
        "achieved_per_s": sent / seconds if seconds else None,
        "confirmed": sum(line.get("confirmed", 0) for line in lines),
        "lag_max_ms": float(np.max(lag_ms)) if len(lag_ms) else None,
        "lag_reported_max_ms": max((line.get("lag_max_ms", 0) for line in lines), default=None),
        "cpu_percent_max": max((line.get("cpu_percent", 0) for line in lines), default=None),
        "dropped": run.history.dropped,
    }  # fmt: skip


def _control(control: Any) -> dict[str, Any]:
    return {**asdict(control), "examples": [name_of(each) for each in control.examples]}


def plain(value: Any) -> Any:
    """Return a value as JSON takes it: floats rounded, infinity and no number as null."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
