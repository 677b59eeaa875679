"""An empty node that boots from the contract's definitions, beside the run's own cluster.

Before any load: one node of the same release with the same settings starts from the file that
`gameday definitions` writes, and what it then holds is compared with the contract. A node that
does not start is the file's fault only if one without the file does start.
"""

import json
from time import monotonic

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, start_local
from gameday.contracts.definitions import Definitions, to_definitions
from gameday.contracts.model import Contract
from gameday.contracts.topology import difference
from gameday.errors import HarnessError
from scenarios.game import Game
from scenarios.prepare import read_topology

VHOST = "/"
CHECK = "boots"


def boot_where_claimed(game: Game) -> None:
    """Boot a node and journal how it differs, if the run claims a requirement that asks for it."""
    claimed = set(json.loads((game.folder / "manifest.json").read_text())["claimed"])
    asked = [row for row in game.contract.requirements if row.id in claimed]
    if not any(each.check == CHECK for row in asked for each in row.criteria):
        return
    assert isinstance(game.cluster, LocalCluster), "a claim that needs this power is dropped"
    game.screen.step("booting a node from the contract's definitions")
    begun = monotonic()
    found, problem = boot(game.cluster, game.contract)
    game.journal.append(
        "boots", version=game.cluster.version, seconds=round(monotonic() - begun, 1),
        difference=found, problem=problem,
    )  # fmt: skip


def boot(beside: LocalCluster, contract: Contract) -> tuple[list[str], str | None]:
    """Return how a node differs that booted from the definitions, or why that is not known."""
    definitions = to_definitions(contract, VHOST, beside.version)
    try:
        node = _start(beside, definitions)
    except HarnessError as error:
        return _blame(beside, error)
    try:
        observed = read_topology(Broker(node), VHOST)
    except HarnessError as error:
        return [], f"the node that booted could not be read: {error}"
    finally:
        node.close()
    return difference(contract.topology, observed, beside.version), None


def _blame(beside: LocalCluster, error: HarnessError) -> tuple[list[str], str | None]:
    """Find out whose fault it is that a node did not boot, by one without the file."""
    try:
        _start(beside, None).close()
    except HarnessError:
        return [], f"a node beside the cluster does not start, with or without the file: {error}"
    return [f"a node does not boot with the file, and does without it: {error}"], None


def _start(beside: LocalCluster, definitions: Definitions | None) -> LocalCluster:
    record = beside.record
    return start_local(
        record.settings, broker=record.release, nodes=1, definitions=definitions,
        beside=record.ports.base, state_dir=record.folder.parents[1],
    )  # fmt: skip
