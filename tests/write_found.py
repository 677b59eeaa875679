"""Note what was lost and found under each fault: `python -m tests.write_found RUN_FOLDER…`.

From the ledgers of runs that were played and decided: what fell due from an episode's beginning
until the next one's. `docs/found.json` keeps the newest run of each episode, system, design and
version; `python -m tests.write_faults` shows it. An episode of several kinds counts for each. What
belongs to a control alone strikes its messages only: what it lost of them is noted, as it should.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from gameday.history.checks.controls import judge_controls
from gameday.history.harm import CONTROL_FOR
from gameday.history.journal import Episode
from gameday.history.outcomes import Outcome
from gameday.history.records import Result
from gameday.history.run import Run, load_run
from gameday.history.verdicts import Verdict

FOUND = Path(__file__).parent.parent / "docs" / "found.json"
LOSSES = (Verdict.LOST, Verdict.LOST_AFTER_DELIVERY)
DIED = (Verdict.DLQ_UNEXPECTED, Verdict.DLQ_WRONG)
CONTROLS_OWN = "swallow_then_close"
"""The kind of fault that strikes no client of a system, but that of one control."""


def note(run: Run, known: dict[str, Any]) -> None:
    """Add what one run found under each of its faults, in place of what an earlier run found."""
    design = run.manifest.get("alternative") or "its own design"
    if run.manifest.get("broker_settings") == "stock":
        design += " with the broker's own settings"
    fresh: dict[tuple[str, str], dict[str, int]] = {}
    for episode in run.episodes:
        kinds = sorted({fault.kind for fault in episode.faults if fault.observed_ns is not None})
        if episode.control is not None or not kinds:
            continue
        counts = counted(run, episode)
        for kind in kinds:
            scenario = re.sub(r"-\d+$", "", episode.name)
            place = f"{scenario}, {run.contract.system}, {design}"
            so_far = fresh.setdefault((kind, place), dict.fromkeys(counts, 0))
            fresh[kind, place] = {name: so_far[name] + counts[name] for name in counts}
    for control in judge_controls(run):
        if control.caught and control.name == CONTROL_FOR[CONTROLS_OWN]:
            place = f"{control.name}, beside {run.contract.system}, {design}"
            fresh[CONTROLS_OWN, place] = {
                "episodes": 1, "confirmed": control.fault, "lost": control.fault_lost,
                "dead_letters_missing": 0, "died_wrongly": 0, "handled_again": 0,
            }  # fmt: skip
    for (kind, place), counts in fresh.items():
        known.setdefault(kind, {}).setdefault(run.version, {})[place] = counts


def counted(run: Run, episode: Episode) -> dict[str, int]:
    """Count what became of what fell due under an episode's faults, and in its recovery."""
    history = run.history
    copies, attempts, deliveries = history.copies, history.attempts, history.deliveries
    mine = np.array([window.episode == episode.id for window in run.windows.windows])
    struck = mine[run.windows.of(attempts.due_ns)][copies.attempt]
    sights = deliveries_of(run, struck)
    done = sights & (deliveries.result == Result.DONE)
    times_done = np.bincount(history.index.of_delivery[done], minlength=len(copies))
    return {
        "episodes": 1,
        "confirmed": int((struck & (copies.status == Outcome.OK)).sum()),
        "lost": int((struck & np.isin(copies.verdict, LOSSES)).sum()),
        "dead_letters_missing": int((struck & (copies.verdict == Verdict.DLQ_MISSING)).sum()),
        "died_wrongly": int((struck & np.isin(copies.verdict, DIED)).sum()),
        "handled_again": int(np.maximum(times_done - 1, 0).sum()),
    }


def deliveries_of(run: Run, struck: Any) -> Any:
    """Tell which deliveries to consumers are sights of these copies."""
    copy = run.history.index.of_delivery
    if not len(struck):
        return np.zeros(len(copy), bool)
    return (copy >= 0) & struck[copy] & ~run.history.deliveries.drained


def main(folders: list[str]) -> None:
    """Add these runs to the file, the oldest first."""
    known = json.loads(FOUND.read_text(encoding="utf-8")) if FOUND.exists() else {}
    for run in sorted((load_run(Path(each)) for each in folders), key=lambda run: run.folder.name):
        if not run.drain_complete:
            sys.stderr.write(f"{run.folder.name}: left out, for its drain did not finish\n")
            continue
        note(run, known)
    FOUND.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
