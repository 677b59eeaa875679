"""Faults of who may do what: passwords, permissions, limits of a virtual host, closed connections.

They strike the run's own clients, who have a user of their own (`clients_user`), never the
administrator by whom the harness looks and heals. The broker asks for a password, or counts
connections, when one is opened: `disconnect` closes those that stand, so that all must come back.
"""

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaos import undo_access as undo
from chaos.fault import Single, Site
from chaos.operators import found
from chaos.revert import Revert, Seen
from gameday.clusters import declared
from gameday.clusters.broker import clients_user
from gameday.clusters.connections import close_connections, connections
from gameday.clusters.declared import path_of
from gameday.errors import HarnessError

Right = Literal["configure", "write", "read", "all"]
LimitName = Literal["max-connections", "max-queues"]
CLIENTS = "clients"
"""The user of the run's clients, whatever it is called."""


def user_of(site: Site, user: str) -> str:
    """Return the user that a target means; the administrator's access is left alone."""
    name = clients_user(site.vhost) if user == CLIENTS else user
    if name == site.cluster.username:
        raise HarnessError(f"{name} is the administrator by whom this run heals: not to be struck.")
    return name


def _disconnect(site: Site, *, wanted: bool) -> None:
    site.at("apply")
    if wanted:
        close_connections(site.cluster, site.vhost, site.cluster.nodes)


@dataclass(frozen=True)
class RotatePassword(Single):
    """Give a user another password, and tell nobody; the old one is valid again at the end.

    Connections that stand go on; whoever opens one is refused with 403. What is journalled is the
    old password's salted hash, never a password.
    """

    user: str = CLIENTS
    disconnect: bool = True
    kind: ClassVar[str] = "rotate_password"
    fault_class: ClassVar[str] = "operator"

    def _path(self, site: Site) -> str:
        return path_of("users", user_of(site, self.user))

    def capture(self, site: Site) -> Revert:
        """Record the user with the password's hash."""
        path = self._path(site)
        things = {path: found(site, path, f"user {self.user}")}
        return Revert("declare_again", {"things": things, "bindings": []})

    def apply(self, site: Site) -> None:
        """Set a password that nobody knows."""
        path = self._path(site)
        tags = found(site, path, f"user {self.user}")["tags"]
        api = site.cluster.management(site.broker.serving_node())
        api.put(path, {"password": secrets.token_urlsafe(24), "tags": tags})
        _disconnect(site, wanted=self.disconnect)

    def observe(self, site: Site) -> Seen:
        """Every node has another hash than before."""
        [(path, before)] = undo.captured(site.journal, self.kind, site.episode)["things"].items()
        known = declared.everywhere(site.cluster, path)
        changed = [node for node, user in known.items() if user and user != before]
        return Seen(set(changed) == set(site.cluster.nodes), {"changed_on": changed})


@dataclass(frozen=True)
class RevokePermissions(Single):
    """Take a user's right to write, read or configure in the run's virtual host, or all three.

    A channel that was opened before may go on by what it has cached; on a new one a publish is
    refused with 403, which closes the channel.
    """

    user: str = CLIENTS
    right: Right = "write"
    disconnect: bool = True
    kind: ClassVar[str] = "revoke_permissions"
    fault_class: ClassVar[str] = "operator"

    def _path(self, site: Site) -> str:
        return path_of("permissions", site.vhost, user_of(site, self.user))

    def _without(self, rights: dict[str, Any]) -> dict[str, Any]:
        return {name: "" if self.right in {name, "all"} else value
                for name, value in rights.items()}  # fmt: skip

    def capture(self, site: Site) -> Revert:
        """Record the user's rights."""
        path = self._path(site)
        things = {path: found(site, path, f"permission of {self.user}")}
        return Revert("declare_again", {"things": things, "bindings": []})

    def apply(self, site: Site) -> None:
        """Set the right to nothing."""
        path = self._path(site)
        rights = found(site, path, f"permission of {self.user}")
        declared.write(site.cluster, path, self._without(rights))
        _disconnect(site, wanted=self.disconnect)

    def observe(self, site: Site) -> Seen:
        """Every node knows the user without the right."""
        known = declared.everywhere(site.cluster, self._path(site))
        without = [node for node, each in known.items() if each and self._without(each) == each]
        return Seen(set(without) == set(site.cluster.nodes), {"without_on": without})


