"""TLS: who may come in does, and whoever is wrong is refused for what is wrong with him.

By the journal's `secured` lines: what each way to come to each node met, before anything was broken
and at the end, and how the connections of the load came.
"""

from collections.abc import Mapping
from typing import Any

from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Line, events
from gameday.history.run import Run

ACCEPTED = "accepted"
SERVER = {
    "right": ACCEPTED,
    "wrong_name": "wrong name",
    "expired": "expired",
    "unknown_authority": "unknown authority",
    "wrong_login": "wrong password",
    "without_tls": "not by TLS",
}
"""What a client must meet, by what is wrong with it or with the server that it meets."""
PEER = {
    "right": ACCEPTED,
    "no_certificate": "no certificate",
    "unknown_authority": "unknown authority",
    "without_tls": "not by TLS",
}
"""What must become of whoever comes to a node as its peer."""
DOORS = {"clients": SERVER, "management": SERVER, "links": PEER}
TIMES = ("before", "after")


def secured(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Told-Apart: at each door the right one comes in, and each wrong one meets its own refusal."""
    doors = parameters.get("doors", list(DOORS))
    lines = events(run.journal, "secured")
    tries = 0
    seen: dict[str, int] = {}
    for line in lines:
        for door in doors:
            for way, outcome in line["doors"].get(door, {}).items():
                tries += 1
                seen[outcome] = seen.get(outcome, 0) + 1
                if text := _broken(line, door, way, outcome):
                    return Finding(Status.FAIL, f"broke Told-Apart: {text}", n=tries, unit="tries",
                                   details={"met": line["doors"][door]})  # fmt: skip
        if "clients" in doors and (plain := line["connections"]["plain"]):
            return Finding(Status.FAIL, f"broke Told-Apart: {plain} of the load's connections came "
                           "without TLS", n=tries, unit="tries")  # fmt: skip
    figures: dict[str, Any] = {"measured": tries, "unit": "tries", "n": tries,
                               "details": {"outcomes": seen}}  # fmt: skip
    if text := _missing(run, lines, doors):
        return unknown(text, **figures)
    return Finding(Status.PASS, f"all {tries} tries at {', '.join(doors)} met what they should",
                   **figures)  # fmt: skip


def _broken(line: Line, door: str, way: str, outcome: str) -> str:
    """Return how an outcome differs from what it must be, empty when it does not."""
    wanted = DOORS[door].get(way.partition(" ")[0])
    if outcome == wanted:
        return ""
    return f"at {line['node']}'s {door}, {way} met {outcome!r} and not {wanted!r} ({line['at']})"


def _missing(run: Run, lines: list[Line], doors: list[str]) -> str:
    """Return what was not tried although it should have been, empty when nothing is."""
    nodes = run.manifest["cluster"]["nodes"]
    for at in TIMES:
        for node in nodes:
            found = [line for line in lines if line["at"] == at and line["node"] == node]
            if not found:
                return f"vacuous: nobody tried {node} {at} the faults"
            for door in doors:
                ways = {way.partition(" ")[0] for way in found[-1]["doors"].get(door, {})}
                alone = door == "links" and len(nodes) == 1
                if not alone and (left := DOORS[door].keys() - ways):
                    return f"vacuous: {min(left)} was not tried at {node}'s {door} {at} the faults"
    if "clients" in doors and not any(line["connections"]["tls"] for line in lines):
        return "vacuous: no connection of the load was seen to come by TLS"
    return ""
