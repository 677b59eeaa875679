"""What this machine can run, what is missing, and how to get it: `gameday doctor`.

Every line is a probe: a program is run, a port is listened on, an address is bound. What a
configuration claims is not looked at. It changes nothing and heals nothing.
"""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gameday.errors import HarnessError, UsageError
from scenarios import machine, programs
from scenarios.finding import Finding, Level, missing

Probe = Callable[[], Finding]

PROBES: tuple[Probe, ...] = (
    programs.python,
    programs.rabbitmq,
    programs.toxiproxy,
    machine.loopback,
    machine.ports,
    machine.cores,
    machine.memory,
    machine.disk,
    machine.leftovers,
    programs.broker_4_3,
    programs.broker_4_0,
    programs.go,
    programs.chromium,
    programs.docker,
    programs.redis,
    programs.libfaketime,
    programs.sshd,
    programs.haproxy,
    programs.zones,
)
"""In the order of the table: first what a game day needs, then what more would allow."""

NOT_PREPARED = 4

MARKS = {
    Level.READY: "[green]ready[/]",
    Level.LIMITED: "[yellow]limited[/]",
    Level.OPTIONAL: "[dim]absent[/]",
    Level.MISSING: "[bold red]missing[/]",
}


def doctor() -> list[Finding]:
    """Probe everything."""
    return [_safely(probe) for probe in PROBES]


def _safely(probe: Probe) -> Finding:
    """Make a probe; what it stumbles over is a finding, too."""
    try:
        return probe()
    except (OSError, HarnessError, UsageError) as error:
        return missing(probe.__name__, str(error), "Mend that, then run `gameday doctor` again.")


def can_run(findings: Sequence[Finding]) -> bool:
    """Whether a game day on the local cluster can begin."""
    return all(finding.level is not Level.MISSING for finding in findings)


def show() -> int:
    """Probe and print everything; return the exit code of a machine that can run, or not."""
    findings = doctor()
    render(findings, Console())
    return 0 if can_run(findings) else NOT_PREPARED


def render(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings as a table, and the sentence that sums them up."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        remedy = f"\n[dim]→ {escape(finding.remedy)}[/]" if finding.remedy else ""
        table.add_row(MARKS[finding.level], finding.name, escape(finding.found) + remedy)
    console.print(table)
    lacking = [finding.name for finding in findings if finding.level is Level.MISSING]
    if lacking:
        console.print(f"This machine cannot run a game day yet: {', '.join(lacking)}.")
    else:
        console.print("This machine can run a game day: make gameday")
