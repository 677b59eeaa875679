"""Prepare: a virtual host of the run's own, the contract's topology in it, read back."""

from typing import Any
from urllib.parse import quote

from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.broker import Broker
from gameday.clusters.commanded_facts import CommandedFacts
from gameday.clusters.management import LARGE_LIMIT_S, ManagementError
from gameday.clusters.wait import NotYet, wait_until
from gameday.contracts.definitions import for_one_vhost, from_definitions, to_definitions
from gameday.contracts.model import Contract, Topology
from gameday.contracts.topology import difference
from gameday.errors import PrepareError
from scenarios.game import Game
from scenarios.harming import transient_node
from scenarios.refusing import note_refusals

READY_WITHIN_S = 40.0
ANSWERS_WITHIN_S = 30.0
"""How long a broker is asked again what it holds or who leads: a busy one may miss a call."""


def prepare(game: Game) -> None:
    """Declare the topology, read it back, and wait until every copy of every queue is in step."""
    game.phase("prepare", "begin")
    declare(game.broker, game.vhost, game.contract)
    found = compare(game, None, "before")
    if found:
        raise PrepareError(
            "the broker did not take the contract's topology as it stands: " + "; ".join(found)
        )
    note_refusals(game)
    note_members(game)
    home = game.alone.get(game.main_queue)
    if home is not None:  # What it was told before the queue was there, was another leader.
        game.controls.transient_node = transient_node(game.plan, game.cluster.nodes, home)
    note_health(game, "prepare")
    game.phase("prepare", "end")


def declare(broker: Broker | AttachedFacts, vhost: str, contract: Contract) -> None:
    """Make the virtual host and import the contract's definitions into it."""
    broker.make_vhost(vhost)
    version = broker.cluster.version
    definitions = to_definitions(contract, vhost, version)
    api = broker.cluster.management(broker.serving_node())
    path = f"/api/definitions/{quote(vhost, safe='')}"
    api.post(path, for_one_vhost(definitions), limit_s=LARGE_LIMIT_S)


def compare(game: Game, episode: str | None, at: str) -> list[str]:
    """Read the topology back and journal every difference from the contract."""
    found = differences(game.broker, game.vhost, game.contract)
    game.journal.append("topology", episode=episode, at=at, difference=found)
    return found


def differences(broker: Broker | AttachedFacts, vhost: str, contract: Contract) -> list[str]:
    """Return how the topology that the nodes have differs from the contract's.

    Every node is asked, since after a fault one may have missed what the others know; a sentence
    that does not hold for all names those that it holds for.
    """
    holds: dict[str, list[str]] = {}
    one_by_one = isinstance(broker, Broker | CommandedFacts)
    nodes = broker.cluster.nodes if one_by_one else broker.cluster.nodes[:1]
    for node in nodes:
        observed = await_topology(broker, vhost, node)
        for sentence in difference(contract.topology, observed, broker.cluster.version):
            holds.setdefault(sentence, []).append(node)
    return [
        sentence if len(seen) == len(nodes) else f"{sentence}, as {', '.join(seen)} has it"
        for sentence, seen in holds.items()
    ]


def await_topology(broker: Broker | AttachedFacts, vhost: str, node: str) -> Topology:
    """Return the topology that a node has, asked until it answers; a refusal is an answer."""

    def read() -> Topology | NotYet:
        try:
            return read_topology(broker, vhost, node)
        except ManagementError as error:
            if error.status is not None:
                raise
            return NotYet(error)

    return wait_until(read, ANSWERS_WITHIN_S, f"{node} tells its topology")


def read_topology(broker: Broker | AttachedFacts, vhost: str, node: str | None = None) -> Topology:
    """Return the topology that a node has, or else the first that serves."""
    found: dict[str, Any] = dict(broker.export_definitions(vhost, node))
    queues = [
        {**queue, "arguments": {"x-queue-type": queue["type"], **queue["arguments"]}}
        for queue in found["queues"]
    ]
    return from_definitions({**found, "queues": queues}, vhost)


def note_members(game: Game) -> None:
    """Wait until each queue has all its copies in step, then journal where they are."""

    def complete() -> bool | NotYet:
        behind = {
            name: sorted(state.members - state.in_step)
            for name, state in game.broker.queues(game.vhost).items()
            if state.members != state.in_step
        }
        return NotYet(behind) if behind else True

    wait_until(complete, READY_WITHIN_S, "every copy of every queue in step")
    states = game.broker.queues(game.vhost)
    game.alone = {name: each.leader for name, each in states.items() if len(each.members) == 1}
    queues = {
        name: {
            "type": state.type,
            "leader": state.leader,
            "members": sorted(state.members),
            "online": sorted(state.in_step),
        }
        for name, state in states.items()
    }
    game.journal.append("members", queues=queues)


def note_health(game: Game, at: str) -> bool:
    """Journal every node's own view of the cluster."""
    views = game.broker.views()
    problems = game.broker.problems()
    known = {n: v for n, v in views.items() if not isinstance(v, Exception)}
    game.journal.append(
        "health",
        at=at,
        healthy=not problems,
        views={name: sorted(view.running) for name, view in known.items()},
        partitions=sorted({each for view in known.values() for each in view.partitions}),
        alarms=sorted({f"{a.kind} on {a.node}" for view in known.values() for a in view.alarms}),
        detail="; ".join(problems),
    )
    return not problems
