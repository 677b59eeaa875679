"""Putting right what a run left: the one way that the watchdog and `heal` share.

    open faults, the last one first -> its clients -> its clusters, if the run had started them

A cluster that ends with its run is not healed first. Everything is idempotent: what was put right
already is found so. Whether the runner may be bothered at all is for the caller to know.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from chaos import runs, steps
from chaos.journal import FILE_NAME, Journal, read
from chaos.revert import TROUBLE, Target
from chaos.runs import RunRecord
from gameday.clusters import commanded, compose_record, redis_record, residue, spare_record
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.commanded_facts import drop_left
from gameday.clusters.commanding import end_noted
from gameday.clusters.found import AnyRecord, cluster_at, end_cluster, open_cluster
from gameday.clusters.residue import Record, remove_cluster
from gameday.errors import HarnessError, UsageError

NOT_NOW = (*TROUBLE, UsageError)
"""What keeps a rescuer from his work: an engine that is away is told as a usage error."""

SIDE_FILE = "journal.rescue.jsonl"
"""Takes the rescuer's lines when a stopped runner holds the journal's lock."""


@dataclass
class Rescue:
    """What was done, in sentences, and whether everything is as it was."""

    sentences: list[str] = field(default_factory=list)
    whole: bool = True

    def say(self, sentence: str, *, whole: bool = True) -> None:
        """Add a sentence."""
        self.sentences.append(sentence)
        self.whole = self.whole and whole


def open_faults(folder: Path) -> tuple[steps.Open, ...]:
    """Return the faults that a run's journals leave open, in the order of their beginning."""
    return steps.open_faults(read(folder / FILE_NAME) + read(folder / SIDE_FILE))


def rescue_journal(folder: Path, reason: str, by: str) -> Journal:
    """Open the journal for a rescuer; a runner that was stopped with the lock cannot stop us.

    Neither can a full disk: what cannot be written down is put right all the same.
    """
    journal = Journal(folder / FILE_NAME)
    try:
        journal.append("rescue", by=by, reason=reason)
    except HarnessError:
        with suppress(HarnessError):
            aside = Journal(folder / SIDE_FILE)
            aside.append("rescue", by=by, reason=reason)
            return aside
    return journal


def cluster_of(record: RunRecord) -> AnyRecord | None:
    """Return the run's cluster, none when there is none any more."""
    if record.port_base is None:
        return None
    return cluster_at(record.state_dir, record.port_base)


def ends_with_run(record: RunRecord, cluster: AnyRecord | None) -> bool:
    """Whether the run had started the cluster for itself, and is gone."""
    if cluster is None or cluster.kept or record.is_running:
        return False
    return cluster.owner == record.runner


def revert_all(record: RunRecord, reason: str, by: str, done: Rescue) -> None:
    """Put every open fault right, the last one first; one failure stops none."""
    faults = open_faults(record.folder)
    if not faults:
        return
    attached = commanded.load(record.folder)
    if attached is not None:
        journal = rescue_journal(record.folder, reason, by)
        at_doors = () if record.is_running else tuple(filter(_at_spare_door, faults))
        for opened in reversed(at_doors):  # The doors end with their run.
            _without_cluster(opened, journal, by, done)
        others = tuple(opened for opened in faults if opened not in at_doors)
        _revert_by_commands(attached, others, journal, by, done)
        return
    found = cluster_of(record)
    if found is None or ends_with_run(record, found):
        journal = rescue_journal(record.folder, reason, by)
        for opened in reversed(faults):
            _without_cluster(opened, journal, by, done)
        return
    # Before the journal: where the engine of its containers gives no answer, it is tried again.
    cluster = open_cluster(found)
    journal = rescue_journal(record.folder, reason, by)
    try:
        for opened in reversed(faults):
            steps.undo(opened, cluster, journal, by=by)
        for opened in reversed(faults):
            _verify(opened, cluster, journal, by, done)
    finally:
        cluster.close_control()
        journal.close()


def _revert_by_commands(
    cluster: CommandedCluster,
    faults: tuple[steps.Open, ...],
    journal: Journal,
    by: str,
    done: Rescue,
) -> None:
    """Undo faults on somebody's cluster by his commands, once the run's own has ended."""
    target = cast("Target", cluster)  # Its recipes ask no more of it than it can do.
    if end_noted(cluster.note):
        done.say("ended a command that the run had begun.")
    for opened in reversed(faults):
        steps.undo(opened, target, journal, by=by)
    if not cluster.password:
        names = " and ".join(cluster.credential_variables)
        done.say(f"export {names}: without them nobody can see whether it healed.")
    for opened in reversed(faults):
        _verify(opened, target, journal, by, done)
    journal.close()


def _at_spare_door(opened: steps.Open) -> bool:
    """Whether a fault struck a door of ours before somebody's cluster."""
    return opened.revert.kind == "mend_doors"


def _verify(opened: steps.Open, cluster: Target, journal: Journal, by: str, done: Rescue) -> None:
    """Observe that a fault healed, and say so."""
    healed = steps.verify(opened, cluster, journal, by=by)
    what = f"{opened.facts['kind']} of {opened.facts['target']} (fault {opened.fault})"
    done.say(f"{what} is {'healed' if healed else 'NOT healed'}.", whole=healed)


def _without_cluster(opened: steps.Open, journal: Journal, by: str, done: Rescue) -> None:
    """Close a fault whose cluster is gone, or is about to be ended."""
    steps.close_without_cluster(opened, journal, by)
    what = f"{opened.facts['kind']} of {opened.facts['target']} (fault {opened.fault})"
    done.say(f"{what} ended with its cluster.")


def end_remains(record: RunRecord, done: Rescue) -> None:
    """End what a run whose runner is gone had started: clients, its own cluster and Redis."""
    count = runs.end_clients(record)
    if count:
        done.say(f"ended {count} client processes of run {record.run}.")
    attached = commanded.load(record.folder)
    for vhost in drop_left(attached) if attached is not None else ():
        done.say(f"deleted the virtual host {vhost} of run {record.run}.")
    # A run may have a second cluster beside its own, to which it moves.
    clusters: list[AnyRecord] = [
        *residue.recorded(record.state_dir), *compose_record.recorded(record.state_dir)
    ]  # fmt: skip
    for cluster in clusters:
        if ends_with_run(record, cluster) and end_cluster(cluster):
            done.say(f"ended the cluster of run {record.run}, ports from {cluster.ports.base}.")
    beside: list[Record] = [
        *redis_record.recorded(record.state_dir), *spare_record.recorded(record.state_dir)
    ]  # fmt: skip
    for each in beside:
        if each.owner == record.runner and not each.kept and not record.is_running:
            remove_cluster(each)
            done.say(f"ended {each.title}, of run {record.run}.")


def rescue(record: RunRecord, reason: str, by: str) -> Rescue:
    """Put right and end everything that a run whose runner is gone has left."""
    assert not record.is_running, "a runner that lives looks after its faults itself"
    done = Rescue()
    try:
        revert_all(record, reason, by, done)
    except NOT_NOW as error:
        done.say(f"run {record.run}: {error}", whole=False)
    try:
        end_remains(record, done)
    except NOT_NOW as error:
        done.say(f"run {record.run}: {error}", whole=False)
    if done.whole:
        runs.strike_off(record)
    return done
