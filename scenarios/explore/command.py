"""`gameday explore`: draw plans, play and judge each, and shrink the first one that fails.

It promises a replayable plan, never a replayable run: the smallest plan that failed is written
down, played again a few times, and how often it failed again is told.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.plan import Plan
from gameday.clusters.cluster import ALL_POWERS
from gameday.history.folder import reports_dir
from scenarios.explore.draw import draw_plan
from scenarios.explore.shrink import shrink
from scenarios.options import Options
from scenarios.play import Played, play
from scenarios.run import contract_of

AGAIN = 3
"""How often the smallest plan is played again, to tell how surely it fails."""
NO_GO, INCONCLUSIVE = 1, 3


@dataclass
class Exploration:
    """One search: what was asked, until when, and what was played so far."""

    options: Options
    until_s: float
    folder: Path
    played: list[tuple[Plan, Played]]
    longest_s: float = 0.0

    def may_go_on(self) -> bool:
        """Whether another run, as long as the longest so far, still ends in time."""
        return monotonic() + self.longest_s < self.until_s

    def play(self, plan: Plan) -> Played:
        """Play and judge one plan."""
        path = self.folder / f"plan-{len(self.played) + 1:03d}.json"
        plan.save(path)
        done = play(replace(self.options, plan=path, seed=plan.seed))
        self.longest_s = max(self.longest_s, done.took_s)
        self.played.append((plan, done))
        return done


def explore(options: Options, minutes: float) -> int:
    """Look for a plan that fails; return 1 when there is one, 0 when none failed, else 3."""
    contract = contract_of(options)
    console = Console()
    folder = reports_dir(options.out) / f"explore-{contract.system}-{options.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    search = Exploration(options, monotonic() + minutes * 60, folder, [])
    number = 0
    while search.may_go_on():
        plan = draw_plan(contract, ALL_POWERS, options.seed + number)
        number += 1
        console.rule(f"plan {number}: {', '.join(each.name for each in plan.episodes)}")
        broken = broken_by(search.play(plan))
        if broken:
            return _found(search, plan, broken, console)
    return _nothing_found(search, console)


def broken_by(played: Played) -> frozenset[str]:
    """Return the criteria that a run broke; none when it was not judged."""
    rows: list[dict[str, Any]] = (played.verdict or {}).get("criteria", [])
    return frozenset(row["id"] for row in rows if row["status"] == "fail")


def _found(search: Exploration, plan: Plan, broken: frozenset[str], console: Console) -> int:
    """Shrink a plan that fails, write it down, and tell how often it fails again."""
    console.print(f"it broke {', '.join(sorted(broken))}; leaving out what it breaks without")
    smallest = shrink(plan, _breaks(search, broken), search.may_go_on)
    path = search.folder / "smallest.json"
    smallest.save(path)
    failed = again = 0
    while again < AGAIN and search.may_go_on():
        again += 1
        failed += bool(broken_by(search.play(smallest)) & broken)
    _table(search, console)
    faults = sum(len(each.faults) for each in smallest.episodes)
    console.print(
        f"the smallest plan that broke one of these has {len(smallest.episodes)} episodes with "
        f"{faults} faults; played again {again} times, it failed again {failed} times",
        soft_wrap=True,
    )
    system = search.options.system
    command = f"gameday run {system} --plan {path} --seed {smallest.seed}"
    console.print(f"play it again: {command}", highlight=False, soft_wrap=True)
    return NO_GO


def _breaks(search: Exploration, broken: frozenset[str]) -> Callable[[Plan], bool]:
    return lambda plan: bool(broken_by(search.play(plan)) & broken)


def _nothing_found(search: Exploration, console: Console) -> int:
    _table(search, console)
    judged = [done for _, done in search.played if _is_judged(done)]
    console.print(
        f"no criterion failed in {len(search.played)} plans; of {len(judged)} of them everything "
        "about the harness itself is known",
        soft_wrap=True,
    )
    return 0 if judged and len(judged) == len(search.played) else INCONCLUSIVE


def _is_judged(played: Played) -> bool:
    """Whether nothing about the harness itself was left unknown."""
    rows: list[dict[str, Any]] = (played.verdict or {}).get("criteria", [])
    own = [row["status"] for row in rows if row["requirement"] == "harness"]
    return bool(own) and all(status == "pass" for status in own)


def _table(search: Exploration, console: Console) -> None:
    table = Table("plan", "seed", "episodes", "decision", "broke", "run", box=None)
    for number, (plan, done) in enumerate(search.played, start=1):
        decision = done.verdict["decision"] if done.verdict else done.failure
        table.add_row(
            str(number), str(plan.seed), ", ".join(each.name for each in plan.episodes), decision,
            ", ".join(sorted(broken_by(done))) or "nothing",
            done.folder.name if done.folder else "",
        )  # fmt: skip
    console.print(table)
