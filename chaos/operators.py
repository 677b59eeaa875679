"""Faults that operators make: with the right to change the broker, and the wrong idea.

All go through the cluster's own control path, unproxied, and stay in the run's virtual host. What
was there is recorded before it is changed, and put back exactly so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chaos import undo_operators as undo
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.clusters import bindings, declared
from gameday.clusters.declared import Thing, path_of
from gameday.clusters.expressions import purge
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


def found(site: Site, path: str, what: str) -> Thing:
    """Return a thing as it is declared, or say that it is not there."""
    thing = declared.read(site.cluster, site.broker.serving_node(), path)
    if thing is None:
        raise HarnessError(f"there is no {what} in {site.vhost}.")
    return thing


@dataclass(frozen=True)
class DeleteQueue(Single):
    """Delete a queue with all that is in it; declare and bind it again, empty, at the end.

    Its consumers are cancelled by the broker, publishes by the default exchange come back with 312,
    and what it held is lost: the ledger must say so.
    """

    queue: str
    kind: ClassVar[str] = "delete_queue"
    fault_class: ClassVar[str] = "operator"

    def _path(self, site: Site) -> str:
        return path_of("queues", site.vhost, self.queue)

    def capture(self, site: Site) -> Revert:
        """Record how it is declared and bound, and how much it holds."""
        path = self._path(site)
        things = {path: found(site, path, f"queue {self.queue}")}
        bound = declared.bindings_around(site.cluster, path)
        held = site.broker.message_counts(site.vhost)[self.queue]
        return Revert("declare_again", {"things": things, "bindings": bound, "messages": held})

    def apply(self, site: Site) -> None:
        """Delete it."""
        declared.write(site.cluster, self._path(site), None)

    def observe(self, site: Site) -> Seen:
        """No node knows the queue."""
        return undo.is_nowhere(site.cluster, self._path(site))


@dataclass(frozen=True)
class PurgeQueue(Single):
    """Empty a queue of what is ready in it; nothing brings that back.

    What its consumers hold stays theirs. The rest was confirmed and is lost: the ledger must say
    so. How many these were is in the journal.
    """

    queue: str
    kind: ClassVar[str] = "purge_queue"
    fault_class: ClassVar[str] = "operator"

    def capture(self, site: Site) -> Revert:
        """Note how much it holds; nothing is to be undone."""
        held = site.broker.message_counts(site.vhost)
        if self.queue not in held:
            raise HarnessError(f"there is no queue {self.queue} in {site.vhost}.")
        return Revert("nothing", {"messages": held[self.queue]})

    def apply(self, site: Site) -> None:
        """Purge it, and write down how many messages the broker says it dropped."""
        order = purge(site.vhost, self.queue)
        count = int(site.cluster.evaluate(site.broker.serving_node(), order, timeout_s=20))
        site.journal.append("purged", episode=site.episode, queue=self.queue, messages=count)

    def observe(self, site: Site) -> Seen:
        """See that the broker dropped something."""
        count = undo.purged(site.journal, site.episode, self.queue)
        return Seen(count > 0, {"messages": count})


@dataclass(frozen=True)
class RemoveExchange(Single):
    """Delete an exchange with its bindings; declare and bind it again at the end.

    A publish to it closes its channel with 404, and everything that is unconfirmed on the channel
    stays unknown.
    """

    exchange: str
    kind: ClassVar[str] = "remove_exchange"
    fault_class: ClassVar[str] = "operator"

    def _path(self, site: Site) -> str:
        return path_of("exchanges", site.vhost, self.exchange)

    def capture(self, site: Site) -> Revert:
        """Record how it is declared and bound, both ways."""
        if not self.exchange or self.exchange.startswith("amq."):
            raise HarnessError(f"the exchange {self.exchange!r} is the broker's own, and stays.")
        path = self._path(site)
        things = {path: found(site, path, f"exchange {self.exchange}")}
        bound = declared.bindings_around(site.cluster, path)
        return Revert("declare_again", {"things": things, "bindings": bound})

    def apply(self, site: Site) -> None:
        """Delete it."""
        declared.write(site.cluster, self._path(site), None)

    def observe(self, site: Site) -> Seen:
        """No node knows the exchange."""
        return undo.is_nowhere(site.cluster, self._path(site))


@dataclass(frozen=True)
class ChangePolicy(Single):
    """Give a policy another definition, or make one that was not there; put it back at the end.

    It takes effect at once, on queues that hold messages too: a new length limit drops what is
    over it.
    """

    policy: str
    definition: Mapping[str, Any] = field(default_factory=dict)
    pattern: str = ""
    priority: int | None = None
    kind: ClassVar[str] = "change_policy"
    fault_class: ClassVar[str] = "operator"

    def _path(self, site: Site) -> str:
        return path_of("policies", site.vhost, self.policy)

    def capture(self, site: Site) -> Revert:
        """Record the policy as it is, if it is."""
        path = self._path(site)
        before = declared.read(site.cluster, site.broker.serving_node(), path)
        if not self.definition:
            raise HarnessError(f"policy {self.policy}: a changed policy needs a definition.")
        if before is None and not self.pattern:
            raise HarnessError(f"there is no policy {self.policy}: a new one needs a pattern.")
        return Revert("declare_again", {"things": {path: before}, "bindings": []})

    def apply(self, site: Site) -> None:
        """Set it, with what is not named as it was."""
        path = self._path(site)
        before = declared.read(site.cluster, site.broker.serving_node(), path)
        thing = before or {"apply-to": "queues", "priority": 0}
        thing |= {"definition": dict(self.definition)}
        thing |= {"pattern": self.pattern} if self.pattern else {}
        thing |= {} if self.priority is None else {"priority": self.priority}
        declared.write(site.cluster, path, thing)

    def observe(self, site: Site) -> Seen:
        """Every node has the new definition, and it is in force for a queue."""
        known = declared.everywhere(site.cluster, self._path(site))
        wanted = dict(self.definition)
        everywhere = all(each and each["definition"] == wanted for each in known.values())
        queues = undo.under_policy(site.cluster, site.vhost, self.policy)
        return Seen(everywhere and bool(queues), {"nodes": list(known), "queues": queues})
