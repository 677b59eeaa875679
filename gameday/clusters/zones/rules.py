"""The rules between the zones, as nftables takes them.

`rules_of` writes what the contract declares: what is not open is dropped. A zone is known by the
router's interface *and* its address, so that none passes for another by a false sender. An owner's
own rules are taken as they stand; `definitions` gives them the addresses by name.
"""

from collections.abc import Sequence

from gameday.clusters.zones.layout import Layout
from gameday.contracts.isolation import PLACES, PORTS, Isolation, may_enter

TABLE = "gameday"


def definitions(plan: Layout) -> dict[str, str]:
    """Return the names that rules may use, with a leading `$`, for addresses and interfaces."""
    found: dict[str, str] = {}
    for place in PLACES:
        net = plan.broker(place)
        found[f"broker_{place}"] = net.address
        found[f"broker_{place}_6"] = net.address_6
    for zone in plan.zones[1:]:
        name = zone.replace("-", "_")
        (net,) = plan.of(zone)
        found[f"zone_{name}"] = net.address
        found[f"zone_{name}_6"] = net.address_6
        found[f"from_{name}"] = f'"{plan.interface(zone)}"'
    return found


def rules_of(isolation: Isolation, plan: Layout) -> str:
    """Return the rules that hold the zones to what the contract declares."""
    accepted = [
        line
        for zone in isolation.zones
        for place in PLACES
        for line in _accept(isolation, plan, zone.name, place)
    ]
    return ruleset(accepted)


def ruleset(accepted: list[str]) -> str:
    """Return a table that drops whatever none of the lines accepts."""
    lines = [
        f"table inet {TABLE} {{",
        "  chain forward {",
        "    type filter hook forward priority filter; policy drop;",
        "    ct state established,related accept",
        *(f"    {line}" for line in accepted),
        "  }",
        "}",
    ]
    return "\n".join([*lines, ""])


def accept(plan: Layout, zone: str, place: str, ports: Sequence[int | str]) -> list[str]:
    """Return the lines that let a zone to ports or ranges at one of the broker's addresses."""
    if not ports:
        return []
    (source,), target = plan.of(zone), plan.broker(place)
    listed = ", ".join(str(port) for port in ports)
    enters = f'iifname "{plan.interface(zone)}"'
    goes = f"tcp dport {{ {listed} }} accept"
    return [
        f"{enters} ip saddr {source.address} ip daddr {target.address} {goes}",
        f"{enters} ip6 saddr {source.address_6} ip6 daddr {target.address_6} {goes}",
    ]


def _accept(isolation: Isolation, plan: Layout, zone: str, place: str) -> list[str]:
    ports = [port for door, port in PORTS.items() if may_enter(isolation, zone, door, place)]
    return accept(plan, zone, place, ports)
