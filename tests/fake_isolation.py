"""A run that looked at the network: who reached the broker, on a machine that does as it is told.

As `fake_declaring.py`: `written` returns a `FakeRun`, so that a mutant can damage one thing.
"""

from functools import cache
from itertools import product
from typing import Any

from gameday.contracts.isolation import PLACES, PORTS, Isolation, may_enter
from gameday.contracts.model import Contract
from gameday.history.checks.isolation import isolation, isolation_detected, left_as_it_was
from tests.fake_folder import FakeRun, Journal
from tests.fake_tape import Tape
from tests.fake_telling import PLAN, manifest, ns, tell_drain

CRITERIA: dict[str, dict[str, Any]] = {
    each.__name__: {} for each in (isolation, isolation_detected, left_as_it_was)
}
MACHINE = {
    "interfaces": ["eth0", "lo"], "namespaces": [], "tables": [],
    "forwarding": {"net.ipv4.ip_forward": "0"},
}  # fmt: skip
ONLY_IPV4 = ("distribution",)
"""Erlang's distribution listens over IPv4 alone."""


def declared() -> Isolation:
    """Return zones of which each has one door, and one that has none."""
    return Isolation.model_validate({
        "zones": [{"name": name, "holds": "somebody"}
                  for name in ("shop", "monitoring", "peers", "outside")],
        "doors": [
            {"name": "amqp", "open_to": ["shop"]},
            {"name": "management", "open_to": ["monitoring"], "listens_at": "management"},
            {"name": "metrics", "open_to": ["monitoring"]},
            {"name": "distribution", "open_to": ["peers"]},
            {"name": "epmd", "open_to": ["peers"]},
        ],
    })  # fmt: skip


def contract() -> Contract:
    """Return the contract of the run."""
    return Contract.model_validate({
        "system": "fort", "title": "A shop behind walls",
        "topology": {"queues": [{"name": "work", "type": "quorum"}]},
        "messages": [{"name": "job", "schema": {"type": "object"}}],
        "producers": [{"name": "shop", "message": "job", "routing_key": "work", "rate_per_s": 10}],
        "consumers": [{"name": "worker", "queue": "work"}],
        "isolation": declared().model_dump(),
        "requirements": [
            {"id": f"fort-{number:02d}", "statement": f"What `{name}` holds.",
             "criteria": [{"check": name}], "suites": ["full"]}
            for number, name in enumerate(CRITERIA, start=1)
        ],
    })  # fmt: skip


def listens(door: str, place: str, family: str) -> bool:
    """Whether the broker listens on a door at an address."""
    bound = declared().door(door).listens_at  # type: ignore[arg-type]
    if bound != "every":
        return place == bound and family == "IPv4"
    return family == "IPv4" or door not in ONLY_IPV4


def ways() -> list[dict[str, Any]]:
    """Return every way to the broker."""
    return [
        {"door": door, "port": PORTS[door], "place": place, "family": family}
        for door, place, family in product(PORTS, PLACES, ("IPv4", "IPv6"))
    ]


def path(zone: str, way: dict[str, Any]) -> dict[str, Any]:
    """Return what a probe of a way from a zone shows, with the rules and without."""
    there = listens(way["door"], way["place"], way["family"])
    free = "open" if there else "refused"
    allowed = may_enter(declared(), zone, way["door"], way["place"])
    return {"zone": zone, **way, "enforced": free if allowed else "silent", "lifted": free,
            "said": ""}  # fmt: skip


def own(when: str) -> list[dict[str, Any]]:
    """Return what the broker's own zone shows."""
    return [
        {"when": when, **way, "said": "",
         "outcome": "open" if listens(way["door"], way["place"], way["family"]) else "refused"}
        for way in ways()
    ]  # fmt: skip


def seen() -> dict[str, Any]:
    """Return what was seen of it all."""
    return {
        "problem": None, "version": "3.10.8", "rules_from": "the contract", "ipv6": True,
        "rules": "table inet gameday {}", "own": [*own("before"), *own("after")],
        "paths": [path(zone.name, way) for zone in declared().zones for way in ways()],
        "detection": {"with_rules": True, "without_rules": False},
        "memory": {"forecast_mib": 260, "free_mib": 4000.0, "took_mib": 130.0},
        "before": MACHINE, "after": dict(MACHINE), "left": [], "begun_ns": ns(2), "seconds": 14.0,
    }  # fmt: skip


@cache
def written() -> FakeRun:
    """Return the good run, to be copied before it is damaged."""
    journal = Journal()
    journal.add(ns(1), "isolation_forecast", forecast_mib=260, free_mib=4000.0)
    journal.add(ns(20), "isolation", **seen())
    drain = Tape(1, "drain")
    journal.add(ns(0), "process", process=1, role="drain", pid=101, state="started", meant=True,
                code=None)  # fmt: skip
    tell_drain(journal, drain, ("work",), 30.0)
    return FakeRun(manifest(contract(), ("work",)), {**PLAN}, journal, [drain], [], [])
