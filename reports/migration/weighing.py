"""What is weighed: all rows side by side, where Redis is better, risks, costs, worker settings."""

from reports.charts.sides import Bar, Group, bars
from reports.document import Block, Cell, Chart, Section, Table, Text, number
from reports.migration.subject import CALLED, KINDS, Json, Subject
from reports.words import DASH, count, decimal, milliseconds, percent, plural, quantity, seconds

MIB = 1 << 20


def side_by_side(subject: Subject) -> Section:
    """Return which setting each row had, and the figures of every load, row beneath row."""
    blocks: list[Block] = [_settings(subject)] if subject.rows else []
    blocks += [_figures(subject, load, legs) for load, legs in subject.by_load(*KINDS).items()]
    lead = (
        "The same tasks, priorities, service times, workers and prefetch on every row, from one "
        f"seed. The decision is about {subject.label(subject.candidate) or 'no row'}."
    )
    if not subject.rows:
        blocks.append(Text("Nothing was compared.", "missing"))
    return Section("rows", "Side by side", lead, tuple(blocks))


def _settings(subject: Subject) -> Table:
    names = list(dict.fromkeys(name for row in subject.rows for name in row["settings"]))
    columns = ("Setting", *(str(row["label"]) for row in subject.rows))
    rows = [(Cell("the row's setting"), *(Cell(str(row["setting"])) for row in subject.rows))]
    rows += [
        (Cell(name), *(Cell(quantity(row["settings"].get(name))) for row in subject.rows))
        for name in names
    ]
    return Table("Which setting each row used", columns, tuple(rows), cards=True)


def _figures(subject: Subject, load: str, legs: list[Json]) -> Table:
    return Table(
        f"Under {CALLED.get(load, load)}",
        ("Row", "Tasks", "Not confirmed", "Done", "Lost", "Left", "Repeated",
         "Tasks a second", "At once", "Urgent p95", "Slowest urgent"),
        tuple(
            (
                Cell(subject.label(leg["row"])), number(count(leg["published"])),
                number(count(leg["not_confirmed"])), number(count(leg["done"])),
                number(count(leg["lost"]) if not leg["drained"] else "unknown"),
                number(count(leg["left"]) if not leg["drained"] else "unknown"),
                number(count(leg["repeated"])), number(decimal(leg["tasks_per_s"])),
                number(count(leg["at_once"])), number(milliseconds(leg["urgent"]["p95_ms"])),
                number(milliseconds(leg["urgent"]["max_ms"])),
            )
            for leg in legs
        ),
        cards=True,
    )  # fmt: skip


def sweep(subject: Subject) -> Section | None:
    """Return what each worker setting served, and name the best."""
    legs = list(subject.legs("sweep"))
    if not legs:
        return None
    groups = tuple(
        Group(f"{plural(leg['workers'], 'worker')} of {leg['concurrency']}, "
              f"prefetch {leg['prefetch']}",
              (Bar(subject.label(leg["row"]), leg["tasks_per_s"], decimal(leg["tasks_per_s"]),
                   subject.is_redis(leg["row"])),))
        for leg in legs
    )  # fmt: skip
    table = Table(
        "Every setting that was tried",
        ("Row", "Workers", "Concurrency", "Prefetch", "Tasks a second", "Urgent p95",
         "Worker's processor time a task"),
        tuple(
            (
                Cell(subject.label(leg["row"])), number(count(leg["workers"])),
                number(count(leg["concurrency"])), number(count(leg["prefetch"])),
                number(decimal(leg["tasks_per_s"])), number(milliseconds(leg["urgent"]["p95_ms"])),
                number(milliseconds((leg["costs"].get("worker") or {}).get("cpu_ms_per_task"))),
            )
            for leg in legs
        ),
        cards=True,
    )  # fmt: skip
    best = subject.document["best_setting"] or "not known"
    chart = Chart(f"Best: {best}.", (bars("sweep", "Tasks a second", groups, "tasks a second"),),
                  (table,), wide=True)  # fmt: skip
    lead = "The same load, served by other numbers of workers and of tasks at once."
    return Section("sweep", "Worker settings", lead, (chart,))


