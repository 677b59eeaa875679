"""Timeline: what was done to the cluster above what its clients saw, on one axis of time."""

import numpy as np
import pandas as pd

from gameday.history.outcomes import Outcome
from gameday.history.windows import FAULT, RECOVERY
from reports.charts.figure import POINTS_MAX, Series, Values
from reports.charts.timeline import Lane, Panel, Span, timeline
from reports.document import Block, Cell, Chart, Section, Table, Text, code, number
from reports.faults import FaultRow, fault_rows
from reports.latencies import Limit, limits, worst_per_bin
from reports.load import Load, load
from reports.material import Json, Material
from reports.sections.series import series_table
from reports.served import served
from reports.words import at, listed, milliseconds, plural

QUEUES_MAX = 6


def timeline_section(material: Material) -> Section:
    """Return the drawing with its tables; what the run did not record is named, not drawn."""
    faults = fault_rows(material)
    found = load(material)
    frame = served(material)
    end_s = _end(material, faults, found)
    edges = _edges(end_s)
    panels = (
        _latency(material, frame, edges),
        _rates(material, found, edges),
        _depth(material),
        _connections(material, found, edges),
    )
    finding = _finding(frame, limits(material), faults)
    blocks: list[Block] = []
    if faults or any(panel.series for panel in panels):
        lanes = tuple(_lane(fault) for fault in faults)
        drawing = timeline(
            "timeline", finding, end_s, lanes=lanes, panels=panels, spans=_spans(material)
        )
        tables = (_fault_table(faults),) if faults else ()
        data = (*tables, *(series_table(panel) for panel in panels if panel.series))
        blocks.append(Chart(finding, (drawing,), data, wide=True))
        blocks += [Text(HOW_TO_READ)] if faults else []
    absent = [panel.title for panel in panels if not panel.series]
    if absent:
        blocks.append(Text(f"Not recorded, so not drawn: {listed(absent)}.", "missing"))
    return Section("timeline", "Timeline", _lead(faults, end_s), tuple(blocks))


HOW_TO_READ = (
    "In a lane, the hollow bar runs from when the fault was requested to when its effect was "
    "observed, the full bar until its revert began, the hatched one until it was seen to be gone, "
    "and the thin line through its recovery. The shading below marks observed to restored."
)


def _lead(faults: tuple[FaultRow, ...], end_s: float) -> str:
    real = [fault for fault in faults if not fault.control]
    seen = sum(fault.observed_s is not None for fault in real)
    gone = sum(fault.restored_s is not None for fault in real)
    if not real:
        return f"No fault was injected in {at(end_s)}."
    return (
        f"{plural(len(real), 'fault')} in {at(end_s)}: {seen} observed to take effect, {gone} "
        "observed to be gone again."
    )


def _end(material: Material, faults: tuple[FaultRow, ...], found: Load) -> float:
    moments = [material.at_s(event.get("time_ns")) for event in material.journal]
    moments += [float(found.times_s[-1])] if found.times_s.size else []
    moments += [fault.restored_s for fault in faults]
    if material.run is not None:
        history = material.run.history
        for times in (history.attempts.time_ns, history.deliveries.time_ns):
            moments += [material.at_s(int(times.max()))] if len(times) else []
    known = [moment for moment in moments if moment is not None]
    return max([1.0, *known])


