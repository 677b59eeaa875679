"""`gameday upgrade`: play, judge, report, and say how long each step took."""

from rich.console import Console
from rich.table import Table

from gameday.contracts.upgrades import why_not_rolling
from gameday.history.checks.upgrades import lengths
from gameday.history.decision import EXIT_CODES
from gameday.history.decision import INCONCLUSIVE as UNDECIDED
from gameday.history.run import load_run
from scenarios.screen import Screen
from scenarios.upgrade.options import ROLLING, Asked, Ready, ready
from scenarios.upgrade.run import upgrade
from scenarios.verdicts import announce, judge_and_render

INCONCLUSIVE = EXIT_CODES[UNDECIDED]


def cannot_roll(wanted: Ready) -> str:
    """Return why a rolling upgrade that was asked for cannot be played; empty where it can."""
    if wanted.asked.how != ROLLING:
        return ""
    return why_not_rolling(wanted.old.version, wanted.new.version)


def upgrade_and_judge(asked: Asked) -> int:
    """Play an upgrade and judge it; return the exit code."""
    wanted = ready(asked)
    console = Console(stderr=True)
    if why := cannot_roll(wanted):
        text = f"upgrade-rolling  not tested: {why} (gameday upgrade without --how rolling)."
        Console().print(text, highlight=False, soft_wrap=True)
        return INCONCLUSIVE
    design = wanted.alternative or "the same, less what it refuses"
    console.print(
        f"{wanted.contract.system}: RabbitMQ {wanted.old.version} -> {wanted.new.version}, by "
        f"{asked.how}; its design there: {design}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    ended = upgrade(wanted, Screen(console))
    if ended.exit_code is not None:
        console.print(f"ended early; what was recorded is in {ended.folder}", soft_wrap=True)
        return ended.exit_code
    console.print("judging and writing the report", style="dim")
    verdict = judge_and_render(ended.folder)
    output = Console()
    found = lengths(load_run(ended.folder))
    if found is not None:
        table = Table("step", "took", box=None)
        for name, took_s in found[1].items():
            table.add_row(name.replace("_", " "), f"{took_s:.1f} s")
        output.print(table)
    announce(output, verdict, ended.folder)
    return verdict.exit_code
