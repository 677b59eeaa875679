"""The verdict on a stored migration: `judge(folder)` writes `verdict.json`, always the same bytes.

It reads the folder and nothing else. `verdict.schema.json` beside this module is its published
JSON Schema.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gameday.errors import HarnessError
from gameday.history.decision import HARNESS, INCONCLUSIVE, by_requirement
from gameday.history.finding import unknown
from gameday.history.migration.figures import leg_figures, step_figures
from gameday.history.migration.folder import Migration, load_migration
from gameday.history.migration.judged import REQUIREMENTS, Judged, row
from gameday.history.migration.losses import dead_letters, losses, timeouts
from gameday.history.migration.promises import (
    effectiveness,
    gains,
    in_time,
    many_at_once,
    ordered,
    starvation,
    trap,
)
from gameday.history.migration.rehearsal import rehearsal, rollback, service
from gameday.history.migration.rules import CODES, SENTENCES, decide
from gameday.history.migration.sweep import named, settings, sweep
from gameday.history.migration.trust import trust
from gameday.history.migration.weighing import costs, redis_better, risks, untested
from gameday.history.verdict import FILE_NAME, Verdict, plain

SCHEMA = Path(__file__).with_name("verdict.schema.json")
SCHEMA_VERSION = 1

Check = Callable[[Migration], Iterator[Judged]]

CHECKS: Mapping[str, Check] = {
    "losses": losses, "dead_letters": dead_letters, "timeouts": timeouts, "in_time": in_time,
    "gains": gains, "ordered": ordered, "trap": trap, "many_at_once": many_at_once,
    "starvation": starvation, "effectiveness": effectiveness, "sweep": sweep,
    "rehearsal": rehearsal, "service": service, "rollback": rollback, "trust": trust,
}  # fmt: skip
"""Everything that judges, in the order of the criteria."""

ALWAYS = ("loss", "gain", "urgent", "rehearsal", "rollback")
"""The checks without which there is no GO, whatever the suite claims."""


def judge(folder: Path) -> Verdict:
    """Judge a migration's folder, and write its verdict into it."""
    try:
        migration = load_migration(folder)
    except HarnessError as error:
        verdict = _unreadable(folder, str(error))
    else:
        verdict = judge_migration(migration)
    text = json.dumps(verdict.document, sort_keys=True, indent=1, allow_nan=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")
    return verdict


def judge_migration(migration: Migration) -> Verdict:
    """Judge a loaded migration."""
    criteria = [row(migration, judged) for check in CHECKS.values() for judged in check(migration)]
    criteria = _numbered([*criteria, *_never_judged(migration, criteria)])
    claimed = _claimed(migration, criteria)
    decision, reason = decide(criteria, claimed)
    statuses = by_requirement(criteria)
    table = [leg_figures(migration, leg) for leg in migration.legs]
    rehearsed = [step_figures(migration, step) for step in migration.steps]
    swept = settings(migration)
    document = {
        **_head(migration.manifest, decision, reason), "candidate": migration.candidate,
        "claimed": len(claimed), "claimed_ids": claimed,
        "passed": sum(statuses.get(name) == "pass" for name in claimed),
        "requirements": {name: statuses[name] for name in statuses if name != HARNESS},
        "criteria": criteria,
        "rules": {"thresholds": dict(migration.rules), "sentences": list(SENTENCES)},
        "rows": [{"id": each.id, "broker": each.broker, "setting": each.setting,
                  "label": each.label, "settings": dict(each.settings)} for each in migration.rows],
        "table": table, "rehearsal": rehearsed,
        "best_setting": named(swept[0]) if swept else None,
        "redis_better": redis_better(migration, table),
        "risks": risks(migration, table, rehearsed), "costs": costs(migration, table),
        "untested": untested(migration, set(statuses)),
    }  # fmt: skip
    return Verdict(decision, CODES[decision], reason, plain(document))


def _numbered(criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell criteria of one name apart by a number."""
    seen: Counter[str] = Counter()
    for each in criteria:
        name = each["id"]
        seen[name] += 1
        if seen[name] > 1:
            each["id"] = f"{name}-{seen[name]}"
            each["evidence"]["link"] = each["id"].replace("/", "-")
    return criteria


def _never_judged(migration: Migration, criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an unknown for each check that no GO can do without and that had nothing to judge."""
    made = {each["id"].split("/")[1].split("-")[0] for each in criteria}
    return [
        row(
            migration,
            Judged(check, "", "", unknown(f"nothing was played that {check} could judge")),
        )
        for check in ALWAYS
        if check not in made
    ]


def _claimed(migration: Migration, criteria: list[dict[str, Any]]) -> list[str]:
    """Return what the suite claims: what its manifest says, else all that was judged."""
    system = migration.manifest.get("system", "migration")
    always = {f"{system}-{REQUIREMENTS[check]}" for check in ALWAYS}
    named_ids = migration.manifest.get("claimed")
    judged = {each["requirement"] for each in criteria} - {HARNESS}
    return sorted(always | set(judged if named_ids is None else named_ids))


def _head(manifest: Mapping[str, Any], decision: str, reason: str) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION, "kind": "migration", "decision": decision,
        "exit_code": CODES[decision], "reason": reason, "run": manifest.get("run", ""),
        "system": manifest.get("system", ""), "suite": manifest.get("suite", ""),
        "seed": manifest.get("seed"), "versions": dict(manifest.get("versions") or {}),
    }  # fmt: skip


def _unreadable(folder: Path, reason: str) -> Verdict:
    """Return the verdict on a folder whose records cannot be read: nothing can be told."""
    raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest = {name: raw[name] for name in ("run", "system", "suite")
                if isinstance(raw.get(name), str)}  # fmt: skip
    nothing = Migration(folder, manifest, {}, (), (), (), {}, {}, (), (), ())
    criterion = row(nothing, Judged("records", "", "Records-Whole", unknown(reason)))
    document = {
        **_head(manifest, INCONCLUSIVE, reason), "candidate": "", "claimed": 0, "claimed_ids": [],
        "passed": 0, "requirements": {}, "criteria": [criterion],
        "rules": {"thresholds": {}, "sentences": list(SENTENCES)}, "rows": [], "table": [],
        "rehearsal": [], "best_setting": None, "redis_better": [], "risks": [], "costs": [],
        "untested": [],
    }  # fmt: skip
    return Verdict(INCONCLUSIVE, CODES[INCONCLUSIVE], reason, plain(document))
