"""Overload: more falls due than the consumers can serve, for as long as the fault lasts."""

from dataclasses import dataclass
from typing import ClassVar

from chaos import traffic
from chaos import undo_clients as undo
from chaos.clients import process_of
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.traffic import Client
from gameday.errors import HarnessError


@dataclass(frozen=True)
class Overload(Single):
    """Let a producer, or `all`, offer `factor` times what its contract says.

    A second, seeded schedule is added to the first, which goes on unchanged; neither waits for the
    broker. Queues grow, and so does the time that a message waits.
    """

    producer: str
    factor: float = 3.0
    kind: ClassVar[str] = "overload"
    fault_class: ClassVar[str] = "overload"
    shows_after_s: ClassVar[float] = 5.0

    def carriers(self, site: Site) -> list[Client]:
        """Return the processes that publish for it."""
        publishers = [each for each in site.traffic.clients() if each.producers]
        found = [each for each in publishers if self.producer in {"all", *each.producers}]
        if not found:
            known = sorted({name for each in publishers for name in each.producers})
            raise HarnessError(f"no producer {self.producer} is alive, but {known}.")
        return found

    def capture(self, site: Site) -> Revert:
        """Note who offers more; undoing it is ending the second schedule."""
        if self.factor <= 1:
            raise HarnessError(f"a factor of {self.factor:g} is no overload: more than 1.")
        processes = [vars(process_of(each)) for each in self.carriers(site)]
        values = {"processes": processes, "vhost": site.vhost, "shown": traffic.FLOODING}
        return Revert("end_flood", values)

    def apply(self, site: Site) -> None:
        """Give the order."""
        for each in self.carriers(site):
            site.traffic.flood(each.name, self.producer, self.factor)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """See the backlog of the queues that have consumers grow, from one look to the next."""
        return undo.backlog_grows(site.cluster, site.vhost)
