"""Which addresses the zones have: pure arithmetic, the same for the same contract.

Every zone is a network of its own behind a router, which is a network namespace as well. The
broker's zone has two networks, one for its service and one for its management, so that a listener
may be bound to one of them.
"""

from dataclasses import dataclass

from gameday.contracts.isolation import BROKER, PLACES, Isolation

NETWORK = "10.77"
NETWORK_6 = "fd77:6d71"
"""Private addresses; they exist in our own namespaces only, whatever the machine's networks are."""


@dataclass(frozen=True)
class Net:
    """One network: its number, its zone, and the place in the broker's zone if it is there."""

    number: int
    zone: str
    place: str = ""

    @property
    def address(self) -> str:
        """The address of the zone in it."""
        return f"{NETWORK}.{self.number}.2"

    @property
    def address_6(self) -> str:
        """The same in IPv6."""
        return f"{NETWORK_6}:{self.number}::2"

    @property
    def router(self) -> str:
        """The router's address in it."""
        return f"{NETWORK}.{self.number}.1"

    @property
    def router_6(self) -> str:
        """The same in IPv6."""
        return f"{NETWORK_6}:{self.number}::1"


@dataclass(frozen=True)
class Layout:
    """The networks of all zones, the broker's two first."""

    nets: tuple[Net, ...]

    @property
    def zones(self) -> tuple[str, ...]:
        """Every zone, the broker's first."""
        return tuple(dict.fromkeys(net.zone for net in self.nets))

    def of(self, zone: str) -> tuple[Net, ...]:
        """Return the networks of a zone."""
        return tuple(net for net in self.nets if net.zone == zone)

    def broker(self, place: str) -> Net:
        """Return the broker's network of a place."""
        return next(net for net in self.of(BROKER) if net.place == place)

    def interface(self, zone: str) -> str:
        """Return the name of the router's interface to a zone."""
        return f"zone{self.zones.index(zone)}"


def layout(isolation: Isolation) -> Layout:
    """Return the networks of a contract's zones."""
    own = [Net(number, BROKER, place) for number, place in enumerate(PLACES, start=1)]
    others = [
        Net(number, zone.name) for number, zone in enumerate(isolation.zones, start=len(own) + 1)
    ]
    return Layout((*own, *others))