@dataclass(frozen=True)
class LimitVhost(Single):
    """Limit the run's virtual host to so many connections, or queues.

    Those that stand stay; one too many is refused with 530 (a connection) or 406 (a queue).
    """

    limit: LimitName = "max-connections"
    value: int = 0
    disconnect: bool = True
    kind: ClassVar[str] = "limit_vhost"
    fault_class: ClassVar[str] = "limit"

    def _path(self, site: Site) -> str:
        return path_of(declared.LIMITS, site.vhost, self.limit)

    def capture(self, site: Site) -> Revert:
        """Record the limit, if there is one."""
        path = self._path(site)
        before = declared.read(site.cluster, site.broker.serving_node(), path)
        return Revert("declare_again", {"things": {path: before}, "bindings": []})

    def apply(self, site: Site) -> None:
        """Set the limit."""
        declared.write(site.cluster, self._path(site), {"value": self.value})
        _disconnect(site, wanted=self.disconnect and self.limit == "max-connections")

    def observe(self, site: Site) -> Seen:
        """Every node knows the limit, and would refuse one more."""
        known = declared.everywhere(site.cluster, self._path(site))
        full = undo.at_limit(site.cluster, site.vhost, self.limit)
        there = all(each == {"value": self.value} for each in known.values())
        return Seen(there and all(full.values()), {"refuses": full})


@dataclass(frozen=True)
class LimitUser(Single):
    """Limit a user to so many channels, or connections, on each node or in all.

    Channels that are open stay; one too many closes its connection with 530.
    """

    user: str = CLIENTS
    limit: Literal["max-channels", "max-connections"] = "max-channels"
    value: int = 0
    disconnect: bool = True
    kind: ClassVar[str] = "limit_user"
    fault_class: ClassVar[str] = "limit"

    def _path(self, site: Site) -> str:
        return path_of(declared.USER_LIMITS, user_of(site, self.user), self.limit)

    def capture(self, site: Site) -> Revert:
        """Record the limit, if there is one."""
        found(site, path_of("users", user_of(site, self.user)), f"user {self.user}")
        path = self._path(site)
        before = declared.read(site.cluster, site.broker.serving_node(), path)
        return Revert("declare_again", {"things": {path: before}, "bindings": []})

    def apply(self, site: Site) -> None:
        """Set the limit."""
        declared.write(site.cluster, self._path(site), {"value": self.value})
        _disconnect(site, wanted=self.disconnect)

    def observe(self, site: Site) -> Seen:
        """Every node knows the limit, and would refuse one more."""
        known = declared.everywhere(site.cluster, self._path(site))
        full = undo.user_at_limit(site.cluster, user_of(site, self.user), self.limit)
        there = all(each == {"value": self.value} for each in known.values())
        return Seen(there and all(full.values()), {"refuses": full})


@dataclass(frozen=True)
class CloseConnections(Single):
    """Close every connection of the run's virtual host, on one node or on `all`, once.

    Clients are told (320, connection forced) and may come back at once.
    """

    node: str = "all"
    kind: ClassVar[str] = "close_connections"
    fault_class: ClassVar[str] = "client_link"

    def _nodes(self, site: Site) -> tuple[str, ...]:
        if self.node != "all" and self.node not in site.cluster.nodes:
            raise HarnessError(f"there is no node {self.node}; there are {site.cluster.nodes}.")
        return site.cluster.nodes if self.node == "all" else (self.node,)

    def capture(self, site: Site) -> Revert:
        """Note which connections stand; they come back by themselves."""
        standing = connections(site.cluster, site.vhost)
        mine = {node: standing[node] for node in self._nodes(site)}
        if not any(mine.values()):
            raise HarnessError(f"no connection to {site.vhost} stands on {self.node}.")
        return Revert("nothing", {"connections": mine})

    def apply(self, site: Site) -> None:
        """Close them."""
        close_connections(site.cluster, site.vhost, self._nodes(site))

    def observe(self, site: Site) -> Seen:
        """None of the connections that stood is there any more."""
        known = undo.captured(site.journal, self.kind, site.episode)["connections"]
        left = undo.still_there(site.cluster, known)
        return Seen(not left, {"closed": sum(map(len, known.values())), "left": left})
