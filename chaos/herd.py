"""A thundering herd: many clients that lose their connections at once, and come back at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from chaos import undo_clients as undo
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.clusters.connections import close_connections
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

STANDS_WITHIN_S = 60.0


@dataclass(frozen=True)
class ThunderingHerd(Single):
    """Let `count` idle clients connect to all nodes, then close all of them at once.

    Each comes back at once, so every node has so many handshakes to make beside its work; the
    load's own clients are not touched. The herd leaves when the fault ends.
    """

    herd: str = "herd"
    count: int = 100
    kind: ClassVar[str] = "thundering_herd"
    fault_class: ClassVar[str] = "client_link"
    takes_s: ClassVar[float] = STANDS_WITHIN_S
    shows_after_s: ClassVar[float] = 15.0

    def _file(self, site: Site) -> Path:
        return (site.journal.path.parent / f"herd-{site.episode}").resolve()

    def capture(self, site: Site) -> Revert:
        """Name the file for as long as which the herd is there; undoing it is removing that."""
        if not 1 <= self.count <= 1000:
            raise HarnessError(f"a herd of {self.count} is none: 1 to 1000.")
        values = {"file": str(self._file(site)), "vhost": site.vhost, "prefix": undo.HERD}
        return Revert("disperse_herd", values)

    def apply(self, site: Site) -> None:
        """Start the herd, wait until all of it stands, and close every connection of it."""
        file = self._file(site)
        file.touch()
        site.at("apply")
        site.traffic.herd(self.count, file)

        def stands() -> bool | NotYet:
            channels = undo.herd(site.cluster, site.vhost)
            return channels == self.count or NotYet(f"{channels} of {self.count}")

        wait_until(stands, STANDS_WITHIN_S, "the herd stands")
        close_connections(site.cluster, site.vhost, site.cluster.nodes, undo.HERD)

    def observe(self, site: Site) -> Seen:
        """See all of the herd back."""
        channels = undo.herd(site.cluster, site.vhost)
        return Seen(channels == self.count, {"back": channels, "of": self.count})
