"""Faults of a node's resources: starved of CPU, out of file descriptors, out of disk.

They are done from outside, without root: by signals, by the system's limit for the process, by a
file that takes the room. Only a file system of the cluster's own is ever filled, so that other
programs on the machine do not suffer.
"""

import os
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import chaos
from chaos import probes
from chaos import undo_resources as undo
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.steps import MARGIN_S
from chaos.victims import OnNode, known_node
from gameday.clusters.processes import ProcessRef, reference, spawn
from gameday.errors import HarnessError


def process_of(site: Site, node: str) -> ProcessRef:
    """Return the process of a node that runs."""
    pid = site.cluster.process_id(known_node(site, node))
    found = None if pid is None else reference(pid)
    if found is None:
        raise HarnessError(f"{node} is not running, so its resources cannot be taken.")
    return found


@dataclass(frozen=True)
class StarveNode(OnNode):
    """Let one node run for a `share` of the time only, as a throttled container does.

    It is suspended and let go on ten times a second: connections stand, everything takes longer,
    and peers whose failure detectors are impatient may give it up.
    """

    node: str
    share: float = 0.2
    kind: ClassVar[str] = "starve_node"
    fault_class: ClassVar[str] = "node_pause"

    def capture(self, site: Site) -> Revert:
        """Name the file for as long as which it is starved; undoing it is removing that."""
        if not 0.05 <= self.share < 1:
            raise HarnessError(f"a share of {self.share:g} starves nobody: from 0.05 to below 1.")
        process = process_of(site, self.node)
        return Revert("feed_node", {"node": self.node, **vars(process), "file": str(_file(site))})

    def apply(self, site: Site) -> None:
        """Start the starver, which lives for as long as the file does."""
        file, process = _file(site), process_of(site, self.node)
        file.touch()
        site.at("apply")
        words = [sys.executable, "-m", "chaos.starving", str(process.pid), str(process.start_ticks)]
        words += [str(self.share), str(file), str(site.for_s + MARGIN_S)]
        root = str(Path(chaos.__file__).parent.parent)
        environment = {"PATH": os.defpath, "PYTHONPATH": root, **site.cluster.owner_environment}
        spawn(words, environment, file.with_suffix(".log"))

    def observe(self, site: Site) -> Seen:
        """See the process suspended in most of many looks, and running in some."""
        states = undo.states(process_of(site, self.node).pid)
        suspended = states.count("T") / len(states)
        wanted = 1 - self.share
        yes = 0.5 * wanted < suspended < 1
        return Seen(yes, {"suspended": round(suspended, 2), "wanted": wanted})


def _file(site: Site) -> Path:
    return (site.journal.path.parent / f"starved-{site.episode}").resolve()


SMALL_BYTES = 2 * 2**30
"""Beyond this size a file system is no cluster's own, and is not filled."""


@dataclass(frozen=True)
class FillDisk(Single):
    """Fill the small file system on which the nodes keep their data, but for `left_bytes`.

    The broker sees its own limit reached (50 MB free by default) and raises the disk alarm by
    itself. Needs such a file system: mount one, and name a folder on it by GAMEDAY_STATE_DIR.
    """

    node: str = "all"
    left_bytes: int = 30_000_000
    kind: ClassVar[str] = "fill_disk"
    fault_class: ClassVar[str] = "disk_alarm"
    takes_s: ClassVar[float] = 20.0
    shows_after_s: ClassVar[float] = 15.0

    def capture(self, site: Site) -> Revert:
        """Name the file that will take the room, on a file system that nobody else needs."""
        folder = site.cluster.data_folder
        size_bytes = shutil.disk_usage(folder).total
        if size_bytes > SMALL_BYTES:
            raise HarnessError(
                f"{folder} is on a file system of {size_bytes / 2**30:.0f} GiB, which others may "
                "use, so it is not filled: mount a small one (mount -t tmpfs -o size=700m none "
                "FOLDER, as root) and set GAMEDAY_STATE_DIR to a folder on it."
            )
        return Revert("empty_disk", {"file": str(folder / "ballast")})

    def apply(self, site: Site) -> None:
        """Take all the room but what shall be left."""
        folder = site.cluster.data_folder
        take_bytes = shutil.disk_usage(folder).free - self.left_bytes
        with (folder / "ballast").open("wb") as ballast:
            site.at("apply")
            os.posix_fallocate(ballast.fileno(), 0, max(1, take_bytes))

    def observe(self, site: Site) -> Seen:
        """See hardly anything free, and the disk alarm on a node's list."""
        free_bytes = shutil.disk_usage(site.cluster.data_folder).free
        known = probes.alarms(site.cluster)
        raised = any(alarm.startswith("disk") for each in known.values() for alarm in each)
        full = free_bytes <= self.left_bytes + 2**20
        return Seen(full and raised, {"free_bytes": free_bytes, "alarms": known})


@dataclass(frozen=True)
class LimitFiles(OnNode):
    """Leave one node no file descriptor more than `spare` beyond those it has open.

    What it has open it keeps. It accepts no connection any more and opens no file: a queue that
    needs one may crash, and the node with it.
    """

    node: str
    spare: int = 0
    kind: ClassVar[str] = "limit_files"
    fault_class: ClassVar[str] = "limit"
    shows_after_s: ClassVar[float] = 5.0

    def capture(self, site: Site) -> Revert:
        """Record the system's limit for the node's process."""
        process = process_of(site, self.node)
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        values = {"node": self.node, **vars(process), "soft": soft, "hard": hard}
        return Revert("restore_files", values)

    def apply(self, site: Site) -> None:
        """Lower the soft limit to what is open now."""
        pid = process_of(site, self.node).pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        most = undo.free_descriptor(pid) + self.spare
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))

    def observe(self, site: Site) -> Seen:
        """See the system's limit reached, and a client's greeting stay unanswered."""
        pid = process_of(site, self.node).pid
        soft, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        free = undo.free_descriptor(pid)
        greeting = probes.greet(site.cluster.addresses(self.node).direct)
        yes = free >= soft and greeting != probes.ANSWERED
        return Seen(yes, {"limit": soft, "free_from": free, "greeting": greeting})
