"""Who reaches the broker, zone by zone: looked at beside a run, and by `gameday isolation`.

How much memory it takes is said before anything starts. What was seen is journalled, and judged by
`gameday/history/checks/isolation.py`; where zones could not be opened the journal says why.
"""

import json
from collections.abc import Callable
from pathlib import Path

from chaos.journal import Journal
from gameday.clusters.local import LocalCluster
from gameday.clusters.zones.machine import FORECAST_MIB, forecast, free_mib
from gameday.clusters.zones.observe import Wanted, observe
from gameday.contracts.isolation_rules import CHECKS
from gameday.contracts.model import Contract
from gameday.errors import HarnessError
from scenarios.game import Game

Say = Callable[[str], None]


def rows_of(contract: Contract) -> list[str]:
    """Return the requirements that the network alone decides."""
    return [
        row.id
        for row in contract.requirements
        if row.criteria and all(each.check in CHECKS for each in row.criteria)
    ]


def isolate_where_claimed(game: Game) -> None:
    """Look at the network beside a run, if the run claims a requirement that asks for it."""
    claimed = set(json.loads((game.folder / "manifest.json").read_text())["claimed"])
    if game.contract.isolation is None or not claimed & set(rows_of(game.contract)):
        return
    assert isinstance(game.cluster, LocalCluster), "a claim that needs this power is dropped"
    record = game.cluster.record
    wanted = Wanted(game.contract.isolation, record.release)
    isolate(wanted, game.journal, record.folder.parents[1], game.screen.step)


def isolate(wanted: Wanted, journal: Journal, state_dir: Path, say: Say) -> None:
    """Say what it takes, open the zones, probe, close them, and journal what was seen."""
    say(forecast())
    journal.append("isolation_forecast", forecast_mib=FORECAST_MIB, free_mib=free_mib())
    try:
        seen = observe(wanted, state_dir, say)
    except HarnessError as error:
        journal.append("isolation", problem=str(error))
        return
    journal.append("isolation", problem=None, **seen)
