"""Who may reach which port of the broker: zones, doors, and the addresses of the broker's zone.

Values and one question, `may_enter`; nothing here opens a socket. A zone is a network of its own,
as a namespace of Kubernetes with its policy is; whatever is not said to be open is forbidden.
"""

from typing import Literal

from pydantic import Field

from gameday.contracts.parts import Part

BROKER = "broker"
"""The zone in which the broker itself lives; every contract has it, and none declares it."""

DoorName = Literal["amqp", "management", "metrics", "distribution", "epmd"]
"""The ports that a broker listens on, by what is spoken there."""

Place = Literal["service", "management"]
"""The two addresses of the broker's zone."""

PLACES: tuple[Place, ...] = ("service", "management")

PORTS: dict[DoorName, int] = {
    "amqp": 5672,
    "management": 15672,
    "metrics": 15692,
    "distribution": 25672,
    "epmd": 4369,
}
"""The broker's own ports, which it has in a zone of its own."""


class Zone(Part):
    """A network of its own, from which the broker is reached or is not."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    """Its name, in small letters, digits and hyphens."""
    holds: str
    """Who lives there."""
    namespace: str | None = None
    """The Kubernetes namespace that it stands for; empty is one of the zone's name."""
    labels: dict[str, str] = Field(default_factory=dict)
    """The labels of its pods, which a NetworkPolicy may ask for."""


class Door(Part):
    """A port of the broker, and who may enter."""

    name: DoorName
    """What is spoken there."""
    open_to: tuple[str, ...] = ()
    """The zones that reach it; every other one must not."""
    listens_at: Literal["every", "service", "management"] = "every"
    """The one address that it listens on, or every one; it is the node's own configuration."""

    @property
    def port(self) -> int:
        """Its port."""
        return PORTS[self.name]


class Isolation(Part):
    """Which zone reaches which door; everything else is forbidden."""

    zones: tuple[Zone, ...] = Field(min_length=1, max_length=40)
    """The zones beside the broker's own."""
    doors: tuple[Door, ...] = Field(min_length=1)
    """The doors; one that is not named listens at every address and is open to nobody."""

    def door(self, name: DoorName) -> Door:
        """Return a door, named or not."""
        return next((each for each in self.doors if each.name == name), Door(name=name))


def may_enter(isolation: Isolation, zone: str, door: str, place: str) -> bool:
    """Whether a zone shall reach a door at one of the broker's addresses.

    A port that is none of the known doors is open to nobody.
    """
    if door not in PORTS:
        return False
    found = isolation.door(door)
    return zone in found.open_to and found.listens_at in {"every", place}
