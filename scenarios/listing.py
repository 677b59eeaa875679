"""What there is: systems and what they claim, scenarios, faults, checks, and this machine."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.catalogue import KINDS, POWERS
from gameday.contracts.load import load_contract, systems
from gameday.contracts.model import Contract, Requirement
from gameday.history.checks import CHECKS, HARNESS
from scenarios.doctor import doctor, render
from scenarios.library import SCENARIOS
from scenarios.suites import COMMON, suite_plays


def show(*, as_json: bool, system: str | None = None) -> None:
    """Print everything that can be run and judged, or all about one system."""
    if system is not None:
        _show_system(describe(load_contract(system)), as_json=as_json)
        return
    found = everything()
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    console = Console()
    console.print(_systems(found["systems"]))
    console.print(_table("scenarios", "claim", found["scenarios"]))
    console.print(_table("faults", "what it does (the power that it needs)", _faults(found)))
    console.print(_table("checks", "guarantee", found["checks"]))
    console.print("[italic]this machine[/]")
    render(doctor(), console)
    console.print("One system's suites and requirements: gameday list SYSTEM")


def everything() -> dict[str, Any]:
    """Return the same as plain values; what this machine can run is `gameday doctor`'s."""
    return {
        "systems": [describe(load_contract(name)) for name in systems()],
        "scenarios": {each.name: each.claim for each in SCENARIOS},
        "faults": {
            kind: {"what": _first_line(fault), "needs": POWERS[kind]}
            for kind, fault in KINDS.items()
        },
        "checks": {name: _first_line(check) for name, check in {**CHECKS, **HARNESS}.items()},
    }


def describe(contract: Contract) -> dict[str, Any]:
    """Return a system's suites, claims, requirements, scales and alternatives as plain values."""
    return {
        "system": contract.system,
        "title": contract.title,
        "suites": {
            suite: [play.scenario for play in suite_plays(contract, suite)] for suite in COMMON
        },
        "claims": {
            suite: [each.id for each in contract.requirements if suite in each.suites]
            for suite in COMMON
        },
        "requirements": [_requirement(each) for each in contract.requirements],
        "scales": [each.model_dump() for each in contract.scales],
        "alternatives": [each.name for each in contract.alternatives],
    }


def _requirement(each: Requirement) -> dict[str, Any]:
    return {
        "id": each.id,
        "statement": each.statement,
        "tested": bool(each.criteria),
        "checks": sorted({criterion.check for criterion in each.criteria}),
        "suites": list(each.suites),
        "why_not": each.not_tested.reason if each.not_tested else None,
        "how": each.not_tested.how if each.not_tested else None,
    }


def _show_system(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    console = Console()
    console.print(f"[bold]{found['system']}[/]  {found['title']}")
    for suite, names in found["suites"].items():
        console.print(f"  {suite} plays {', '.join(names)}")
    table = Table("requirement", "claimed by", "judged by", "statement", box=None)
    for each in found["requirements"]:
        judged = ", ".join(each["checks"]) or f"[dim]not tested: {each['why_not']}[/]"
        table.add_row(each["id"], ", ".join(each["suites"]), judged, each["statement"])
    console.print(table)
    for each in found["scales"]:
        console.print(
            f"  scaled: {each['name']}, {each['promised_s']:g} s played as {each['played_s']:g} s"
        )


def _systems(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        "system", "what it is", "suite", "scenarios", "claims",
        title="systems", title_justify="left", box=None,
    )  # fmt: skip
    for row in rows:
        for number, (suite, names) in enumerate(row["suites"].items()):
            head = (f"[bold]{row['system']}[/]", row["title"]) if number == 0 else ("", "")
            claims = f"{len(row['claims'][suite])} of {len(row['requirements'])} requirements"
            table.add_row(*head, suite, str(len(names)), claims)
    return table


def _faults(found: dict[str, Any]) -> dict[str, str]:
    return {
        kind: each["what"] + (f" [dim]({each['needs']})[/]" if each["needs"] else "")
        for kind, each in found["faults"].items()
    }


def _first_line(check: Any) -> str:
    return str(check.__doc__ or "").splitlines()[0]


def _table(title: str, heading: str, rows: dict[str, str]) -> Table:
    table = Table("name", heading, title=title, title_justify="left", box=None)
    for name, value in rows.items():
        table.add_row(name, value)
    return table
