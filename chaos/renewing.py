"""Credentials that are renewed under load as they should be: all are told, and nobody waits."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from chaos import steps
from chaos import undo_access as undo
from chaos.access import CLIENTS, user_of
from chaos.fault import Single, Site
from chaos.operators import found
from chaos.revert import Revert, Seen
from gameday.clusters import declared
from gameday.clusters.connections import connections, count_named, running
from gameday.clusters.declared import path_of
from gameday.clusters.held import held
from gameday.errors import HarnessError


@dataclass(frozen=True)
class RenewPassword(Single):
    """Give the clients' user another password, tell every client, and let each log in anew.

    Connections that stand go on with the old one; each client finishes what it has in hand, closes,
    and opens again, a publisher's pool one after another. At the end it all goes the other way
    round. What is journalled is the old password's salted hash, never a password. A load process
    that is started meanwhile has the old one, and is refused until the end.
    """

    user: str = CLIENTS
    kind: ClassVar[str] = "renew_password"
    fault_class: ClassVar[str] = "credentials"
    shows_after_s: ClassVar[float] = 15.0

    def _path(self, site: Site) -> str:
        return path_of("users", user_of(site, self.user))

    @contextmanager
    def inject(self, site: Site) -> Iterator[None]:
        """Renew it for as long as the context is open; then everybody logs in as before."""
        try:
            with steps.carry_out(self, site):
                yield
        finally:
            site.traffic.renew(None)

    def capture(self, site: Site) -> Revert:
        """Record the user with the password's hash, and which connections stand."""
        path = self._path(site)
        standing = connections(site.cluster, site.vhost)
        if not any(standing.values()):
            raise HarnessError(f"no connection to {site.vhost} stands: nobody is to log in anew.")
        things = {path: found(site, path, f"user {self.user}")}
        values = {"things": things, "bindings": [], "connections": standing, "had": _serving(site)}
        return Revert("declare_again", values)

    def apply(self, site: Site) -> None:
        """Set a new password, and tell it to the clients."""
        path = self._path(site)
        tags = found(site, path, f"user {self.user}")["tags"]
        password = secrets.token_urlsafe(24)
        api = site.cluster.management(site.broker.serving_node())
        api.put(path, {"password": password, "tags": tags})
        site.at("apply")
        site.traffic.renew(password)

    def observe(self, site: Site) -> Seen:
        """Every node has another hash, none of the old connections stands, and new ones do.

        An old one that the broker still has, and of which this machine has no other end, is none
        that stands: its client has gone, and the broker does not know yet. How many there were,
        and how many stood before and stand now, is evidence.
        """
        values = undo.captured(site.journal, self.kind, site.episode)
        [(path, before)] = values["things"].items()
        known = declared.everywhere(site.cluster, path)
        changed = [node for node, user in known.items() if user and user != before]
        left = running(site.cluster, values["connections"])
        old = len(held(site.cluster, left))
        abandoned = sum(map(len, left.values())) - old
        had, have = values["had"], _serving(site) - abandoned
        yes = set(changed) == set(site.cluster.nodes) and not old and have > 0
        seen = {"changed_on": changed, "old": old, "abandoned": abandoned, "had": had, "have": have}
        return Seen(yes, seen)


def _serving(site: Site) -> int:
    """Count the connections to the run's virtual host that serve, whoever has them."""
    return sum(count_named(site.cluster, node, site.vhost) for node in site.cluster.nodes)
