"""What the owner of an attached cluster lets be played, and what is left out, with the reason.

An episode is played if the cluster file has commands for each of its faults. A power that an
episode of the plan would need and does not find is no power of this run, whatever else it could
do: a requirement that asks for it is then not tested, and says why. Before anything is broken,
each command that is to undo something is run once while there is nothing to undo.
"""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from chaos.by_command import MASKED, Owner, commands_now
from chaos.catalogue import POWERS
from chaos.fault import Fault, as_it_is
from chaos.journal import Journal
from chaos.plan import Entry, Episode, Plan
from chaos.proofs import struck_nodes, template_of
from gameday.clusters import commanding
from gameday.clusters.attached import AttachedCluster
from gameday.clusters.cluster import ALL_POWERS
from gameday.clusters.cluster_file import ClusterFile, read_file
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.compose import ComposeCluster
from gameday.clusters.filling import address_of
from gameday.clusters.local import LocalCluster
from gameday.clusters.spare_doors import POWER
from gameday.clusters.templates import Ready
from gameday.contracts.model import Contract
from gameday.errors import HarnessError, PrepareError, UsageError
from scenarios.options import Options
from scenarios.screen import Screen
from scenarios.suites import choose_plan, lay_out, not_played


@dataclass(frozen=True)
class Allowed:
    """What is played, what is not and why, and which powers that leaves."""

    plan: Plan
    left_out: tuple[tuple[str, str], ...]
    """By episode, the reason."""
    powers: frozenset[str]
    reasons: dict[str, str]
    """By power, why this run does not have it."""


def file_of(options: Options) -> ClusterFile | None:
    """Return the cluster file that was given, or refuse what goes with none."""
    if options.cluster_file is None:
        return None
    if options.cluster != "attached":
        raise UsageError("--cluster-file: it describes an attached cluster: add --cluster attached")
    return read_file(options.cluster_file)


def owned_hosts(options: Options, file: ClusterFile | None) -> tuple[str, ...]:
    """Return the hosts that the user owns; by a cluster's name he owns every host of its file."""
    if file is None or file.cluster not in options.owned:
        return options.owned
    urls = [url for node in file.nodes for url in (node.amqp, node.management)]
    return (*options.owned, *dict.fromkeys(address_of(url).host for url in urls))


def refuse_what_is_not(contract: Contract, options: Options) -> None:
    """Refuse a cluster file, or what is asked for with it, before anything is attached to."""
    file = file_of(options)
    if file is not None:
        allowed(contract, options, file)


def allowed(contract: Contract, options: Options, file: ClusterFile) -> Allowed:
    """Return what of the plan the owner's file lets be done."""
    whole = choose_plan(contract, options, ALL_POWERS)
    given = file.faults.given()
    nodes = tuple(each.name for each in file.nodes)
    name = options.cluster_file.name if options.cluster_file else "the cluster file"
    reasons: dict[str, str] = {}
    left_out = list(not_played(contract, options, ALL_POWERS, {}))
    played = []
    for episode in whole.episodes:
        found = {
            POWERS[entry.kind]: reason
            for entry in episode.faults
            if (reason := _reason(entry, given, name, options.system))
        }
        reasons |= {str(power): reason for power, reason in found.items()}
        if found:
            left_out.append((episode.name, "; ".join(dict.fromkeys(found.values()))))
        else:
            played.append(episode)
    if (options.plan or options.scenario) and left_out:  # What is asked for by name is meant.
        where = options.plan or "--scenario"
        raise UsageError(f"{where}: {left_out[0][0]}: {left_out[0][1]}")
    _refuse_strangers(played, nodes, options.plan)
    plan = whole if options.plan else Plan(seed=options.seed, episodes=lay_out(played))
    powers = {POWER, *(POWERS[kind] for kind in POWERS if _able(kind, given))} - reasons.keys()
    for power in ALL_POWERS - powers:
        reasons.setdefault(power, _lacks(power, given, name, options.system))
    return Allowed(plan, tuple(left_out), frozenset(str(p) for p in powers if p), reasons)


def _able(kind: str, given: Collection[str]) -> bool:
    """Whether the owner's commands do a kind of fault in its usual form."""
    return template_of(kind, {}) in given


def _reason(entry: Entry, given: Collection[str], file: str, system: str) -> str | None:
    """Return why a fault is not done, if it is not."""
    if POWERS[entry.kind] is None:
        return None
    template = template_of(entry.kind, entry.parameters)
    if template is None:
        there = " --cluster compose" if POWERS[entry.kind] == "disconnect" else ""
        return f"no command template does {entry.kind} — run with: gameday run {system}{there}"
    if template not in given:
        return (
            f"{file} has no commands for {template} — run with: gameday run {system} --cluster "
            f"attached --cluster-file {file}, once it has them (docs/attached.md)"
        )
    return None


def _lacks(power: str, given: Collection[str], file: str, system: str) -> str:
    """Return why a power is lacking that no episode asked for."""
    for kind, needed in POWERS.items():
        template = template_of(kind, {})
        if needed == power and template is not None and template not in given:
            return _reason(Entry(kind=kind), given, file, system) or ""
    return f"no command template does {power} — run with: gameday run {system}"


def _refuse_strangers(played: list[Episode], nodes: tuple[str, ...], path: Path | None) -> None:
    """Refuse a plan that names nodes which the file does not have."""
    for episode in played:
        for entry in episode.faults:
            if template_of(entry.kind, entry.parameters) is None or entry.target is None:
                continue
            for node in struck_nodes(entry.kind, entry.target, nodes):
                if " of " not in node and node not in nodes:
                    raise UsageError(
                        f"{path}: {episode.id}: there is no node {node}; the cluster file has "
                        f"{', '.join(nodes)}."
                    )


def adapted_to(
    cluster: LocalCluster | ComposeCluster | AttachedCluster,
) -> Callable[[Fault], Fault]:
    """Return how faults are done on this cluster."""
    return Owner(cluster).adapted if isinstance(cluster, CommandedCluster) else as_it_is


def rehearse(cluster: CommandedCluster, plan: Plan, journal: Journal, screen: Screen) -> None:
    """Run each command that may have to undo something, on every node, while all is well.

    One that fails now would fail when it is needed, so nothing is broken then.
    """
    entries = [entry for episode in plan.episodes for entry in episode.faults]
    names = [template_of(each.kind, each.parameters) for each in entries]
    wanted = sorted({name for name in names if name is not None})
    if not wanted:
        return
    screen.step(f"running the commands that undo {', '.join(wanted)}, while there is nothing to")
    with ThreadPoolExecutor(max_workers=len(cluster.nodes)) as pool:
        tried = pool.map(lambda node: _rehearse_on(cluster, node, wanted, journal), cluster.nodes)
        shown = [command.shown for commands in tried for command in commands]
    journal.append("rehearsed", commands=shown)


def _rehearse_on(
    cluster: CommandedCluster, node: str, names: list[str], journal: Journal
) -> list[Ready]:
    done: list[Ready] = []
    for name in names:
        for command in commands_now(cluster, name, "revert", node):
            if command in done:
                continue
            if journal.masks(command.as_json()):
                raise PrepareError(MASKED.format(template=name))
            note = cluster.run_folder / f"rehearsal-{node}.json"
            try:
                commanding.run(command, cluster.folder, note, cluster.credential_variables)
            except HarnessError as error:
                raise PrepareError(
                    f"faults.{name}.revert fails on {node} while nothing is broken, so nothing "
                    f"will be: {error}"
                ) from error
            done.append(command)
    return done
