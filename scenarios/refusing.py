"""What a broker makes of a design as it is written, by its own word.

A contract says until which version the broker takes a policy (`until`), and leaves it out from then
on. So that nobody has to believe that, the design is offered to the broker once as it is written,
in a virtual host that is there for nothing else. What it refuses there is its own sentence; and a
policy that stands already, as after an upgrade of the same nodes, is put there past the refusal, to
see what it does to a queue.
"""

import html
import json
import re
from typing import Any
from urllib.parse import quote

from gameday.clusters.broker import Broker
from gameday.clusters.expressions import binary, under_policy
from gameday.clusters.local import LocalCluster
from gameday.clusters.management import ManagementError
from gameday.contracts.definitions import for_one_vhost, to_definitions
from gameday.contracts.model import Contract
from gameday.contracts.parts import Policy
from gameday.contracts.versions import reached
from gameday.errors import HarnessError
from scenarios.game import Game

SHOWN = 300
ALL_OF_IT = "0"
"""A version before which nothing ends: the definitions of a contract for it have everything."""


def note_refusals(game: Game) -> None:
    """Journal what the broker says to a design that its version does not take as it is written."""
    if not isinstance(game.cluster, LocalCluster) or not isinstance(game.broker, Broker):
        return
    topology, version = game.contract.topology, game.cluster.version
    policies = (*topology.policies, *topology.operator_policies)
    if not any(reached(each.until, version) for each in policies):
        return
    said = refusals(game.broker, f"{game.vhost}-refused", as_written(game.contract))
    gone = [each for each in topology.policies if reached(each.until, version)]
    effect = standing(game.broker, f"{game.vhost}-standing", game.contract, gone)
    game.journal.append("refused", said=said, standing=effect)


def as_written(contract: Contract) -> dict[str, Any]:
    """Return a contract's definitions with nothing left out."""
    return for_one_vhost(to_definitions(contract, "/", ALL_OF_IT))


def refusals(broker: Broker, vhost: str, definitions: dict[str, Any]) -> list[str]:
    """Return what a broker says to definitions: its refusal, in its own words, or nothing."""
    broker.make_vhost(vhost)
    api = broker.cluster.management(broker.serving_node())
    try:
        api.post(f"/api/definitions/{quote(vhost, safe='')}", definitions)
    except ManagementError as error:
        if error.status != 400:
            raise HarnessError(
                f"the broker did not say whether it takes the design: {error}"
            ) from (error)
        return [plain(str(error))]
    finally:
        broker.drop_vhost(vhost)
    return []


def plain(text: str) -> str:
    """Return the reason that a broker gave, in plain words: 4.0 gives it in HTML."""
    said = html.unescape(text).partition('"reason":')[2] or text
    found = re.sub(r'\\+n|<<|>>|[\\"{}]', " ", said)
    return " ".join(found.replace(" ,", ",").split())[:SHOWN]


def standing(broker: Broker, vhost: str, contract: Contract, policies: list[Policy]) -> list[str]:
    """Say what policies do that stand already, to the queues that they match."""
    broker.make_vhost(vhost)
    try:
        for policy in policies:
            put_past_refusal(broker, vhost, policy)
        topology = contract.topology.model_copy(update={"policies": (), "operator_policies": ()})
        bare = contract.model_copy(update={"topology": topology})
        node = broker.serving_node()
        path = f"/api/definitions/{quote(vhost, safe='')}"
        broker.cluster.management(node).post(path, as_written(bare))
        queues = broker.queues(vhost)
        found = []
        for policy in policies:
            under = json.loads(broker.cluster.evaluate(node, under_policy(vhost, policy.name)))
            for name in sorted(under):
                state, nodes = queues[name], len(broker.cluster.nodes)
                found.append(f"{policy.name} is in force for {name}, a {state.type} queue with "
                             f"{len(state.members)} copy on {nodes} nodes")  # fmt: skip
        return found
    finally:
        broker.drop_vhost(vhost)


def put_past_refusal(broker: Broker, vhost: str, policy: Policy) -> None:
    """Store a policy as an older version of the node had left it, past what is refused today."""
    definition = binary(json.dumps(policy.definition))
    order = (
        f"rabbit_db_rtparams:set({binary(vhost)}, {binary('policy')}, {binary(policy.name)}, "
        f"[{{{binary('pattern')}, {binary(policy.pattern)}}}, "
        f"{{{binary('definition')}, maps:to_list(rabbit_json:decode({definition}))}}, "
        f"{{{binary('priority')}, {policy.priority}}}, "
        f"{{{binary('apply-to')}, {binary(policy.apply_to)}}}])"
    )
    broker.cluster.evaluate(broker.serving_node(), order)
