"""Plans at random: which faults may be drawn, how often, on what, and for how long.

Pure: a seed gives a plan. Weights say how often a kind is drawn beside the others; a kind that is
never drawn stands in `NEVER` with the reason. What a broker makes of a plan is not replayable.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chaos.catalogue import ON_DOORS, ON_LINKS, POWERS, TAKES_NODE_AWAY
from chaos.plan import Entry, Episode, Plan
from gameday.contracts.model import Binding, Contract
from scenarios.scenario import Cast, main_queue
from scenarios.suites import lay_out

RECOVER_S = 14.0
EPISODES = (2, 4)
TWO_AT_ONCE = 0.35
"""How likely an episode has a second fault, which strikes while the first is in force."""
LATER_S = (0.5, 4.0)
NODES = ("r1", "r2", "r3")

Draw = Callable[[Cast, random.Random], Entry]


@dataclass(frozen=True)
class Chance:
    """A fault that may be drawn: its weight, how it is made, and between which times it lasts."""

    kind: str
    weight: float
    entry: Draw
    for_s: tuple[float, float]
    fits: Callable[[Cast], bool] = lambda _: True
    """Whether the system has what it strikes."""


def _bindings(cast: Cast) -> list[Binding]:
    return [each for each in cast.contract.topology.bindings if each.queue == cast.target]


def _unbind(cast: Cast, chance: random.Random) -> Entry:
    binding = chance.choice(_bindings(cast))
    return Entry(
        kind="remove_binding", target=binding.queue,
        parameters={"exchange": binding.exchange, "routing_key": binding.routing_key},
    )  # fmt: skip


def _worker(kind: str, **parameters: Any) -> Draw:
    """Draw a worker of the busiest queue."""
    return lambda cast, _: cast.entry(kind, f"worker of {cast.target}", **parameters)


def _plain(kind: str, target: str) -> Draw:
    return lambda cast, _: cast.entry(kind, target)


def _flood(cast: Cast, chance: random.Random) -> Entry:
    return cast.entry("overload", "all", factor=round(chance.uniform(2, 4), 1))


def _how(kind: str) -> Draw:
    """Draw the leader of the busiest queue, parted by reset or in silence."""
    return lambda cast, chance: cast.entry(
        kind, cast.leader, how=chance.choice(("reset", "silent"))
    )


def _leader(kind: str, **parameters: Any) -> Draw:
    """Draw the leader of the busiest queue."""
    return lambda cast, _: cast.entry(kind, cast.leader, **parameters)


def _slow(cast: Cast, chance: random.Random) -> Entry:
    return cast.entry("slow_links", cast.leader, latency_ms=chance.randint(20, 150))


def _toxic(_: Cast, chance: random.Random) -> Entry:
    toxic, attributes = chance.choice(
        (("latency", {"latency_ms": 200}), ("half_open", {}), ("bandwidth", {"rate_kb": 200}))
    )
    whom = chance.choice(("everybody", "producers", "consumers"))
    return Entry(
        kind="client_toxic", target=chance.choice(NODES),
        parameters={"toxic": toxic, "attributes": attributes, "whom": whom},
    )  # fmt: skip


NODES_AND_LINKS: tuple[Chance, ...] = (
    Chance(
        "kill_follower", 1,
        lambda cast, _: cast.entry(
            "kill_follower", f"follower of {cast.target}", queue=cast.target
        ), (2, 6),
    ),
    Chance("stop_node", 2, _leader("stop_node"), (2, 8)),
    Chance("stop_app", 1, _leader("stop_app"), (2, 6)),
    Chance("pause_node", 1, _leader("pause_node"), (1, 8)),
    Chance("flap_node", 1, _leader("flap_node", times=2), (1, 2)),
    Chance("rolling_restart", 0.5, _leader("rolling_restart"), (1, 2)),
    Chance("slow_links", 2, _slow, (3, 8)),
    Chance("flap_links", 1, _leader("flap_links"), (1, 2)),
    Chance("client_toxic", 2, _toxic, (3, 8)),
)  # fmt: skip
"""What happens to nodes and to what leads to them."""

CHANCES: tuple[Chance, ...] = (
    *NODES_AND_LINKS,
    Chance("nothing", 0.5, lambda cast, _: cast.entry("nothing", None), (2, 4)),
    Chance("kill_node", 4, lambda cast, _: cast.entry("kill_node", cast.leader), (2, 8)),
    Chance("kill_all_nodes", 1, lambda cast, _: cast.entry("kill_all_nodes", None), (2, 6)),
    Chance("isolate", 4, _how("isolate"), (4, 14)),
    Chance("disk_alarm", 2, lambda cast, _: cast.entry("disk_alarm", cast.leader), (3, 8)),
    Chance("memory_alarm", 2, lambda cast, _: cast.entry("memory_alarm", cast.leader), (3, 8)),
    Chance(
        "cut_clients", 3,
        lambda _, chance: Entry(
            kind="cut_clients", target=chance.choice(NODES),
            parameters={"how": chance.choice(("reset", "silent"))},
        ), (2, 8),
    ),
    Chance(
        "kill_client", 2,
        lambda cast, _: cast.entry("kill_client", f"worker of {cast.target}"), (2, 4),
    ),
    Chance(
        "signal_client", 2,
        lambda cast, chance: cast.entry(
            "signal_client", f"worker of {cast.target}",
            signal=chance.choice(("SIGTERM", "SIGSTOP")),
        ), (2, 6),
    ),
    Chance("wedge_client", 2, _worker("wedge_client"), (3, 8)),
    Chance("slow_client", 1, _worker("slow_client", delay_ms=300.0), (3, 8)),
    Chance("cancel_consumer", 1, _worker("cancel_consumer"), (2, 6)),
    Chance("retry_storm", 1, lambda cast, _: cast.entry("retry_storm", cast.target), (2, 5)),
    Chance("thundering_herd", 1, _plain("thundering_herd", "herd"), (2, 5)),
    Chance("overload", 1, _flood, (3, 6)),
    Chance("close_connections", 2, _plain("close_connections", "all"), (2, 4)),
    Chance("import_definitions", 1, _plain("import_definitions", "imported"), (2, 4)),
    Chance("starve_node", 2, lambda cast, _: cast.entry("starve_node", cast.leader), (3, 8)),
    Chance("remove_binding", 1, _unbind, (2, 5), lambda cast: bool(_bindings(cast))),
    Chance("poison", 2, lambda cast, _: cast.entry("poison", cast.target, count=40), (2, 4)),
)  # fmt: skip
"""Every kind that is drawn."""

NEVER: dict[str, str] = {
    "kill_nodes": "takes the majority away; kill_all_nodes is drawn, and takes all",
    "restart_in_order": "is an outage for as long as it lasts, which no promise is about",
    "wipe_node": "is an operator's half hour, not a moment's trouble",
    "forget_node": "is an operator's half hour, not a moment's trouble",
    "cut_links": "stops two brokers of three on Mnesia versions: a finding each time, and known",
    "disconnect_network": "needs nodes whose machines have networks of their own",
    "overflow_queue": "drops or refuses messages, on purpose: only some promise to bear it",
    "expire_messages": "drops messages, on purpose: only some promise to bear it",
    "limit_message_size": "refuses what is larger: no promise is kept meanwhile",
    "jump_clock": "needs nodes that were started for it",
    "fill_disk": "needs a small file system of the cluster's own",
    "limit_files": "may take the node along: no random plan is to end so",
    "delete_queue": "loses what the queue held, on purpose: only some promise to bear it",
    "purge_queue": "loses what the queue held, on purpose: only some promise to bear it",
    "remove_exchange": "needs an exchange that somebody publishes to",
    "change_policy": "needs a definition that suits the queues",
    "renew_password": "is no trouble, but what an operator should do: a scenario of its own",
    "rotate_password": "refuses every client: no promise is kept meanwhile",
    "revoke_permissions": "refuses every client: no promise is kept meanwhile",
    "limit_user": "refuses every client: no promise is kept meanwhile",
    "limit_vhost": "refuses every client: no promise is kept meanwhile",
    "disable_plugin": "needs a plugin that the run can do without",
    "enable_feature": "cannot be undone",
    "wrong_name": "strikes a host that probes the broker, and no load",
    "rotate_credentials": "strikes a host that probes the broker, and no load",
    "restart_balancer": "needs a balancer before the nodes",
    "replay": "is no fault, but a producer's own doing: only some promise to bear it",
    "swallow_then_close": "belongs to a negative control, which has clients of its own",
}
"""Every kind that is not drawn, and why."""


def draw_plan(contract: Contract, powers: Iterable[str], seed: int) -> Plan:
    """Return the plan that a seed gives for a system on a cluster that can do so much."""
    chance = random.Random(f"{contract.system}:{seed}")
    able = {None, *powers}
    cast = Cast(contract, main_queue(contract))
    known = [each for each in CHANCES if POWERS[each.kind] in able and each.fits(cast)]
    count = chance.randint(*EPISODES)
    return Plan(
        seed=seed, episodes=lay_out([_episode(n, known, cast, chance) for n in range(count)])
    )


def _episode(number: int, known: list[Chance], cast: Cast, chance: random.Random) -> Episode:
    first = _pick(known, chance)
    faults = [first.entry(cast, chance)]
    beside = [each for each in known if _may_join(first, each)]
    if first.kind != "nothing" and beside and chance.random() < TWO_AT_ONCE:
        later_s = round(chance.uniform(*LATER_S), 1)
        second = _pick(beside, chance).entry(cast, chance)
        faults.append(second.model_copy(update={"after_s": later_s}))
    name = f"e{number + 1}-{'-and-'.join(each.kind.replace('_', '-') for each in faults)}"
    return Episode(
        id=name, name=name, at_s=0, for_s=round(chance.uniform(*first.for_s), 1),
        recover_s=RECOVER_S, faults=tuple(faults),
        claim="Drawn at random: the contract's promises hold under it.",
    )  # fmt: skip


def _pick(known: list[Chance], chance: random.Random) -> Chance:
    return chance.choices(known, [each.weight for each in known])[0]


def _may_join(first: Chance, second: Chance) -> bool:
    """Whether a second fault keeps the majority, finds what it strikes, and is one at all."""
    gone = TAKES_NODE_AWAY | {"kill_all_nodes"}
    both_gone = first.kind in gone and second.kind in gone
    needs_nodes = first.kind == "kill_all_nodes" and second.kind != "kill_client"
    meet = any({first.kind, second.kind} <= each for each in (ON_LINKS, ON_DOORS))
    joins = second.kind not in {"nothing", first.kind} and not meet
    return joins and not both_gone and not needs_nodes
