"""A run from the command line: play, judge, report, and say what to do next."""

import json
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from scenarios.options import Options
from scenarios.run import run
from scenarios.screen import Screen
from scenarios.verdicts import announce, judge_and_render


@dataclass(frozen=True)
class Played:
    """One run that was played: its exit code, how long it took and, if judged, its verdict."""

    options: Options
    exit_code: int
    took_s: float
    folder: Path | None = None
    verdict: dict[str, Any] | None = None
    failure: str = ""


def play(options: Options) -> Played:
    """Play one run and judge it."""
    begun = monotonic()
    console = Console(stderr=True)
    ended = run(options, Screen(console))
    if ended.exit_code is not None:
        console.print(f"ended early; what was recorded is in {_short(ended.folder)}")
        failure = "ended early"
        return Played(options, ended.exit_code, monotonic() - begun, ended.folder, None, failure)
    console.print("judging and writing the report", style="dim")
    verdict = judge_and_render(ended.folder)
    announce(Console(), verdict, ended.folder)
    document = json.loads((ended.folder / "verdict.json").read_text(encoding="utf-8"))
    return Played(options, verdict.exit_code, monotonic() - begun, ended.folder, document)


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
