"""A run from the command line: play, judge, report, and say what to do next."""

from pathlib import Path

from rich.console import Console

from scenarios.options import Options
from scenarios.run import run
from scenarios.screen import Screen
from scenarios.verdicts import announce, judge_and_render


def play(options: Options) -> int:
    """Play one run; return the exit code."""
    console = Console(stderr=True)
    ended = run(options, Screen(console))
    if ended.exit_code is not None:
        console.print(f"ended early; what was recorded is in {_short(ended.folder)}")
        return ended.exit_code
    console.print("judging and writing the report", style="dim")
    verdict = judge_and_render(ended.folder)
    announce(Console(), verdict, ended.folder)
    return verdict.exit_code


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