def _edges(end_s: float) -> Values:
    """Return the edges of whole seconds, or of as many as keep the points drawable."""
    width = -(-int(np.ceil(end_s)) // POINTS_MAX)
    return np.arange(0, np.ceil(end_s) + width, width, dtype=np.float64)


def _spans(material: Material) -> tuple[Span, ...]:
    """Return the phases that a reader asks for: the baseline, the trouble and the drain."""
    found = []
    for name in ("baseline", "trouble", "drain"):
        begin = next(material.events("phase", name=name, at="begin"), None)
        end = next(material.events("phase", name=name, at="end"), None)
        if begin and end:
            low, high = material.at_s(begin["time_ns"]), material.at_s(end["time_ns"])
            found.append(Span(name, low or 0.0, high or 0.0))
    return tuple(found)


def _lane(fault: FaultRow) -> Lane:
    return Lane(
        fault.label, fault.requested_s, fault.observed_s, fault.reverting_s, fault.restored_s,
        None if fault.control else fault.recovered_s, fault.control,
    )  # fmt: skip


def _latency(material: Material, frame: pd.DataFrame, edges: Values) -> Panel:
    promised = limits(material)
    title = "Due to delivered, worst of each second"
    if frame.empty:
        return Panel(title, ())
    queue = promised[0].queue if promised else str(frame["queue"].mode().iloc[0])
    own = frame[frame["queue"] == queue]
    high = promised[0].priority_from if promised else 8
    series = tuple(
        Series(label, edges[:-1], worst_per_bin(own[mask], edges))
        for label, mask in _classes(own["priority"], high)
        if mask.any()
    )
    shown = tuple(one for one in series if np.isfinite(one.values).any())
    limit = None
    if promised:
        limit = (f"limit {milliseconds(promised[0].limit_ms)}", promised[0].limit_ms)
    title = f"{queue}: due to delivered, worst per second"
    return Panel(title, shown, logarithmic=True, limit=limit)


def _classes(priority: "pd.Series[int]", high: int) -> list[tuple[str, "pd.Series[bool]"]]:
    middle = high // 2
    return [
        (f"priority {high} and more", priority >= high),
        (f"{middle} to {high - 1}", (priority < high) & (priority >= middle)),
        (f"below {middle}", priority < middle),
    ]


def _rates(material: Material, found: Load, edges: Values) -> Panel:
    """Return offered and confirmed by the generator, else by the ledger, and delivered."""
    history, series = material.history, list(found.rates)
    moments: dict[str, Values] = {}
    if history is not None:
        attempts, deliveries = history.attempts, history.deliveries
        if not series:
            moments["sent"] = attempts.time_ns
            moments["confirmed"] = attempts.outcome_ns[attempts.outcome == Outcome.OK]
        moments["delivered"] = deliveries.time_ns[~deliveries.drained]
    for label, times in moments.items():
        if len(times):
            counts, _ = np.histogram((times - material.zero_ns) / 1e9, edges)
            series.append(Series(label, edges[:-1], counts / np.diff(edges)))
    return Panel("Messages a second", tuple(series))


def _depth(material: Material) -> Panel:
    times = np.array([material.at_s(row.get("time_ns")) or 0 for row in material.samples])
    depths = [row.get("depth") or {} for row in material.samples]
    names = sorted({name for row in depths for name in row})
    columns = {name: np.array([float(row.get(name, np.nan)) for row in depths]) for name in names}
    filled = [name for name in names if np.nanmax(columns[name], initial=0) > 0]
    filled.sort(key=lambda name: (-np.nanmax(columns[name]), name))
    series = tuple(Series(name, times, columns[name]) for name in filled[:QUEUES_MAX])
    return Panel("Messages ready in the queues", series)


def _connections(material: Material, found: Load, edges: Values) -> Panel:
    series = [*found.connections]
    if material.run is not None:
        blocked = (material.run.history.links.blocked[:, 1:] - material.zero_ns) / 1e9
        counts = np.zeros(len(edges) - 1)
        for since, until in blocked.tolist():
            counts += (edges[:-1] < until) & (edges[1:] > since)
        series.append(Series("blocked by an alarm", edges[:-1], counts))
    else:
        series += found.blocked
    return Panel("Publishing connections", tuple(series), steps=True)


def _finding(frame: pd.DataFrame, promised: tuple[Limit, ...], faults: tuple[FaultRow, ...]) -> str:
    if frame.empty or not promised:
        return f"{plural(len(faults), 'fault')} above what the clients saw"
    limit = promised[0]
    urgent = frame["priority"] >= limit.priority_from
    own = frame[(frame["queue"] == limit.queue) & urgent & ~frame["blocked"]]
    if own.empty:
        return f"Nothing of priority {limit.priority_from} and more was due in {limit.queue}"
    what = f"{limit.queue} of priority {limit.priority_from} and more"
    late = int((own["latency_ms"] > limit.limit_ms).sum())
    worst = own["latency_ms"].max()
    slowest = own.iloc[int(own["latency_ms"].to_numpy().argmax())]
    tail = _when({name: slowest[name] for name in ("due_s", "phase", "episode")}, faults)
    if late:
        head = f"{plural(late, 'message')} of {what} took longer than"
    else:
        head = f"{what} stayed below"
    return f"{head} {milliseconds(limit.limit_ms)}; the worst {_took(worst)}, due {tail}"


def _took(worst: float) -> str:
    return "was never served" if np.isinf(worst) else f"took {milliseconds(worst)}"


def _when(message: Json, faults: tuple[FaultRow, ...]) -> str:
    """Say when a message was due, by the windows that the verdict goes by."""
    moment = f"at {at(message['due_s'])}"
    own = [fault.label for fault in faults if fault.episode == message["episode"]]
    if message["phase"] == FAULT and own:
        return f"{moment} in the episode of {listed(own)}"
    if message["phase"] == RECOVERY and own:
        return f"{moment} in the recovery from {listed(own)}"
    return f"{moment}, in no fault's time"


def _fault_table(faults: tuple[FaultRow, ...]) -> Table:
    return Table(
        "Faults: requested, observed and restored",
        ("Fault", "Kind", "Target", "Requested", "Observed", "Reverting", "Restored",
         "Recovery until", "What proved it"),
        tuple(
            (
                code(row.id), Cell(row.kind.replace("_", " ")), Cell(row.target),
                number(at(row.requested_s)), number(at(row.observed_s)),
                number(at(row.reverting_s)), number(at(row.restored_s)),
                number(at(row.recovered_s)), Cell(row.effect),
            )
            for row in faults
        ),
    )  # fmt: skip
