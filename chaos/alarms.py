"""Faults of resources: the disk alarm and the memory alarm, without filling anything.

The broker is told to want more than there is; it looks at once, and publishers are blocked on the
whole cluster. The recorded value is what is restored, never a constant.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from chaos import probes, reverts
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.errors import HarnessError

MORE_BYTES = 10 * 2**30
"""How much more free space than there is a node is told to want."""
_WATERMARK = re.compile(r"[0-9.eE+-]+|\{(absolute|relative),\s*[0-9.eE+-]+\}")


@dataclass(frozen=True)
class DiskAlarm(Single):
    """Raise one node's disk alarm, by wanting more space free than there is."""

    node: str
    kind: ClassVar[str] = "disk_alarm"
    fault_class: ClassVar[str] = "disk_alarm"

    def capture(self, site: Site) -> Revert:
        """Record the limit that is in force."""
        limit_bytes = reverts.disk_limit(site.cluster, self.node)
        return Revert("restore_disk_limit", {"node": self.node, "limit_bytes": limit_bytes})

    def apply(self, site: Site) -> None:
        """Want ten gibibytes more than are free."""
        expression = "rabbit_disk_monitor:get_disk_free()"
        free = site.cluster.evaluate(self.node, expression)
        if not free.isdigit():
            raise HarnessError(f"{self.node} does not watch its disk: its free space is {free}.")
        reverts.set_disk_limit(site.cluster, self.node, int(free) + MORE_BYTES)

    def observe(self, site: Site) -> Seen:
        """Every node has the alarm in its list."""
        return probes.alarmed(site.cluster, "disk", self.node)


@dataclass(frozen=True)
class MemoryAlarm(Single):
    """Raise one node's memory alarm, by a watermark that any use exceeds."""

    node: str
    kind: ClassVar[str] = "memory_alarm"
    fault_class: ClassVar[str] = "memory_alarm"

    def capture(self, site: Site) -> Revert:
        """Record the watermark that is in force."""
        term = reverts.watermark(site.cluster, self.node)
        if not _WATERMARK.fullmatch(term):
            raise HarnessError(f"{self.node} has a memory watermark nobody knows: {term}.")
        return Revert("restore_watermark", {"node": self.node, "watermark": term})

    def apply(self, site: Site) -> None:
        """Set a watermark of nothing."""
        reverts.set_watermark(site.cluster, self.node, "0")

    def observe(self, site: Site) -> Seen:
        """Every node has the alarm in its list."""
        return probes.alarmed(site.cluster, "memory", self.node)
