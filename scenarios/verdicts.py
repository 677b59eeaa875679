"""Judging stored runs: the verdict, the report, and what a person reads at the end."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gameday.errors import UsageError
from gameday.history.isolated import is_isolation
from gameday.history.isolated import judge as judge_isolation
from gameday.history.migration.folder import is_migration
from gameday.history.migration.verdict import judge as judge_migration
from gameday.history.sides import UPGRADE
from gameday.history.verdict import Verdict
from gameday.history.verdict import judge as judge_run
from reports.render import render

STYLES = {
    "GO": "bold green",
    "NO-GO": "bold red",
    "INCONCLUSIVE": "bold yellow",
    "STAY": "bold blue",
}
SIGNS = {"GO": "✔", "NO-GO": "✘", "INCONCLUSIVE": "?", "STAY": "="}
MOST_SHOWN = 12


def judge(folder: Path) -> Verdict:
    """Judge a folder as what it holds: a game day, a migration, or a look at the network."""
    if is_isolation(folder):
        return judge_isolation(folder)
    return judge_migration(folder) if is_migration(folder) else judge_run(folder)


def judge_and_render(folder: Path) -> Verdict:
    """Judge a run, and write its report."""
    verdict = judge(folder)
    render(folder)
    return verdict


def judge_again(folder: Path) -> int:
    """Judge a stored run; the same folder gives the same verdict, byte for byte."""
    folder = existing(folder)
    verdict = judge(folder)
    announce(Console(), verdict, folder)
    return verdict.exit_code


def render_again(folder: Path) -> None:
    """Write a stored run's report."""
    folder = existing(folder)
    if not (folder / "verdict.json").exists():
        judge(folder)
    Console().print(f"report: {render(folder)}", highlight=False, soft_wrap=True)


def export_run(folder: Path) -> None:
    """Write a stored run's ledgers as Parquet."""
    from gameday.history.export import export  # noqa: PLC0415  # It imports pyarrow.

    for path in export(existing(folder)):
        sys.stdout.write(f"{path}\n")


def announce(console: Console, verdict: Verdict, folder: Path) -> None:
    """Print the decision, what failed or is unknown, and the next command to type."""
    style = STYLES[verdict.decision]
    line = Text.assemble(
        (f"{SIGNS[verdict.decision]} {verdict.decision}", style), "  ", verdict.reason
    )
    console.print(line, soft_wrap=True)
    claimed = set(verdict.document["claimed_ids"])
    shown = [each for each in verdict.document["criteria"] if _worth_showing(each, claimed)]
    for each in shown[:MOST_SHOWN]:
        console.print(
            Text.assemble((f"  {each['status']:10}", "bold"), f" {each['id']}: {each['reason']}"),
            soft_wrap=True,
        )
    if len(shown) > MOST_SHOWN:
        console.print(f"  and {len(shown) - MOST_SHOWN} more in the report")
    page = "migration.html" if is_migration(folder) else "report.html"
    if page == "report.html":
        _suggest_alternatives(console, verdict, folder)
    place = _from_here(folder)
    console.print(f"report: {place}/{page}", highlight=False, soft_wrap=True)
    console.print(f"judge it again: gameday check {place}", highlight=False, soft_wrap=True)


def _suggest_alternatives(console: Console, verdict: Verdict, folder: Path) -> None:
    """Name the contract's other shapes when its own did not pass."""
    manifest = json.loads((folder / "manifest.json").read_text())
    is_local = manifest["cluster"]["kind"] == "local" and UPGRADE not in manifest
    if verdict.decision == "GO" or manifest["alternative"] or not is_local:
        return
    for each in manifest["contract"]["alternatives"]:
        command = f"gameday run {manifest['system']} --alternative {each['name']}"
        console.print(f"beside it, the contract's alternative: {command}", soft_wrap=True)


def existing(folder: Path) -> Path:
    """Return the run folder, or say that it is none."""
    if not (folder / "manifest.json").exists():
        raise UsageError(
            f"{folder} is no run folder (it has no manifest.json); name one such as "
            "reports/runs/latest."
        )
    return folder.resolve()


def _worth_showing(criterion: dict[str, object], claimed: set[str]) -> bool:
    mine = criterion["requirement"] in claimed or criterion["requirement"] == "harness"
    return criterion["status"] == "fail" or (mine and criterion["status"] != "pass")


def _from_here(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
