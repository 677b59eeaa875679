"""How a matrix is shown: the same tables on the terminal and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scenarios.matrix.figures import Column, Latency, Meets, differing

NONE = "-"


@dataclass(frozen=True)
class Sheet:
    """One table: its title, its header, and rows of text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets(columns: Sequence[Column], meets: Sequence[Meets]) -> list[Sheet]:
    """Return the tables of a matrix that have anything to say."""
    found = [_decisions(columns), _latencies(columns), _differences(columns), _refusals(columns),
             _causes(meets)]  # fmt: skip
    return [sheet for sheet in found if sheet.rows]


def _decisions(columns: Sequence[Column]) -> Sheet:
    header = ("broker", "decision", "pass", "fail", "unknown", "not tested", "lost",
              "slowest recovery", "took (min:s)")  # fmt: skip
    return Sheet("Decisions", header, tuple(_decision(each) for each in columns))


def _decision(each: Column) -> tuple[str, ...]:
    counts = [str(each.counts.get(name, NONE)) for name in ("pass", "fail", "unknown")]
    return (
        each.name, each.failure or each.decision, *counts,
        str(each.counts.get("not_tested", NONE)), NONE if each.lost is None else str(each.lost),
        NONE if each.recovery_s is None else f"{each.recovery_s:.1f} s",
        f"{each.took_s // 60:.0f}:{each.took_s % 60:02.0f}",
    )  # fmt: skip


def _latencies(columns: Sequence[Column]) -> Sheet:
    priorities = sorted({each for column in columns for each in column.latency}, reverse=True)
    rows = tuple(
        (str(priority), *(_latency(each.latency.get(priority)) for each in columns))
        for priority in priorities
    )
    title = "Waits by priority: median / 99 % / longest, from due to served, over the whole run"
    return Sheet(title, ("priority", *(each.name for each in columns)), rows)


def _latency(each: Latency | None) -> str:
    if each is None:
        return NONE
    never = f", {each.never} never" if each.never else ""
    figures = (each.p50_ms, each.p99_ms, each.worst_ms)
    return " / ".join(_time(milliseconds) for milliseconds in figures) + never


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _differences(columns: Sequence[Column]) -> Sheet:
    judged = [each for each in columns if each.statuses]
    rows = tuple((name, *(_status(each, name) for each in judged)) for name in differing(columns))
    return Sheet("What differs", ("requirement", *(each.name for each in judged)), rows)


def _status(each: Column, name: str) -> str:
    status = each.statuses.get(name, "not_tested").replace("_", " ")
    reason = each.reasons.get(name)
    return f"{status}: {reason}" if reason and status in {"fail", "unknown"} else status


def _refusals(columns: Sequence[Column]) -> Sheet:
    """Return what each broker said to the design as it is written; nothing where all took it."""
    rows = tuple(
        (each.name, "; ".join(each.refused) or "taken", "; ".join(each.standing) or NONE)
        for each in columns
        if each.statuses and any(other.refused for other in columns)
    )
    header = ("broker", "its answer", "a policy that stands already")
    return Sheet("What the broker says to the design as it is written", header, rows)


def _causes(meets: Sequence[Meets]) -> Sheet:
    header = ("rule", "on", "what stands there", "what the broker makes of it", "remedy")
    rows = tuple(
        (each.rule, ", ".join(each.brokers), each.found, each.consequence, each.remedy)
        for each in meets
    )
    return Sheet("Why: what the design meets on some versions only", header, rows)


def show(found: Sequence[Sheet], console: Console) -> None:
    """Write the tables to a terminal."""
    for sheet in found:
        table = Table(*sheet.header, title=sheet.title, title_justify="left", box=None)
        for row in sheet.rows:
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)
        console.print()


def markdown(heading: str, found: Sequence[Sheet]) -> str:
    """Return the tables as Markdown, for a job's summary."""
    lines = [f"# {heading}", ""]
    for sheet in found:
        lines += [f"## {sheet.title}", "", _line(sheet.header), _line(["---"] * len(sheet.header))]
        lines += [*map(_line, sheet.rows), ""]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
