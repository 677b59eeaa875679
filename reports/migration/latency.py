"""Latency on both brokers: by priority and load, what is gained, and in which order."""

import numpy as np

from reports.charts.latency import Ridge, ridges, span
from reports.charts.sides import Whisker, whiskers
from reports.document import Block, Cell, Chart, Section, Table, number
from reports.migration.subject import CALLED, KINDS, Json, Subject
from reports.words import DASH, anchor, count, listed, milliseconds, percent, plural


def latency(subject: Subject) -> Section | None:
    """Return the distributions by priority: for each load, a drawing a row, on one axis."""
    loads = subject.by_load(*KINDS)
    if not loads:
        return None
    blocks: list[Block] = [_load(subject, load, legs) for load, legs in loads.items()]
    lead = (
        "From when a task was due to when a worker began the try that ended it. Priorities are "
        "those that were meant, 10 the most urgent, whatever number the broker was given."
    )
    return Section("latency", "Latency by priority", lead, tuple(blocks))


def _load(subject: Subject, load: str, legs: list[Json]) -> Chart:
    values = {str(leg["leg"]): _by_priority(subject, str(leg["leg"])) for leg in legs}
    axis = span([each for rows in values.values() for each in rows.values()])
    limit = float(subject.rules.get("urgent_limit_ms") or 0)
    mark = (f"{limit:g} ms", limit) if axis[0] < limit < axis[1] else None
    drawings = tuple(
        ridges(
            f"latency-{anchor(str(leg['leg']))}", subject.label(leg["row"]),
            tuple(Ridge(str(level), rows) for level, rows in values[str(leg["leg"])].items()),
            axis, mark, axis="due to started",
        )
        for leg in legs
    )  # fmt: skip
    table = Table(
        f"{load}: latency by priority",
        ("Row", "Priority", "Tasks", "p50", "p95", "p99", "Slowest"),
        tuple(
            (Cell(subject.label(leg["row"])), number(count(row["priority"])),
             number(count(row["n"])), *_times(row))
            for leg in legs for row in leg["priorities"]
        ),
        folded=True,
    )  # fmt: skip
    return Chart(_caption(subject, load, legs), drawings, (_urgent(subject, load, legs), table))


def _by_priority(subject: Subject, leg: str) -> dict[int, np.ndarray]:
    tasks = subject.migration.tasks.get(leg) if subject.migration else None
    if tasks is None:
        return {}
    served = np.isfinite(tasks.latency_ms)
    levels = sorted(np.unique(tasks.priority).tolist(), reverse=True)
    return {int(level): tasks.latency_ms[served & (tasks.priority == level)] for level in levels}


def _caption(subject: Subject, load: str, legs: list[Json]) -> str:
    said = [f"{milliseconds(leg['urgent']['p95_ms'])} on {subject.label(leg['row'])}"
            for leg in legs if leg["urgent"]["n"]]  # fmt: skip
    times = listed(said) or "no known time"
    return f"Under {CALLED.get(load, load)}, 95 % of urgent tasks started within {times}."


def _urgent(subject: Subject, load: str, legs: list[Json]) -> Table:
    return Table(
        f"{load}: urgent tasks (priority {subject.rules.get('urgent_from')} and more)",
        ("Row", "Tasks", "p50", "p95", "p99", "Slowest"),
        tuple(
            (Cell(subject.label(leg["row"])), number(count(leg["urgent"]["n"])),
             *_times(leg["urgent"]))
            for leg in legs
        ),
    )  # fmt: skip


def _times(row: Json) -> tuple[Cell, ...]:
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    shown = [milliseconds(row[name]) if row["n"] else DASH for name in names]
    # A figure that is null though there were tasks is infinite: somebody was never served.
    never = [row["n"] and row[name] is None for name in names]
    return tuple(number("never" if gone else text) for text, gone in zip(shown, never, strict=True))


def gain(subject: Subject) -> Section | None:
    """Return what moving gains against each Redis row, with the interval, beside the promise."""
    found = subject.criteria("gain")
    if not found:
        return None
    promise = float(subject.rules.get("gain_least") or 0)
    rows = tuple(_whisker(subject, one) for one in found)
    table = Table(
        "Urgent latency on Redis and on RabbitMQ, under the same schedule and seed",
        ("Load and row", "Status", "Redis", "RabbitMQ", "Less", "95 % interval", "Tasks"),
        tuple(_gain_row(subject, one) for one in found), cards=True,
    )  # fmt: skip
    chart = Chart(
        f"{plural(sum(one['status'] == 'pass' for one in found), 'comparison')} of {len(found)} "
        f"gain {promise:.0%} for certain.",
        (whiskers("gain", "Gain with its interval", rows, promise),), (table,), wide=True,
    )  # fmt: skip
    lead = (
        f"Moving promises {promise:.0%} less latency for urgent tasks "
        f"({subject.rules.get('gain_statistic')}). The whole interval must lie above that; it is a "
        "bootstrap over stretches of two seconds of the schedule."
    )
    return Section("gain", "What moving gains", lead, (chart,))


def _part(subject: Subject, one: Json) -> str:
    load, _, row = str(one["id"]).partition("/gain-")[2].partition("-")
    return f"{load}, {subject.label(row)}" if row else str(one["id"])


def _whisker(subject: Subject, one: Json) -> Whisker:
    low, high = one["interval"] or (None, None)
    text = percent(one["measured"]) if one["measured"] is not None else "not known"
    return Whisker(_part(subject, one), one["measured"], low, high, text)


def _gain_row(subject: Subject, one: Json) -> tuple[Cell, ...]:
    found = one["details"]
    between = " to ".join(percent(each) for each in one["interval"]) if one["interval"] else DASH
    return (
        Cell(_part(subject, one)), Cell(str(one["status"]), "status"),
        number(milliseconds(found.get("redis_ms"))), number(milliseconds(found.get("rabbitmq_ms"))),
        number(percent(one["measured"])), number(between), number(count(one["n"])),
    )  # fmt: skip


def order(subject: Subject) -> Section | None:
    """Return who was started while a more urgent task waited, by row, and the inversion trap."""
    legs = [leg for leg in subject.legs("saturation", "burst", "trap") if leg["choices"]]
    if not legs:
        return None
    table = Table(
        "Choices between priorities, and those that went to the less urgent",
        ("Load", "Row", "Choices", "Inverted", "Share"),
        tuple(
            (Cell(_load_name(leg)), Cell(subject.label(leg["row"])), number(count(leg["choices"])),
             number(count(leg["inverted"])), number(percent(leg["inverted"] / leg["choices"])))
            for leg in legs
        ),
        cards=True,
    )  # fmt: skip
    lead = (
        "By the meant priority, on every row alike. Redis through Celery has four steps at most, "
        "so that it cannot tell neighbours apart, and counts 0 as the most urgent: priorities "
        "that are not mapped turn round at cut-over. That must be caught here."
    )
    return Section("order", "Order, and the inversion trap", lead, (table,))


def _load_name(leg: Json) -> str:
    return str(leg["load"]) if leg["mapped"] else f"{leg['load']}, not mapped"
