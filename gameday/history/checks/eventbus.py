"""Event buses: calls never wait, what is dropped is logged, and the bus comes back by itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.contracts.model import Producer
from gameday.history.blocking import ALARMS
from gameday.history.bus import Calls, arrived, calls_of, degraded_spans, lines, logged, names_of
from gameday.history.checks.clients import attempts_of
from gameday.history.checks.met import in_force
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.journal import Fault, events
from gameday.history.outcomes import Outcome
from gameday.history.records import Flag, Kind
from gameday.history.run import SECOND_NS, Run
from gameday.history.statistics import summary

Array = npt.NDArray[Any]

UP, DOWN, BLOCKED, BLACK_HOLED, REFUSED = "up", "down", "blocked", "black_holed", "refused"
STATES = (UP, DOWN, BLOCKED, BLACK_HOLED)
EARLY = 0.95
"""A wait may be this much shorter than promised: clocks tick in steps."""
LATE_MS = 2000.0
"""How much later than promised an event may be given up, or tried again, on a busy machine."""
MILLISECOND_NS = 1_000_000


def buses(run: Run, parameters: Mapping[str, Any]) -> list[Producer]:
    """Return the producers with an event bus that a criterion is about."""
    wanted = parameters.get("producers")
    return [each for each in run.contract.producers if each.degraded is not None
            and (wanted is None or each.name in wanted)]  # fmt: skip


def state_of(fault: Fault) -> str | None:
    """Return what a fault makes of the broker, as its publishers see it."""
    if fault.fault_class in ALARMS:
        return BLOCKED
    if fault.kind == "cut_clients":
        return BLACK_HOLED if fault.parameters.get("how") == "silent" else REFUSED
    return DOWN if fault.fault_class == "outage" else None


def calls(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Callers-Never-Wait: the publishing call returns in time, whatever the broker does."""
    limit_ms = float(parameters["limit_ms"])
    made = calls_of(run.history, Kind.CALLED, {each.name for each in buses(run, parameters)})
    if not len(made):
        return unknown("no call of an event bus was seen")
    state = _states(run, made.time_ns - (made.took_ms * MILLISECOND_NS).astype(np.int64))
    details: dict[str, Any] = {}
    for name in (*STATES, REFUSED):
        figures = summary(made.took_ms[state == name])
        if figures is not None:
            details[name] = {"n": figures.n, "p99_ms": figures.p99, "max_ms": figures.maximum}
    worst = int(made.took_ms.argmax())
    figures_: dict[str, Any] = {
        "measured": float(made.took_ms[worst]), "unit": "ms", "n": len(made),
        "threshold": limit_ms, "details": {"states": details},
    }  # fmt: skip
    slow = made.took_ms > limit_ms
    if slow.any():
        text = f"broke Callers-Never-Wait: the call for {name_of(int(made.message[worst]))} took "
        return Finding(Status.FAIL, f"{text}{made.took_ms[worst]:.0f} ms while the broker was "
                       f"{state[worst]} ({int(slow.sum())} of {len(made)} took longer than "
                       f"{limit_ms:g} ms)", examples=examples_of(made.message[slow]),
                       **figures_)  # fmt: skip
    missing = [name for name in parameters.get("states", STATES) if name not in details]
    if missing:
        return unknown(f"vacuous: nobody called while the broker was {missing[0]}", **figures_)
    text = f"all {len(made)} calls returned within {made.took_ms.max():.1f} ms"
    return Finding(Status.PASS, text, **figures_)


def _states(run: Run, time_ns: Array) -> Array:
    state = np.full(len(time_ns), UP, "U12")
    for fault in run.own_faults:
        name = state_of(fault)
        if name is not None:
            begin, end = in_force(run, fault)
            state[(time_ns >= begin) & (time_ns <= end)] = name
    return state


