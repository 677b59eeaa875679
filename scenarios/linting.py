"""Lint from the command line: for which broker, and how the findings are shown."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gameday.clusters.release import find_release
from gameday.contracts.lint.linting import Linted, lint_file
from gameday.contracts.lint.rule import SEVERITIES, Finding
from gameday.contracts.lint.rules import FAMILIES
from gameday.contracts.versions import release
from gameday.errors import UsageError
from scenarios.options import parse_variables

ASSUMED = "4.3"
"""The version that is linted for where none is named and none is installed."""

FOUND_ERRORS = 1
MARKS = {"error": "[bold red]error[/]", "warning": "[yellow]warning[/]", "note": "[dim]note[/]"}


@dataclass(frozen=True)
class Chosen:
    """The version that a file is linted for, and why this one."""

    version: str
    why: Literal["named", "installed", "assumed"]

    @property
    def sentence(self) -> str:
        """The version and the reason, as they stand below a table."""
        reasons = {
            "named": "named by --broker",
            "installed": "installed here",
            "assumed": "assumed, since none is installed; name yours with --broker",
        }
        return f"RabbitMQ {self.version} ({reasons[self.why]})"


def lint(
    file: str | None,
    variables: Sequence[str],
    broker: str | None,
    nodes: int | None,
    *,
    as_json: bool,
    rules: bool,
) -> int:
    """Lint a file, or list the rules; return the exit code."""
    if rules:
        _show_rules(as_json=as_json)
        return 0
    if file is None:
        raise UsageError("lint what? Name a contract or exported definitions, or use --rules.")
    if nodes is not None and nodes < 1:
        raise UsageError(f"--nodes {nodes}: a broker has one node or more.")
    chosen = _chosen(broker)
    linted = lint_file(file, chosen.version, nodes, parse_variables(variables))
    if as_json:
        sys.stdout.write(json.dumps(_values(linted, chosen), indent=1) + "\n")
    else:
        _show(linted, chosen, Console())
    return FOUND_ERRORS if linted.count("error") else 0


def _chosen(broker: str | None) -> Chosen:
    """Return the version that was named, the installed one, or the newest that we know."""
    if broker is not None:
        release(broker)
        return Chosen(broker, "named")
    try:
        return Chosen(find_release(None).version, "installed")
    except UsageError:
        return Chosen(ASSUMED, "assumed")


def _values(linted: Linted, chosen: Chosen) -> dict[str, Any]:
    return {
        "file": linted.file,
        "kind": linted.kind,
        "broker": {"version": chosen.version, "chosen": chosen.why},
        "nodes": linted.nodes,
        "counts": {severity: linted.count(severity) for severity in SEVERITIES},
        "findings": [dataclasses.asdict(finding) for finding in linted.findings],
    }


def _show(linted: Linted, chosen: Chosen, console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in linted.findings:
        table.add_row(MARKS[finding.severity], _told(finding))
    if linted.findings:
        console.print(table)
    count = "one node" if linted.nodes == 1 else f"{linted.nodes} nodes"
    numbers = [_number(linted.count(severity), severity) for severity in SEVERITIES]
    end = f"{', '.join(numbers)}: {linted.file} on {chosen.sentence}, {count}."
    console.print(end, highlight=False, soft_wrap=True, markup=False)


def _told(finding: Finding) -> str:
    """Return one finding's lines: what and where, what follows, what to do, who says so."""
    return "\n".join(
        (
            f"[bold]{finding.id}[/]  {escape(finding.found)}",
            f"[dim]{escape(str(finding.place))}[/]",
            escape(finding.consequence),
            f"→ {escape(finding.remedy)}",
            f"[dim]{escape(finding.source)}[/]\n",
        )
    )


def _number(count: int, severity: str) -> str:
    return f"{count} {severity}{'' if count == 1 else 's'}"


def _show_rules(*, as_json: bool) -> None:
    rows = [
        {
            "id": rule.id,
            "family": family,
            "severity": rule.severity,
            "looks_for": rule.looks_for,
            "consequence": rule.consequence,
            "remedy": rule.remedy,
            "source": rule.source,
        }
        for family, rules in FAMILIES
        for rule in rules
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
        return
    table = Table("rule", "severity", "looks for", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["id"], MARKS[row["severity"]], escape(row["looks_for"]))
    Console().print(table)
