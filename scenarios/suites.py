"""What strikes when: the suites, as plans made from a contract.

A suite is one run. Times are offsets from the beginning of the trouble; an episode waits until
the cluster is healthy again, so a slow recovery delays what follows, and the journal has when it
really began. The victim is always the node that leads the queues in use.
"""

from collections.abc import Iterable
from typing import Any

from chaos.catalogue import POWERS
from chaos.plan import Entry, Episode, Plan, load_plan
from gameday.contracts.model import Contract
from gameday.errors import UsageError
from scenarios.options import Options

PREPARE_S = 6.0
"""What clients and leaders take to return to their places, and the surge to stand, per episode."""


def build_plan(contract: Contract, options: Options, powers: Iterable[str]) -> Plan:
    """Return the plan of the suite that was asked for, as far as the cluster can play it."""
    wanted = full(contract) if options.suite == "full" else smoke(contract)
    able = {None, *powers}
    wanted = [e for e in wanted if all(POWERS[fault.kind] in able for fault in e.faults)]
    if options.scenario is not None:
        wanted = _only(wanted, options.scenario)
    return Plan(seed=options.seed, episodes=_lay_out(wanted))


def choose_plan(contract: Contract, options: Options, powers: Iterable[str]) -> Plan:
    """Return the plan that was given, or the suite's."""
    return load_plan(options.plan) if options.plan else build_plan(contract, options, powers)


def plan_length_s(plan: Plan) -> float:
    """Return how long a plan takes when nothing delays it, in seconds."""
    if not plan.episodes:
        return 0.0
    last = plan.episodes[-1]
    return last.at_s + last.for_s + last.recover_s


def scenario_names() -> tuple[str, ...]:
    """Return the names that `--scenario` takes."""
    return ("control", "kill-leader", "partition-reset", "partition-silent", "disk-alarm",
            "poison", "kill-all", "worker-sigterm", "clients-refused")  # fmt: skip


def smoke(contract: Contract) -> list[Episode]:
    """One episode of each class of fault, and the control without any."""
    queue = main_queue(contract)
    return [
        _episode("control", 5, 1, ("nothing", None, {})),
        _episode("kill-leader", 5, 14, ("kill_node", f"leader of {queue}", {})),
        _episode("partition-reset", 9, 12, ("isolate", f"leader of {queue}", {"how": "reset"})),
        _episode("partition-silent", 14, 14, ("isolate", f"leader of {queue}", {"how": "silent"})),
        _episode("disk-alarm", 6, 6, ("disk_alarm", f"leader of {queue}", {})),
        _episode("poison", 3, 4, ("poison", queue, {"count": 60})),
    ]


def full(contract: Contract) -> list[Episode]:
    """Everything of smoke, twice, and what takes longer."""
    queue = main_queue(contract)
    worker = next(each for each in contract.consumers if each.queue == queue)
    once = smoke(contract)
    again = [each.model_copy(update={"id": f"{each.id}-2"}) for each in once[1:-1]]
    return [
        *once,
        *again,
        _episode("clients-refused", 5, 8,
                 ("cut_clients", "r1", {"how": "reset"}), ("cut_clients", "r2", {"how": "reset"}),
                 ("cut_clients", "r3", {"how": "reset"})),
        _episode("worker-sigterm", 4, 6,
                 ("signal_client", f"worker of {worker.queue}", {"signal": "SIGTERM"})),
        _episode("kill-all", 5, 25, ("kill_all_nodes", None, {})),
    ]  # fmt: skip


def main_queue(contract: Contract) -> str:
    """Return the queue that the victim leads: the one with the busiest producer."""
    busiest = max(contract.producers, key=lambda producer: producer.rate_per_s)
    return busiest.routing_key if not busiest.exchange else contract.consumers[0].queue


def _episode(
    name: str, for_s: float, recover_s: float, *faults: tuple[str, str | None, dict[str, Any]]
) -> Episode:
    entries = tuple(Entry(kind=k, target=t, parameters=p) for k, t, p in faults)
    return Episode(id=name, name=name, at_s=0, for_s=for_s, recover_s=recover_s, faults=entries)


def _lay_out(episodes: list[Episode]) -> tuple[Episode, ...]:
    """Give each episode its offset: after the one before has had its time to recover."""
    placed, at_s = [], PREPARE_S
    for episode in episodes:
        placed.append(episode.model_copy(update={"at_s": at_s}))
        at_s += episode.for_s + episode.recover_s + PREPARE_S
    return tuple(placed)


def _only(episodes: list[Episode], name: str) -> list[Episode]:
    chosen = [each for each in episodes if each.id in {name, "control"}]
    if not any(each.id == name for each in chosen):
        known = ", ".join(each.id for each in episodes)
        raise UsageError(f"--scenario: there is no {name!r} in this suite, but {known}")
    return chosen
