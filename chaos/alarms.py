"""Faults of resources: the disk alarm and the memory alarm, without filling anything.

The broker is told to want more than there is; it looks at once, and publishers are blocked on the
whole cluster. The recorded value is what is restored, never a constant.
"""

from dataclasses import dataclass
from typing import ClassVar

from chaos import probes
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.victims import known_node
from gameday.clusters import limits

MORE_BYTES = 10 * 2**30
"""How much more free space than there is a node is told to want."""

ALL = "all"
"""The target that means every node."""


def struck(site: Site, node: str) -> tuple[str, ...]:
    """Return the nodes that a target means."""
    return site.cluster.nodes if node == ALL else (known_node(site, node),)


def all_alarmed(site: Site, kind: str, node: str) -> Seen:
    """Whether the alarm of each node that a target means is known."""
    seen = {each: probes.alarmed(site.cluster, kind, each) for each in struck(site, node)}
    last = list(seen.values())[-1]
    return Seen(all(each.yes for each in seen.values()), last.evidence)


@dataclass(frozen=True)
class DiskAlarm(Single):
    """Raise a node's disk alarm, or `all` nodes', by wanting more space free than there is.

    One alarmed node is enough: every node stops reading from connections that publish, and tells
    those that asked (`connection.blocked`, at their first publish). What they sent meanwhile waits
    in the sockets. Consumers are served as before; an idle publisher hears nothing.
    """

    node: str
    kind: ClassVar[str] = "disk_alarm"
    fault_class: ClassVar[str] = "disk_alarm"

    def capture(self, site: Site) -> Revert:
        """Record the limit that is in force on each."""
        known = {
            each: limits.disk_free_limit(site.cluster, each) for each in struck(site, self.node)
        }
        if self.node == ALL:
            return Revert("restore_disk_limits", {"limits": known})
        return Revert("restore_disk_limit", {"node": self.node, "limit_bytes": known[self.node]})

    def apply(self, site: Site) -> None:
        """Want ten gibibytes more than are free."""
        for node in struck(site, self.node):
            free_bytes = limits.disk_free(site.cluster, node)
            limits.set_disk_free_limit(site.cluster, node, free_bytes + MORE_BYTES)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """Every node that runs with it has the alarm in its list."""
        return all_alarmed(site, "disk", self.node)


@dataclass(frozen=True)
class MemoryAlarm(Single):
    """Raise a node's memory alarm, or `all` nodes', by a watermark that any use exceeds.

    Publishers of the whole cluster are blocked as by a disk alarm, and consumers go on; the node
    also writes to disk what it can, to need less.
    """

    node: str
    kind: ClassVar[str] = "memory_alarm"
    fault_class: ClassVar[str] = "memory_alarm"

    def capture(self, site: Site) -> Revert:
        """Record the watermark that is in force on each."""
        known = {
            each: limits.memory_watermark(site.cluster, each) for each in struck(site, self.node)
        }
        if self.node == ALL:
            return Revert("restore_watermarks", {"watermarks": known})
        return Revert("restore_watermark", {"node": self.node, "watermark": known[self.node]})

    def apply(self, site: Site) -> None:
        """Set a watermark of nothing."""
        for node in struck(site, self.node):
            limits.set_memory_watermark(site.cluster, node, 0)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """Every node that runs with it has the alarm in its list."""
        return all_alarmed(site, "memory", self.node)
