"""Write docs/requirements.md, requirement by requirement: `python -m tests.write_requirements`.

Claim, checks and scenarios come from the contracts; the status comes from `docs/requirements.json`,
which holds the last full run of each system. A run folder among the arguments takes the place of
what is recorded for its system: `python -m tests.write_requirements reports/runs/latest`. Only a
full suite of the contract's own design, or of the alternative that is recorded beside it, counts; a
folder of `gameday isolation` is kept beside them, for the rows that it judges.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gameday.contracts.load import load_contract, systems
from gameday.contracts.model import Contract, Play, Requirement
from gameday.history.isolated import is_isolation
from gameday.history.journal import read_journal
from scenarios.isolating import rows_of
from scenarios.library import BY_NAME
from scenarios.scenario import Scenario
from scenarios.suites import COMMON, suite_plays

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "requirements.md"
RECORDED = ROOT / "docs" / "requirements.json"

HEAD = """# Every requirement: its claim, its check, its scenarios, its last verdict

Written by `python -m tests.write_requirements` from the contracts and `docs/requirements.json`; a
test holds it to them. No row of a system's plan is missing: what is not judged says why, and how
it could be. A status is that of the last full run on the broker named above each table:

```console
.venv/bin/gameday run SYSTEM --suite full
.venv/bin/python -m tests.write_requirements reports/runs/latest
```

*pass*, *fail* and *unknown* are the run's; *not claimed* has its criteria judged where their
evidence is, and is claimed by no suite; *not tested* has its reason beside it.
"""

MISSION = (
    ("mission-01", "priority latency and the objective of less than 5 s, for every system",
     "`sla` in the contract of each system with priorities", "their suites"),
    ("mission-02", "`locust -f loadtests` works by itself", "headless, and with its page",
     "tests/live/test_loadtests.py"),
    ("mission-03", "node kills, partitions and disk alarms under priority-mixed load, proven",
     "`exposure` in each system's contract, on containers too (docs/containers.md)",
     "tests/live/test_chaos_faults.py, tests/live/test_chaos_containers.py, and their suites"),
    ("mission-04", "persistence and dead-letter routing are verified by id, for each copy",
     "`loss` and `dead_letters` in each system's contract", "their suites"),
    ("mission-05", "HTML reports; a go/no-go report for the migration",
     "each run's report.html; `gameday migrate` and its migration.html",
     "tests/browser/test_report_browser.py, tests/live/test_migration_rehearsal.py"),
    ("mission-06", "nightly game days in CI",
     "`scripts/nightly.sh`, which the workflow calls: every system in full, and the trend",
     ".github/workflows/nightly.yml, which ran nowhere yet; tests/unit/test_nights.py"),
)  # fmt: skip
"""The users' own words about the harness: what is asked, how it is judged, and where."""

NETWORK = "isolation"
"""Where the runs are kept that looked at the network alone, by system and broker."""

STATUSES = ("pass", "fail", "unknown", "not_tested")


def record_of(folder: Path) -> dict[str, Any]:
    """Return what is kept of a full run: who, on what, how long, and each requirement's status."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if manifest["suite"] != "full":
        raise SystemExit(f"{folder} is a run of the suite {manifest['suite']}, not of full.")
    lines, _ = read_journal(folder / "journal.jsonl")
    return {
        "system": manifest["system"],
        "broker": manifest["cluster"]["version"],
        "alternative": manifest["alternative"],
        "settings": manifest["broker_settings"],
        "tls": "tls" in manifest["cluster"]["powers"],
        "seed": manifest["seed"],
        "date": manifest["run"][:8],
        "decision": verdict["decision"],
        "claimed": verdict["claimed"],
        "passed": verdict["passed"],
        "took_s": round((lines[-1]["time_ns"] - lines[0]["time_ns"]) / 1e9),
        "requirements": verdict["requirements"],
    }


def scenarios_of(contract: Contract, requirement: Requirement) -> list[str]:
    """Return the scenarios, of the suites that claim it, in which a requirement is judged."""
    suite = next((name for name in ("full", "smoke") if name in requirement.suites), "full")
    plays = list(dict.fromkeys(play.scenario for play in suite_plays(contract, suite)))
    classes = [each.parameters.get("fault_classes") for each in requirement.criteria]
    if any(each is None for each in classes):
        return plays
    wanted = {name for each in classes for name in each or ()}
    return [name for name in plays if class_of(contract, BY_NAME[name]) & wanted]


def class_of(contract: Contract, scenario: Scenario) -> set[str]:
    """Return the classes of a scenario's faults; nothing for the control."""
    episode = scenario.episode(contract, Play(scenario=scenario.name))
    return {entry.fault().fault_class for entry in episode.faults if entry.kind != "nothing"}


