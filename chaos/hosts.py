"""Faults of one host: what it knows of the broker is wrong, and everybody else goes on.

The host is one that probes the broker and carries no load, so that nothing else is touched: its
name for the broker is one that nobody knows, or its password was changed at the broker and nobody
told it. `gameday/clusters/diagnosis.py` has the probes.
"""

from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import quote

from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.clusters.diagnosis import ACCEPTED, REFUSED, Door, log_in, resolve
from gameday.errors import HarnessError

USER = "gameday-host"
BEFORE, AFTER = "before-the-rotation", "after-the-rotation"
"""The password that the host has, and the one that the broker has; the user may do nothing else."""
NOBODY = "rabbitmq.invalid"
"""A name that resolves nowhere: RFC 2606 keeps the domain free."""


def door_of(site: Site, node: str) -> Door:
    """Return what the host knows while its credentials are the rotated ones' predecessors."""
    address = site.cluster.addresses(node).client
    return Door(address.host, address.port, USER, site.vhost, BEFORE, address.authority)


@dataclass(frozen=True)
class WrongName(Single):
    """Give one host a name for the broker that nobody knows.

    It sees nothing at all: no packet of that host's reaches it, and everybody else goes on.
    """

    node: str
    name: str = NOBODY
    kind: ClassVar[str] = "wrong_name"
    fault_class: ClassVar[str] = "host"

    def capture(self, site: Site) -> Revert:  # noqa: ARG002  # Every fault is asked the same way.
        """Nothing is to be undone: the name is the host's own, and ends with the fault."""
        return Revert("nothing")

    def apply(self, site: Site) -> None:
        """Change nothing but what the host is told: its probes use the name from now on."""

    def observe(self, site: Site) -> Seen:  # noqa: ARG002  # Every fault is asked the same way.
        """See the name resolve to no address."""
        answer = resolve(self.name)
        return Seen(answer == "unknown", {"name": self.name, "resolves_to": answer})


@dataclass(frozen=True)
class RotateCredentials(Single):
    """Change a user's password at the broker, and leave one host with the old one.

    Connections that stand go on; whoever opens one with the old password is refused (403).
    """

    node: str
    kind: ClassVar[str] = "rotate_credentials"
    fault_class: ClassVar[str] = "host"

    def capture(self, site: Site) -> Revert:  # noqa: ARG002  # Every fault is asked the same way.
        """Undoing it is deleting the user, who is the host's alone."""
        return Revert("drop_user", {"node": self.node, "user": USER})

    def apply(self, site: Site) -> None:
        """Make the user, see the password accepted, and rotate it."""
        api = site.cluster.management(self.node)
        everything = {"configure": "", "write": "", "read": ""}
        api.put(f"/api/users/{USER}", {"password": BEFORE, "tags": ""})
        api.put(f"/api/permissions/{quote(site.vhost, safe='')}/{USER}", everything)
        answer = log_in(door_of(site, self.node))
        if answer != ACCEPTED:
            raise HarnessError(f"the host's password was not accepted before it changed: {answer}.")
        site.at("apply")
        api.put(f"/api/users/{USER}", {"password": AFTER, "tags": ""})

    def observe(self, site: Site) -> Seen:
        """See the old password refused, and the new one accepted."""
        old = door_of(site, self.node)
        new = replace(old, password=AFTER)
        answers = {"old": log_in(old), "new": log_in(new)}
        return Seen(answers == {"old": REFUSED, "new": ACCEPTED}, answers)