def redis_better(subject: Subject) -> Section:
    """Return every figure by which a Redis row beats the candidate by what matters."""
    found = list(subject.document["redis_better"])
    matters = float(subject.rules.get("matters") or 0)
    if not found:
        lead = f"By no figure was a Redis row better by more than {matters:.0%}."
        return Section("redis-better", "Where Redis is better", lead, ())
    table = Table(
        f"Figures by which Redis is better by more than {matters:.0%}",
        ("Figure", "Load", "Redis row", "Redis", "RabbitMQ"),
        tuple(
            (Cell(str(row["figure"])), Cell(str(row["load"])), Cell(subject.label(row["row"])),
             number(_sized(row["redis"], row["unit"])),
             number(_sized(row["rabbitmq"], row["unit"])))
            for row in found
        ),
        cards=True,
    )  # fmt: skip
    lead = f"{plural(len(found), 'figure')} in which staying is the better choice."
    return Section("redis-better", "Where Redis is better", lead, (table,))


def _sized(value: float | None, unit: str) -> str:
    if unit == "bytes":
        return DASH if value is None else f"{value / MIB:,.0f} MiB"
    return quantity(value, unit) if value is not None else "never"


def risks(subject: Subject) -> Section:
    """Return the risks with the size that was measured."""
    found = list(subject.document["risks"])
    table = Table(
        "Risks of moving, and of staying, as measured", ("Row", "Risk", "Load", "Size"),
        tuple(
            (Cell(str(row["row"])), Cell(str(row["risk"])), Cell(str(row["load"])),
             Cell(str(row["size"])))
            for row in found
        ),
        cards=True,
    )  # fmt: skip
    lead = "Each risk has a size from this run; what was not measured is under Not tested."
    return Section("risks", "Risks", lead, (table,) if found else ())


def costs(subject: Subject) -> Section | None:
    """Return processor time and memory of brokers, workers and publishers, row by row."""
    found = list(subject.document["costs"])
    if not found:
        return None
    kinds = list(dict.fromkeys(str(row["process"]) for row in found))
    groups = tuple(
        Group(kind, tuple(
            Bar(subject.label(row["row"]), row["cpu_ms_per_task"],
                milliseconds(row["cpu_ms_per_task"]), subject.is_redis(row["row"]))
            for row in found if row["process"] == kind
        ))
        for kind in kinds
    )  # fmt: skip
    table = Table(
        "Costs by row and kind of process, over its legs",
        ("Row", "Process", "Legs", "Processor time", "A task", "Most memory"),
        tuple(
            (Cell(subject.label(row["row"])), Cell(str(row["process"])),
             number(count(row["legs"])), number(seconds(row["cpu_s"])),
             number(milliseconds(row["cpu_ms_per_task"])),
             number(f"{row['rss_bytes'] / MIB:,.0f} MiB"))
            for row in found
        ),
        cards=True,
    )  # fmt: skip
    chart = Chart(_cheapest(subject, found), (bars("costs", "Processor time a task", groups,
                  "ms of processor time a task"),), (table,), wide=True)  # fmt: skip
    lead = (
        "Processor time counts all processes of a kind; a cluster of three nodes is three. What "
        "people cost who run them was not measured."
    )
    return Section("costs", "Costs", lead, (chart,))


def _cheapest(subject: Subject, found: list[Json]) -> str:
    brokers = [row for row in found if row["process"] == "broker" and row["cpu_ms_per_task"]]
    if not brokers:
        return "What the brokers cost was not measured."
    least = min(brokers, key=lambda row: row["cpu_ms_per_task"])
    mine = next((row for row in brokers if row["row"] == subject.candidate), None)
    text = (f"The cheapest broker is {subject.label(least['row'])}: "
            f"{milliseconds(least['cpu_ms_per_task'])} of processor time a task")  # fmt: skip
    if mine is None or mine is least:
        return f"{text}."
    times = mine["cpu_ms_per_task"] / least["cpu_ms_per_task"]
    return f"{text}; {subject.label(mine['row'])} takes {percent(times)} of that."
