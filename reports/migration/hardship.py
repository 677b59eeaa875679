"""What each row loses and repeats under faults, and how the rehearsal went."""

from reports.charts.sides import Bar, Group, bars
from reports.document import Block, Cell, Chart, Section, Table, Text, number
from reports.migration.subject import Json, Subject
from reports.words import DASH, count, milliseconds, plural, seconds


def faults(subject: Subject) -> Section | None:
    """Return, fault by fault, what each row lost, left, and ran more than once."""
    loads = subject.by_load("fault")
    if not loads:
        return None
    groups = tuple(Group(load, tuple(_bar(subject, leg) for leg in legs))
                   for load, legs in loads.items())  # fmt: skip
    table = Table(
        "Under each fault, row by row",
        ("Fault", "Row", "Seen", "Confirmed", "Not confirmed", "Lost", "Left", "Repeated",
         "Slowest urgent", "Longest without a start"),
        tuple(_fault_row(subject, load, leg) for load, legs in loads.items() for leg in legs),
        cards=True,
    )  # fmt: skip
    chart = Chart(_finding(subject, loads),
                  (bars("losses", "Confirmed tasks lost or left", groups, "tasks"),), (table,),
                  wide=True)  # fmt: skip
    lead = (
        "Lost: confirmed, and in the end neither done nor in any queue. Left: still in the broker "
        "when its workers had had their time. Where the drain did not finish, losses are unknown."
    )
    return Section("faults", "Under faults", lead, (chart,))


def _bar(subject: Subject, leg: Json) -> Bar:
    gone = leg["lost"] + leg["left"]
    text = "unknown" if leg["drained"] else f"{gone:,} of {leg['confirmed']:,}"
    return Bar(subject.label(leg["row"]), None if leg["drained"] else gone, text,
               subject.is_redis(leg["row"]))  # fmt: skip


def _finding(subject: Subject, loads: dict[str, list[Json]]) -> str:
    gone = {False: 0, True: 0}
    for legs in loads.values():
        for leg in legs:
            if leg["row"] == subject.candidate or subject.is_redis(leg["row"]):
                gone[subject.is_redis(leg["row"])] += leg["lost"] + leg["left"]
    return (f"Under {plural(len(loads), 'fault')}, {subject.label(subject.candidate)} lost or left "
            f"{plural(gone[False], 'task')}, the Redis rows {gone[True]:,}.")  # fmt: skip


def _fault_row(subject: Subject, load: str, leg: Json) -> tuple[Cell, ...]:
    known = not leg["drained"]
    return (
        Cell(load), Cell(subject.label(leg["row"])), Cell(leg["observed"] or "nobody saw it"),
        number(count(leg["confirmed"])), number(count(leg["not_confirmed"])),
        number(count(leg["lost"]) if known else "unknown"),
        number(count(leg["left"]) if known else "unknown"),
        number(count(leg["repeated"])), number(_slowest(leg)),
        number(seconds(leg["without_start_s"])),
    )  # fmt: skip


def _slowest(leg: Json) -> str:
    worst = leg["urgent"]["max_ms"]
    return milliseconds(worst) if worst is not None else "never" if leg["urgent"]["n"] else DASH


def rehearsal(subject: Subject) -> Section:
    """Return each step of the rehearsal: what it lost, how long it took, and without service."""
    steps = list(subject.document["rehearsal"])
    lead = (
        f"{_between(subject)}Every step under load, without a fault and with one. Repeated: run to "
        "an end more than once. Without service: the longest time in "
        "which tasks waited and none began or ended, or in which publishers waited and none had "
        "a confirm."
    )
    if not steps:
        text = "No step was rehearsed: there is no GO without a rehearsed rollback."
        return Section("rehearsal", "Rehearsal", lead, (Text(text, "missing"),))
    names = list(dict.fromkeys(str(step["step"]) for step in steps))
    groups = tuple(
        Group(name, tuple(_gap(step) for step in steps if step["step"] == name)) for name in names
    )
    chart = Chart(_worst(steps), (bars("rehearsal", "Time without service", groups, "seconds"),),
                  (_steps(steps), _marks(steps)), wide=True)  # fmt: skip
    blocks: tuple[Block, ...] = (chart,)
    return Section("rehearsal", "Rehearsal", lead, blocks)


def _between(subject: Subject) -> str:
    """Say between which rows it was rehearsed, where the manifest says it."""
    steps = subject.document["rehearsal"]
    pairs = {(str(step["from_row"]), str(step["to_row"])) for step in steps}
    said = [f"From {subject.label(one)} to {subject.label(other)}, and back. "
            for one, other in sorted(pairs) if one and other]  # fmt: skip
    return said[0] if len(said) == 1 else ""


def _gap(step: Json) -> Bar:
    return Bar(str(step["fault"] or "no fault"), _longest(step), seconds(_longest(step)))


def _worst(steps: list[Json]) -> str:
    worst = max(steps, key=_longest)
    lost = sum(step["lost"] + step["left"] for step in steps)
    return (f"{plural(len(steps), 'step')}: {plural(lost, 'task')} lost or left, the longest time "
            f"without service {seconds(_longest(worst))} in {worst['name']}.")  # fmt: skip


def _longest(step: Json) -> float:
    return max(float(step["without_start_s"] or 0), float(step["without_confirm_s"] or 0))


def _steps(steps: list[Json]) -> Table:
    return Table(
        "Every step",
        ("Step", "Completed", "Took", "Confirmed", "Not confirmed", "Lost", "Left",
         "Repeated", "In effect twice", "Without a start", "Without a confirm"),
        tuple(
            (
                Cell(str(step["name"])),
                Cell("yes" if step["completed"] else "no", note=str(step["why_not"])),
                number(seconds(step["length_s"])), number(count(step["confirmed"])),
                number(count(step["not_confirmed"])),
                number(count(step["lost"]) if not step["drained"] else "unknown"),
                number(count(step["left"]) if not step["drained"] else "unknown"),
                number(count(step["repeated"])), number(count(step["effects_doubled"])),
                number(seconds(step["without_start_s"])),
                number(seconds(step["without_confirm_s"])),
            )
            for step in steps
        ),
        cards=True,
    )  # fmt: skip


def _marks(steps: list[Json]) -> Table:
    return Table(
        "Marks of each step, in seconds since it began", ("Step", "Mark", "At"),
        tuple(
            (Cell(str(step["name"])), Cell(str(mark["name"])), number(seconds(mark["at_s"])))
            for step in steps for mark in step["marks"]
        ),
        folded=True,
    )  # fmt: skip
