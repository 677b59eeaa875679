"""What there is: systems with their requirements and claims, suites, scenarios, faults, checks."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.catalogue import KINDS, POWERS
from gameday.contracts.load import load_contract, systems
from gameday.history.checks import CHECKS, HARNESS
from scenarios.suites import scenario_names


def show(*, as_json: bool) -> None:
    """Print everything that can be run and judged."""
    found = everything()
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    console = Console()
    for system in found["systems"]:
        console.print(f"[bold]{system['system']}[/]  {system['title']}")
        for suite, ids in system["claims"].items():
            console.print(f"  {suite} claims {', '.join(ids)}")
    console.print(f"[bold]scenarios[/]  {', '.join(found['scenarios'])}")
    console.print(_table("faults", "needs", found["faults"]))
    console.print(_table("checks", "guarantee", found["checks"]))


def everything() -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "systems": [_system(name) for name in systems()],
        "scenarios": list(scenario_names()),
        "faults": {kind: POWERS[kind] or "nothing" for kind in KINDS},
        "checks": {name: _first_line(check) for name, check in {**CHECKS, **HARNESS}.items()},
    }


def _system(name: str) -> dict[str, Any]:
    contract = load_contract(name)
    claims = {
        suite: [each.id for each in contract.requirements if suite in each.suites]
        for suite in ("smoke", "full")
    }
    rows = [
        {"id": each.id, "statement": each.statement, "tested": bool(each.criteria)}
        for each in contract.requirements
    ]
    return {
        "system": name,
        "title": contract.title,
        "claims": claims,
        "requirements": rows,
        "alternatives": [each.name for each in contract.alternatives],
    }


def _first_line(check: Any) -> str:
    return str(check.__doc__ or "").splitlines()[0]


def _table(title: str, heading: str, rows: dict[str, str]) -> Table:
    table = Table("name", heading, title=title, title_justify="left", box=None)
    for name, value in rows.items():
        table.add_row(name, value)
    return table
