"""Faults of resources: the disk alarm and the memory alarm, without filling anything.

The broker is told to want more than there is; it looks at once, and publishers are blocked on the
whole cluster. The recorded value is what is restored, never a constant.
"""

from dataclasses import dataclass
from typing import ClassVar

from chaos import probes
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.clusters import limits

MORE_BYTES = 10 * 2**30
"""How much more free space than there is a node is told to want."""


@dataclass(frozen=True)
class DiskAlarm(Single):
    """Raise one node's disk alarm, by wanting more space free than there is."""

    node: str
    kind: ClassVar[str] = "disk_alarm"
    fault_class: ClassVar[str] = "disk_alarm"

    def capture(self, site: Site) -> Revert:
        """Record the limit that is in force."""
        limit_bytes = limits.disk_free_limit(site.cluster, self.node)
        return Revert("restore_disk_limit", {"node": self.node, "limit_bytes": limit_bytes})

    def apply(self, site: Site) -> None:
        """Want ten gibibytes more than are free."""
        free_bytes = limits.disk_free(site.cluster, self.node)
        limits.set_disk_free_limit(site.cluster, self.node, free_bytes + MORE_BYTES)

    def observe(self, site: Site) -> Seen:
        """Every node that runs with it has the alarm in its list."""
        return probes.alarmed(site.cluster, "disk", self.node)


@dataclass(frozen=True)
class MemoryAlarm(Single):
    """Raise one node's memory alarm, by a watermark that any use exceeds."""

    node: str
    kind: ClassVar[str] = "memory_alarm"
    fault_class: ClassVar[str] = "memory_alarm"

    def capture(self, site: Site) -> Revert:
        """Record the watermark that is in force."""
        watermark = limits.memory_watermark(site.cluster, self.node)
        return Revert("restore_watermark", {"node": self.node, "watermark": watermark})

    def apply(self, site: Site) -> None:
        """Set a watermark of nothing."""
        limits.set_memory_watermark(site.cluster, self.node, 0)

    def observe(self, site: Site) -> Seen:
        """Every node that runs with it has the alarm in its list."""
        return probes.alarmed(site.cluster, "memory", self.node)
