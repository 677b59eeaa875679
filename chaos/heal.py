"""Healing what earlier runs left: `gameday heal`, and the first thing that every run does.

It finds runs by the register, so it needs no argument, puts right what they left broken, ends
what they started and nothing else, and says what it did. A run that is alive is left alone. Doing
it twice is harmless: the second time there is nothing to do.
"""

from dataclasses import dataclass
from pathlib import Path

from chaos import probes, runs
from chaos.rescue import Rescue, rescue
from chaos.revert import TROUBLE
from chaos.runs import RunRecord
from chaos.watchdog import END_WITHIN_S, watchdog_of
from gameday.clusters import residue
from gameday.clusters.compose_residue import clean_composed, find_composed
from gameday.clusters.local import LocalCluster, default_state_dir
from gameday.clusters.processes import is_alive
from gameday.clusters.record import ClusterRecord
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError


@dataclass(frozen=True)
class HealReport:
    """What healing did, in sentences, and whether everything is as it should be."""

    sentences: tuple[str, ...]
    whole: bool

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not self.sentences


def heal(folder: Path | None = None, state_dir: Path | None = None) -> HealReport:
    """Put right what one run left, or what all runs left."""
    done = Rescue()
    if folder is not None:
        record = runs.load(folder)
        _heal_run(record, done)
        return _report(done)
    state_dir = state_dir or default_state_dir()
    for record in runs.registered(state_dir):
        _heal_run(record, done)
    for sentence in residue.clean(residue.find_leftovers(state_dir)):
        done.say(f"{sentence}.")
    for sentence in clean_composed(find_composed(state_dir)):
        done.say(sentence)
    _heal_kept_clusters(state_dir, done)
    return _report(done)


def _report(done: Rescue) -> HealReport:
    """Freeze what was done."""
    return HealReport(tuple(done.sentences), done.whole)


def _heal_run(record: RunRecord, done: Rescue) -> None:
    """Put right what one run left, after its own watchdog has had its turn."""
    if record.is_running:
        done.say(f"run {record.run} is alive (process {record.runner.pid}): left alone.")
        return
    watchdog = watchdog_of(record.folder)
    if watchdog is not None:
        wait_until(
            lambda: not is_alive(watchdog),
            END_WITHIN_S,
            f"the watchdog of run {record.run} has ended",
        )
    found = rescue(record, "somebody ran heal", "heal")
    for sentence in found.sentences:
        done.say(sentence)
    done.whole = done.whole and found.whole


def _heal_kept_clusters(state_dir: Path, done: Rescue) -> None:
    """Mend kept clusters that no living run works on: links, suspended nodes, dead nodes."""
    busy = {each.port_base for each in runs.registered(state_dir) if each.is_running}
    for record in residue.recorded(state_dir):
        if record.kept and record.ports.base not in busy:
            _heal_cluster(record, done)


def _heal_cluster(record: ClusterRecord, done: Rescue) -> None:
    """Mend one cluster, whoever broke it."""
    cluster = LocalCluster(record)
    where = f"cluster on the ports from {record.ports.base}"
    try:
        _mend_links(cluster, where, done)
        for node in cluster.nodes:
            _wake_node(cluster, node, where, done)
    except TROUBLE as error:
        done.say(f"{where}: {error}", whole=False)
    finally:
        cluster.close_control()


def _mend_links(cluster: LocalCluster, where: str, done: Rescue) -> None:
    """Mend every link of the cluster, when one is cut."""
    cut = {each.proxy for each in cluster.toxics()} | set(cluster.disabled_proxies())
    if not cut:
        return
    cluster.mend_all()
    left = {each.proxy for each in cluster.toxics()} | set(cluster.disabled_proxies())
    verb = "could NOT mend" if left else "mended"
    done.say(f"{where}: {verb} {', '.join(sorted(left or cut))}.", whole=not left)


def _wake_node(cluster: LocalCluster, node: str, where: str, done: Rescue) -> None:
    """Start a dead node, let a suspended one go on, and restart one that is stranded."""
    pid = cluster.process_id(node)
    if pid is None:
        cluster.start(node)
        done.say(f"{where}: started {node}.")
    elif probes.process_state(pid) == "T":
        cluster.resume(node)
        done.say(f"{where}: let {node} go on, which was suspended.")
    elif node in probes.stranded(cluster):
        cluster.kill(node)
        cluster.start(node)
        done.say(f"{where}: restarted {node}, whose application was down.")


def heal_or_refuse(state_dir: Path) -> HealReport:
    """Heal before a run; a target that cannot be healed must not be used."""
    report = heal(state_dir=state_dir)
    if not report.whole:
        raise HarnessError(f"what an earlier run left is still there: {' '.join(report.sentences)}")
    return report
