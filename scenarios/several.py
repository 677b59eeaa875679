"""Several runs one after another: systems, a night, or one scenario again and again.

Each is a run of its own, with its own cluster, folder and verdict; one that fails does not keep the
others from being played. The exit code is the worst one. Losses come by the episode: the bound at
the end says what none in so many episodes proves, and `--repeat` buys certainty.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from rich.console import Console
from rich.table import Table

from gameday.contracts.load import systems
from gameday.errors import HarnessError
from gameday.history.statistics import lossy_episode_at_most, wilson
from scenarios.dry_run import show
from scenarios.options import Options
from scenarios.play import Played, play
from scenarios.run import contract_of

NOT_PREPARED, INTERRUPTED = 4, 130
WORST_FIRST = (INTERRUPTED, NOT_PREPARED, 1, 3, 0)
"""Exit codes: interrupted, not prepared or not restored, NO-GO, INCONCLUSIVE, GO."""

LOSSES = ("lost", "lost_after_delivery", "left_over")
"""What counts as a loss of a confirmed message, in the ledger's words."""

STATUSES = ("pass", "fail", "unknown", "not_tested")


def wanted_runs(asked: Options, names: Sequence[str], repeat: int) -> list[Options]:
    """Return the runs to play: each system, each with `repeat` seeds; a night is every system."""
    nightly = asked.suite == "nightly"
    chosen = tuple(names) or (systems() if nightly else (asked.system,))
    suite = "full" if nightly else asked.suite
    return [
        replace(asked, system=name, suite=suite, seed=asked.seed + number)
        for name in chosen
        for number in range(repeat)
    ]


def play_all(runs: Sequence[Options]) -> int:
    """Play runs one after another, sum them up when there are several; return the exit code."""
    for options in runs:
        contract_of(options)  # A mistake in the last one is told before the first one begins.
    if runs[0].dry_run:
        return show(runs)
    if len(runs) == 1:
        return play(runs[0]).exit_code
    played: list[Played] = []
    console = Console(stderr=True)
    for number, options in enumerate(runs, start=1):
        console.rule(f"run {number} of {len(runs)}: {options.system} {options.suite}")
        played.append(play_one(options, console))
        if played[-1].exit_code == INTERRUPTED:
            break
    _sum_up(played, len(runs))
    return worst(each.exit_code for each in played)


def worst(codes: Iterable[int]) -> int:
    """Return the worst of some exit codes."""
    return min(codes, key=WORST_FIRST.index)


def play_one(options: Options, console: Console) -> Played:
    """Play a run; one that cannot be prepared is told, and the next one is played."""
    begun = monotonic()
    try:
        return play(options)
    except HarnessError as error:
        console.print(f"gameday: {error}", highlight=False)
        return Played(options, NOT_PREPARED, monotonic() - begun, failure=str(error))


def _sum_up(played: Sequence[Played], wanted: int) -> None:
    console = Console()
    table = Table("system", "suite", "seed", "decision", *STATUSES, "took", box=None)
    for each in played:
        counts = requirement_counts(each.verdict)
        decision = each.verdict["decision"] if each.verdict else each.failure[:60]
        table.add_row(
            each.options.system, each.options.suite, str(each.options.seed), decision,
            *(str(counts[status]) for status in STATUSES),
            f"{each.took_s // 60:.0f} min {each.took_s % 60:.0f} s",
        )  # fmt: skip
    console.print(table)
    console.print(loss_bound([each.verdict for each in played]), soft_wrap=True)
    if len(played) < wanted:
        console.print(f"interrupted: {wanted - len(played)} of {wanted} runs were not played")
    for each in played:
        if each.folder is not None:
            console.print(f"report: {each.folder}/report.html", highlight=False, soft_wrap=True)


def requirement_counts(verdict: dict[str, Any] | None) -> dict[str, int]:
    """Return how many requirements of a run have each status."""
    found = list((verdict or {}).get("requirements", {}).values())
    return {status: found.count(status) for status in STATUSES}


def loss_bound(verdicts: Sequence[dict[str, Any] | None]) -> str:
    """Say in a sentence what the losses of some runs, or their absence, prove.

    A run counts whose drain was complete; an episode, whose fault was seen in force.
    """
    judged = [each for each in verdicts if each and _drained(each)]
    episodes = sum(_episodes(each) for each in judged)
    lossy = sum(_lossy(each) for each in judged)
    if not episodes:
        return "no episode was both seen in force and drained: nothing is known about losses"
    if lossy:
        low, high = wilson(lossy, len(judged))
        return (
            f"{lossy} of {len(judged)} runs lost a confirmed message: between {low:.1%} and "
            f"{high:.1%} of such runs do (95 %)"
        )
    bound = lossy_episode_at_most(episodes)
    return (
        f"no confirmed message was lost in {episodes} episodes of {len(judged)} runs: that bounds "
        f"the chance of a lossy episode at {bound:.1%} (95 %)"
    )


def _drained(verdict: dict[str, Any]) -> bool:
    return any(
        row["id"] == "harness/drain" and row["status"] == "pass" for row in verdict["criteria"]
    )


def _episodes(verdict: dict[str, Any]) -> int:
    seen = {
        fault["episode"]
        for fault in verdict["faults"]
        if fault["observed_at_s"] is not None and fault["class"] != "control"
    }
    return len(seen)


def _lossy(verdict: dict[str, Any]) -> bool:
    return any(verdict["ledger"]["overall"].get(name, 0) for name in LOSSES)
