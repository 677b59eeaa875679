"""What is wrong with a contract's zones and doors: names that are not there, or are there twice."""

from collections.abc import Iterator

from gameday.contracts.document import Mistake
from gameday.contracts.isolation import BROKER, Isolation
from gameday.contracts.partial import View, requirement_rows
from gameday.contracts.sentences import any_of, remedy, shown

CHECKS = ("isolation", "isolation_detected", "left_as_it_was")
"""The checks that need zones."""


def isolation_mistakes(view: View) -> Iterator[Mistake]:
    """Return what is wrong with the zones, and criteria that have none to judge."""
    declared = view.contract.isolation
    if declared is not None:
        yield from _zones(declared)
        yield from _doors(declared)
    elif "isolation" not in view.unknown:
        for path, row in requirement_rows(view.contract):
            for i, criterion in enumerate(row.criteria):
                if criterion.check in CHECKS:
                    text = "expected a contract with a section isolation, found none; add zones"
                    yield Mistake((*path, "criteria", i, "check"), text)


def _zones(declared: Isolation) -> Iterator[Mistake]:
    names = [zone.name for zone in declared.zones]
    for i, name in enumerate(names):
        path = ("isolation", "zones", i, "name")
        if name in {BROKER, "router"}:
            text = f"expected a zone beside the broker's own, found {shown(name)}; rename it"
            yield Mistake(path, text)
        elif name in names[:i]:
            text = f"expected each name once, found {shown(name)} again; rename one of them"
            yield Mistake(path, text)


def _doors(declared: Isolation) -> Iterator[Mistake]:
    zones = [zone.name for zone in declared.zones]
    doors = [door.name for door in declared.doors]
    for i, door in enumerate(declared.doors):
        if door.name in doors[:i]:
            text = f"expected each name once, found {shown(door.name)} again; remove one of them"
            yield Mistake(("isolation", "doors", i, "name"), text)
        for j, name in enumerate(door.open_to):
            if name not in zones:
                text = f"expected {any_of(zones)}, found {shown(name)}; {remedy(name, zones)}"
                yield Mistake(("isolation", "doors", i, "open_to", j), text)
