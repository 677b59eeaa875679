"""The verdict on a run that looked at the network alone: `gameday isolation`.

Its folder is a run's, with manifest and journal and nothing else; the claimed requirements are
judged by the same checks as in a game day. The same folder gives the same bytes.
"""

import json
from pathlib import Path

from gameday.errors import HarnessError
from gameday.history.criteria import network_criteria
from gameday.history.decision import EXIT_CODES, HARNESS, by_requirement, decide
from gameday.history.run import Run, load_run
from gameday.history.verdict import FILE_NAME, Verdict, head, plain, unreadable

KIND = "isolation"


def is_isolation(folder: Path) -> bool:
    """Whether a run folder is one of these."""
    path = folder / "manifest.json"
    if not path.is_file():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    return isinstance(found, dict) and found.get("kind") == KIND


def judge(folder: Path) -> Verdict:
    """Judge such a folder, and write its verdict into it."""
    try:
        verdict = judge_loaded(load_run(folder))
    except HarnessError as error:
        verdict = unreadable(folder, str(error))
    text = json.dumps(verdict.document, sort_keys=True, indent=1, allow_nan=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")
    return verdict


def judge_loaded(run: Run) -> Verdict:
    """Judge a loaded run."""
    rows = network_criteria(run)
    claimed = list(run.manifest["claimed"])
    decision, reason = decide(rows, claimed)
    statuses = by_requirement(rows)
    document = {
        **head(run.manifest, decision, reason),
        "passed": sum(statuses.get(name) == "pass" for name in claimed),
        "requirements": {name: statuses[name] for name in statuses if name != HARNESS},
        "criteria": rows, "faults": [], "ledger": {}, "generator": {}, "controls": [],
    }  # fmt: skip
    return Verdict(decision, EXIT_CODES[decision], reason, plain(document))
