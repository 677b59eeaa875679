"""`gameday migrate`: play, judge, report, and say what to do next."""

import shlex
import sys

from rich.console import Console

from scenarios.migration.options import Asked, ready
from scenarios.migration.run import migrate
from scenarios.screen import Screen
from scenarios.verdicts import announce, judge_and_render


def migrate_and_judge(asked: Asked) -> int:
    """Play a migration and judge it; return the exit code."""
    wanted = ready(asked)
    console = Console(stderr=True)
    ended = migrate(wanted, Screen(console))
    if ended.exit_code is not None:
        console.print(f"ended early; what was recorded is in {ended.folder}", soft_wrap=True)
        return ended.exit_code
    console.print("judging and writing the report", style="dim")
    verdict = judge_and_render(ended.folder)
    announce(Console(), verdict, ended.folder)
    if asked.suite == "smoke":
        words = [each for each in sys.argv[1:] if each not in {"--suite", "smoke", "--suite=smoke"}]
        full = shlex.join(("gameday", *words, "--suite", "full"))
        Console().print(f"every fault in every step: {full}", highlight=False, soft_wrap=True)
    return verdict.exit_code
