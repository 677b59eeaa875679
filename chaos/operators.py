"""Faults that operators make: with the right to change the broker, and the wrong idea.

All go through the cluster's own control path, unproxied, and stay in the run's virtual host. What
was there is recorded before it is changed, and put back exactly so.
"""

from dataclasses import dataclass
from typing import ClassVar

from chaos import undo_operators as undo
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.clusters import bindings
from gameday.errors import HarnessError


@dataclass(frozen=True)
class RemoveBinding(Single):
    """Remove the bindings of one key from an exchange to a queue, under load.

    A mandatory message that no other binding routes comes back with 312; one that another queue
    takes as well is confirmed, and its copy here is lost without a sign.
    """

    queue: str
    exchange: str
    routing_key: str
    kind: ClassVar[str] = "remove_binding"
    fault_class: ClassVar[str] = "operator"

    def capture(self, site: Site) -> Revert:
        """Record the bindings with their arguments; undoing it is making them again."""
        found = bindings.bindings_between(site.cluster, site.vhost, self.exchange, self.queue)
        chosen = [each for each in found if each["routing_key"] == self.routing_key]
        if not self.exchange or not chosen:
            known = ", ".join(sorted(each["routing_key"] for each in found)) or "none"
            raise HarnessError(
                f"no binding {self.routing_key!r} from {self.exchange or 'the default exchange'} "
                f"to {self.queue} can be removed; there are: {known}."
            )
        values = {"vhost": site.vhost, "exchange": self.exchange, "queue": self.queue}
        return Revert("restore_bindings", {**values, "bindings": chosen})

    def apply(self, site: Site) -> None:
        """Remove them."""
        found = bindings.bindings_between(site.cluster, site.vhost, self.exchange, self.queue)
        for each in found:
            if each["routing_key"] == self.routing_key:
                key = each["properties_key"]
                bindings.unbind(site.cluster, site.vhost, self.exchange, self.queue, key)
                site.at("apply")

    def observe(self, site: Site) -> Seen:
        """No node routes by the key any more."""
        keys = undo.keys_by_node(site.cluster, site.vhost, self.exchange, self.queue)
        gone = not any(self.routing_key in known for known in keys.values())
        return Seen(gone, {"keys": keys})