def drops(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Dropped-Aloud: each event that was given up has one line in the log, and no other has."""
    producers = buses(run, parameters)
    gone = calls_of(run.history, Kind.SHED, {each.name for each in producers})
    figures: dict[str, Any] = {"measured": len(gone), "unit": "events", "n": len(gone),
                               "details": _counted(run, gone, producers)}  # fmt: skip
    for text, messages in _unreconciled(run, gone, producers):
        return Finding(Status.FAIL, f"broke Dropped-Aloud: {text}",
                       examples=examples_of(messages), **figures)  # fmt: skip
    if not any(line["ok"] for line in events(run.journal, "drain", gate="publishers_stopped")):
        return unknown("the publishers were not seen to stop, so more may have been dropped",
                       **figures)  # fmt: skip
    missing = set(parameters.get("levels", ())) - set(figures["details"]["by_level"])
    if missing or not len(gone):
        what = f"at level {min(missing)}" if missing else "at all"
        return unknown(f"vacuous: no event was dropped {what}", **figures)
    return Finding(Status.PASS, f"each of {len(gone)} dropped events has one line in the log, and "
                   "nothing else has", **figures)  # fmt: skip


def _unreconciled(run: Run, gone: Calls, producers: list[Producer]) -> Iterator[tuple[str, Array]]:
    """Yield what the log and the ledger do not agree in, the worst first."""
    made = calls_of(run.history, Kind.CALLED, {each.name for each in producers})
    silent = made.message[~np.isin(made.message, gone.message)]
    silent = silent[~arrived(run.history, silent)]
    if len(silent):
        text = f"the event {name_of(int(silent[0]))} was taken, and neither confirmed nor dropped"
        yield f"{text} ({len(silent)} events)", silent
    for producer in producers:
        assert producer.degraded is not None
        mine = calls_of(run.history, Kind.SHED, {producer.name})
        told = logged(run, "dropped", producer.name)
        by_name = dict(zip(names_of(mine.message), mine.message.tolist(), strict=True))
        mute = [key for name, key in by_name.items() if name not in told]
        if mute:
            yield f"no line says that {name_of(mute[0])} was dropped", np.array(mute)
        if invented := sorted(told.keys() - by_name.keys()):
            yield f"the log says that {invented[0]} was dropped, and it was not", np.empty(0, int)
        if twice := [by_name[name] for name, count in told.items() if count > 1]:
            yield f"the log says twice that {name_of(twice[0])} was dropped", np.array(twice)
        level = producer.degraded.log_level
        soft = [line for line in lines(run, "dropped", producer.name) if line["level"] != level]
        if soft:
            text = f"{soft[0]['message']} was logged as {soft[0]['level']}, not as {level}"
            yield text, np.empty(0, int)


def _counted(run: Run, gone: Calls, producers: list[Producer]) -> dict[str, Any]:
    """Return the shape of what was dropped, and how much of it arrived all the same."""
    by: dict[str, dict[str, int]] = {"by_queue": {}, "by_level": {}, "by_reason": {}}
    for producer in producers:
        for line in lines(run, "dropped", producer.name):
            named = {"by_level": [line["level"]], "by_reason": [line["reason"]],
                     "by_queue": line["queues"]}  # fmt: skip
            for group, values in named.items():
                for value in values:
                    by[group][value] = by[group].get(value, 0) + 1
    return {**by, "arrived_all_the_same": int(arrived(run.history, gone.message).sum())}


def degraded(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Degrades-And-Returns: events are tried with backoff, given up in time, then taken again."""
    limit_s = float(parameters["limit_s"])
    producers = buses(run, parameters)
    spans = {each.name: degraded_spans(run, each.name) for each in producers}
    back = {each.name: _returns(run, each) for each in producers}
    times = [seconds for every in back.values() for _, seconds in every]
    known = [seconds for seconds in times if seconds is not None]
    figures: dict[str, Any] = {
        "measured": max(known, default=None), "unit": "s", "n": len(times), "threshold": limit_s,
        "details": {"spans": {name: [[run.seconds(a), run.seconds(b)] for a, b in every]
                              for name, every in spans.items()}},
    }  # fmt: skip
    for producer in producers:
        for text, messages in _broken(run, producer, spans[producer.name]):
            return Finding(Status.FAIL, f"broke Degrades-And-Returns: {text}",
                           examples=examples_of(messages), **figures)  # fmt: skip
        for fault, seconds in back[producer.name]:
            if seconds is None or seconds > limit_s:
                took = "nothing" if seconds is None else f"nothing for {seconds:.1f} s"
                return Finding(Status.FAIL, f"broke Degrades-And-Returns: {producer.name} took "
                               f"{took} after {fault} had ended (limit {limit_s:g} s)",
                               **figures)  # fmt: skip
    calm = [name for name, every in spans.items() if not every]
    if calm or not times:
        who = calm[0] if calm else "any event bus"
        return unknown(f"vacuous: {who} was never degraded", **figures)
    return Finding(Status.PASS, f"all of {len(producers)} buses took events again within "
                   f"{max(known):.1f} s of each fault's end", **figures)  # fmt: skip


def _broken(
    run: Run, producer: Producer, spans: list[tuple[int, int]]
) -> Iterator[tuple[str, Array]]:
    """Yield what a bus did against its promise."""
    assert producer.degraded is not None
    name, after_ms = producer.name, producer.degraded.after_ms
    made = calls_of(run.history, Kind.CALLED, {name})
    gone = calls_of(run.history, Kind.SHED, {name})
    at_once = np.isin(gone.message, made.message[made.flag])
    returned = np.isin(gone.message, _returned(run))
    waited = gone.took_ms
    early = ~at_once & ~returned & (waited < EARLY * after_ms)
    if early.any():
        yield f"{name} gave an event up after {waited[early].min():.0f} ms", gone.message[early]
    late = ~at_once & (waited > after_ms + LATE_MS)
    if late.any():
        yield f"{name} gave an event up only after {waited[late].max():.0f} ms", gone.message[late]
    inside = np.zeros(len(gone), bool)
    for begin, end in spans:
        inside |= (gone.time_ns >= begin) & (gone.time_ns <= end + MILLISECOND_NS)
    stray = at_once & ~inside
    if stray.any():
        yield f"{name} dropped an event at once, and was not degraded", gone.message[stray]
    hasty, lazy = _pauses(run, producer)
    if len(hasty):
        yield f"{name} tried an event again too soon", hasty
    if len(lazy):
        yield f"{name} waited longer than its longest pause", lazy


def _returned(run: Run) -> Array:
    attempts = run.history.attempts
    found: Array = attempts.message[attempts.outcome == Outcome.RETURNED]
    return found


def _pauses(run: Run, producer: Producer) -> tuple[Array, Array]:
    """Return the events that were tried again sooner, and later, than the backoff says."""
    made = run.history.attempts
    rows = np.concatenate([each for _, each in attempts_of(run, [producer.name])])
    rows = rows[np.lexsort((made.count[rows], made.message[rows]))]
    again = made.message[rows][1:] == made.message[rows][:-1]
    before = rows[:-1]
    judged = (
        again
        & (made.outcome_ns[before] >= 0)
        & np.isin(made.outcome[before], [Outcome.FAIL, Outcome.INFO, Outcome.NACK])
    )
    pause_ms = (made.time_ns[rows][1:] - made.outcome_ns[before]) / MILLISECOND_NS
    tries = made.count[before].astype(np.float64)
    wanted = producer.backoff_ms * producer.backoff_factor**tries
    wanted = np.minimum(wanted, producer.backoff_most_ms or np.inf)
    held = (made.flags[rows][1:] & Flag.PUBLISH_HELD_BLOCKED) > 0
    message = made.message[rows][1:]
    hasty = message[judged & (pause_ms < EARLY * wanted)]
    return hasty, message[judged & ~held & (pause_ms > wanted + LATE_MS)]


def _returns(run: Run, producer: Producer) -> list[tuple[str, float | None]]:
    """Return after how long, after each fault that kept the broker away, an event got through."""
    made = calls_of(run.history, Kind.CALLED, {producer.name})
    attempts = run.history.attempts
    sure = np.isin(made.message, attempts.message[attempts.outcome == Outcome.OK])
    times = made.time_ns[~made.flag & sure]
    found: list[tuple[str, float | None]] = []
    for fault in run.own_faults:
        if state_of(fault) is None or fault.restored_ns is None:
            continue
        after = times[times >= fault.restored_ns]
        seconds = (int(after[0]) - fault.restored_ns) / SECOND_NS if len(after) else None
        found.append((fault.id, seconds))
    return found
