"""Clusters that somebody else started, found by their block of ports: processes, or containers.

So the watchdog, `gameday heal` and the next run put right and end either kind alike.
"""

from pathlib import Path

from gameday.clusters import compose_record, record, residue
from gameday.clusters.compose import ComposeCluster
from gameday.clusters.compose_engine import Engine
from gameday.clusters.compose_record import ComposeRecord, composed_folder, load_composed
from gameday.clusters.compose_residue import remove_composed
from gameday.clusters.local import LocalCluster
from gameday.clusters.record import ClusterRecord, cluster_folder, load_record
from gameday.errors import UsageError

AnyRecord = ClusterRecord | ComposeRecord


def cluster_at(state_dir: Path, port_base: int) -> AnyRecord | None:
    """Return what is recorded for a block, none when nothing is any more."""
    local = cluster_folder(state_dir, port_base)
    if (local / record.FILE_NAME).exists():
        return load_record(local)
    composed = composed_folder(state_dir, port_base)
    if (composed / compose_record.FILE_NAME).exists():
        return load_composed(composed)
    return None


def open_cluster(found: AnyRecord) -> LocalCluster | ComposeCluster:
    """Return the cluster, with all its powers."""
    return ComposeCluster(found) if isinstance(found, ComposeRecord) else LocalCluster(found)


def end_cluster(found: AnyRecord) -> bool:
    """End everything of a cluster and remove its folder.

    False where no engine answers: then nothing of its containers runs, and they stay recorded.
    """
    residue.end_processes(found)
    if isinstance(found, ComposeRecord):
        try:
            engine = Engine()
        except UsageError:
            return False
        remove_composed(found, engine)
    residue.remove_cluster(found)
    return True
