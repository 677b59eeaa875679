"""Generator: whether the load was what it claims to have been."""

from reports.charts.timeline import Lane, Panel, timeline
from reports.document import Block, Cell, Chart, Section, Table, Text, number
from reports.faults import fault_rows
from reports.load import Load, load
from reports.material import Json, Material
from reports.sections.series import series_table
from reports.words import count, decimal, milliseconds, percent, quantity

NAMES = {
    "offered": "Offered: fell due",
    "sent": "Sent",
    "confirmed": "Confirmed",
    "seconds": "Seconds of load",
    "offered_per_s": "Offered a second",
    "achieved_per_s": "Sent a second",
    "lag_max_ms": "Schedule lag, greatest, by the ledger",
    "lag_reported_max_ms": "Schedule lag, greatest, as the load processes saw it",
    "cpu_percent_max": "CPU of the busiest load process",
    "dropped": "Dropped: due, and never handed to the client",
}


def generator(material: Material) -> Section:
    """Return offered against achieved, lag and CPU; beyond its limit latency is unknown."""
    judged: Json = dict(material.verdict.get("generator") or {})
    found = load(material)
    blocks: list[Block] = []
    if judged:
        keys = [key for key in [*NAMES, *judged] if key in judged]
        rows = tuple(
            (Cell(_name(key)), number(_value(key, judged[key]))) for key in dict.fromkeys(keys)
        )
        blocks.append(Table("As judged", ("What", "Value"), rows))
    blocks += _chart(material, found)
    if not blocks:
        blocks.append(Text("The generator left no figures.", "missing"))
    return Section("generator", "Generator", _lead(material, found), tuple(blocks))


def _name(key: str) -> str:
    return NAMES.get(key, key.replace("_", " "))


def _value(key: str, value: object) -> str:
    unit = "ms" if key.endswith("_ms") else "s" if key.endswith("_s") and "per_s" not in key else ""
    return quantity(value, "%" if "percent" in key else unit)


def _lead(material: Material, found: Load) -> str:
    criterion = next(
        (one for one in material.criteria if one.get("check") == "generator"
         or "generator" in str(one.get("id"))), None,
    )  # fmt: skip
    offered, sent = found.total("offered"), found.total("sent")
    share = f"{percent(sent / offered)} of what was due was sent" if offered and sent else ""
    kept = {
        "pass": "The generator kept its schedule",
        "fail": "The generator did not keep its schedule, so the latency criteria are unknown",
    }.get(str((criterion or {}).get("status")), "Whether it kept its schedule is unknown")
    return f"{kept}{f': {share}' if share else ''}."


def _chart(material: Material, found: Load) -> list[Block]:
    panels = (
        Panel("Schedule lag, worst of each second (ms)", found.series("lag_max_ms", "lag")),
        Panel("CPU of the busiest load process (%)", found.series("cpu_percent", "CPU")),
    )
    drawn = tuple(panel for panel in panels if panel.series)
    if not drawn:
        return []
    lag, cpu = found.greatest("lag_max_ms"), found.greatest("cpu_percent")
    finding = (
        f"The schedule lagged by at most {milliseconds(lag)}; the busiest load process used "
        f"{decimal(cpu)} % of a core at most ({count(found.total('sent'))} sent)"
    )
    lanes = tuple(
        Lane(row.label, row.requested_s, row.observed_s, None, row.restored_s, None, row.control)
        for row in fault_rows(material)
    )
    end_s = float(found.times_s[-1]) + 1
    drawing = timeline("generator", finding, end_s, lanes=lanes, panels=drawn)
    return [Chart(finding, (drawing,), tuple(series_table(one) for one in drawn), wide=True)]