def document(recorded: Mapping[str, Any]) -> str:
    """Return the whole document."""
    parts = [HEAD, *_overview(recorded)]
    for name in systems():
        network = recorded.get(NETWORK, {}).get(name, {})
        parts += _system(load_contract(name), recorded.get(name, []), network)
    parts += [
        "\n## The users' own words\n",
        "| id | asked | judged by | where |",
        "|---|---|---|---|",
    ]
    parts += [f"| {row[0]} | {row[1]} | {row[2]} | {row[3]} |" for row in MISSION]
    return "\n".join(parts) + "\n"


def _overview(recorded: Mapping[str, Any]) -> Iterator[str]:
    heads = ("system", "rows", "judged", "broker", "design", "decision", "pass", "fail", "unknown",
             "not tested", "took")  # fmt: skip
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for name in systems():
        contract = load_contract(name)
        judged = sum(bool(each.criteria) for each in contract.requirements)
        head = f"| {name} | {len(contract.requirements)} | {judged}"
        for each in recorded.get(name, []):
            counts = Counter(each["requirements"].values())
            figures = " | ".join(str(counts[status]) for status in STATUSES)
            minutes = f"{each['took_s'] // 60} min {each['took_s'] % 60} s"
            yield (
                f"{head} | {each['broker']} | {_design(each)} | {each['decision']} | {figures} "
                f"| {minutes} |"
            )
        if not recorded.get(name):
            yield f"{head} | | | no full run is recorded | | | | | |"


def _design(each: Mapping[str, Any]) -> str:
    stock = ", stock settings" if each["settings"] == "stock" else ""
    by_tls = ", by TLS" if each.get("tls") else ""
    return (f"`{each['alternative']}`" if each["alternative"] else "its own") + stock + by_tls


def _system(
    contract: Contract, runs: list[dict[str, Any]], network: Mapping[str, Any]
) -> Iterator[str]:
    yield f"\n## {contract.system}: {contract.title}\n"
    heads = [f"{each['broker']}, {_design(each)}" for each in runs] or ["last full run"]
    yield "| id | claim | checks | scenarios | " + " | ".join(heads) + " |"
    yield "|---|---|---|---|" + "---|" * len(heads)
    for each in contract.requirements:
        statuses = [_status(each, run) for run in runs] or [""]
        yield f"| {each.id} | {_cell(each.statement)} | {_judged(contract, each, network)} | " + (
            " | ".join(statuses) + " |"
        )


def _judged(contract: Contract, each: Requirement, network: Mapping[str, Any]) -> str:
    """Return how a row is judged; `network` has what runs that look at it alone said last."""
    if each.not_tested:
        return f"not tested: {_cell(each.not_tested.reason)} | {_cell(each.not_tested.how)}"
    if each.id in rows_of(contract):
        checks = ", ".join(f"`{criterion.check}`" for criterion in each.criteria)
        seen = [f"{statuses[each.id]} on {broker}" for broker, statuses in sorted(network.items())]
        last = f", at last {', '.join(seen)}" if seen else ""
        return f"{checks} | full, before the load; `gameday isolation {contract.system}`{last}"
    checks = ", ".join(f"`{name}`" for name in dict.fromkeys(c.check for c in each.criteria))
    plays = {play.scenario for suite in COMMON for play in suite_plays(contract, suite)}
    chosen = scenarios_of(contract, each)
    suite = " and ".join(each.suites) or "where its evidence is"
    return f"{checks} | {suite}: {'all' if set(chosen) == plays else ', '.join(chosen)}"


def _status(each: Requirement, run: Mapping[str, Any]) -> str:
    status = str(run["requirements"].get(each.id, "not played"))
    claimed = "" if each.suites or each.not_tested else " (not claimed)"
    return status.replace("_", " ") + claimed


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def keep_network(recorded: dict[str, Any], folder: Path) -> None:
    """Keep what a run of `gameday isolation` said of the rows that it claims."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    of_system = recorded.setdefault(NETWORK, {}).setdefault(verdict["system"], {})
    statuses = verdict["requirements"]
    of_system[verdict["versions"]["broker"]] = {
        name: statuses[name] for name in verdict["claimed_ids"]
    }


def keep(recorded: dict[str, Any], each: dict[str, Any]) -> None:
    """Let a run take the place of the one of the same system, design, settings and broker.

    One by TLS stands beside those without: it judges more rows, and costs the machine more.
    """
    others = [run for run in recorded.get(each["system"], []) if _like(run) != _like(each)]
    recorded[each["system"]] = sorted([*others, each], key=_like)


def _like(run: Mapping[str, Any]) -> tuple[str, str, str, bool]:
    """Return what a run shares with those whose place it takes."""
    return run["broker"], run["alternative"] or "", run["settings"], bool(run.get("tls"))


def main(folders: list[str]) -> None:
    """Record the runs of some folders, and write the document."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    for folder in map(Path, folders):
        if is_isolation(folder):
            keep_network(recorded, folder)
        else:
            keep(recorded, record_of(folder))
    RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    DOCUMENT.write_text(document(recorded), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
