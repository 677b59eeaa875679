"""Performance at the contract's rate: throughput, publish-to-consume latency, broker memory.

Measured while nothing is broken, but for memory, which counts all the time. One rate and one number
of consumers: what more of either would do, a sweep has to show.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.select import copies_in
from gameday.history.finding import Finding, Status, unknown
from gameday.history.outcomes import Outcome
from gameday.history.records import Disposition
from gameday.history.run import SECOND_NS, Run
from gameday.history.statistics import summary
from gameday.history.windows import BASELINE

Array = npt.NDArray[Any]

MILLISECOND_NS = 1_000_000
MEMORY_ALARM = "memory_alarm"
"""The class of a fault that lowers the limit itself: what memory's share of it is says nothing."""


def performance(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Good-Enough: so many are handled a second, that soon, and memory stays in bounds."""
    per_s, milliseconds = _load(run, parameters.get("queues"), float(parameters["p99_ms"]))
    figures = summary(milliseconds)
    shares = memory_shares(run)
    if figures is None or not len(shares):
        missing = "memory was never sampled" if figures else "nothing was handled in the baseline"
        return unknown(f"vacuous: {missing}", n=len(milliseconds))
    measured = {"per_s": round(per_s, 1), "p50_ms": figures.p50, "p95_ms": figures.p95,
                "p99_ms": figures.p99, "memory_share": float(shares.max())}  # fmt: skip
    finding: dict[str, Any] = {
        "measured": figures.p99, "unit": "ms", "n": figures.n,
        "threshold": float(parameters["p99_ms"]), "details": measured,
    }  # fmt: skip
    limits = (
        (per_s >= float(parameters["least_per_s"]), f"only {per_s:.0f} a second were handled"),
        (figures.p99 <= float(parameters["p99_ms"]), f"1 % took over {figures.p99:.0f} ms"),
        (shares.max() <= float(parameters["memory_share"]),
         f"a node used {shares.max():.0%} of its memory limit"),
    )  # fmt: skip
    for good, what in limits:
        if not good:
            return Finding(Status.FAIL, f"broke Good-Enough: {what}", **finding)
    return Finding(
        Status.PASS, f"{per_s:.0f} a second, half within {figures.p50:.0f} ms of their publish and "
        f"99 % within {figures.p99:.0f} ms, at most {shares.max():.0%} of a node's memory limit",
        **finding,
    )  # fmt: skip


def _load(run: Run, queues: list[str] | None, limit_ms: float) -> tuple[float, Array]:
    """Return how many were handled a second in the baseline, and how long after their publish.

    What had waited for longer than the limit when the baseline ended counts with its wait so far:
    it is late, whatever came then.
    """
    history = run.history
    copies, attempts = history.copies, history.attempts
    calm = np.array([each.phase == BASELINE for each in run.windows.windows])
    chosen = copies_in(history, queues) & (copies.status == Outcome.OK)
    chosen &= copies.disposition == Disposition.ACK
    sent = attempts.time_ns[copies.attempt]
    chosen &= calm[run.windows.of(sent)]
    chosen &= ~np.isin(copies.queue, [history.queue_number(name) for name in history.roles.waits])
    starts = np.array([each.start_ns for each in run.windows.windows], np.int64)
    ends = np.append(starts[1:], run.stopped_ns)
    seconds = float((ends - starts)[calm].sum()) / SECOND_NS
    served = (copies.served_ns >= 0) & calm[run.windows.of(copies.served_ns)]
    rows = np.flatnonzero(chosen & served)
    milliseconds = (copies.served_ns[rows] - sent[rows]) / MILLISECOND_NS
    open_ = chosen & ~served & ~copies.rests & ~copies.superseded & ~copies.may_be_discarded
    open_ = np.flatnonzero(open_)
    so_far = (ends[run.windows.of(sent[open_])] - sent[open_]) / MILLISECOND_NS
    late = so_far[so_far > limit_ms]
    return (len(rows) / seconds if seconds else 0.0), np.concatenate([milliseconds, late])


def memory_shares(run: Run) -> Array:
    """Return each sampled share of a node's memory limit that its broker used."""
    found = []
    for sample in run.samples:
        window = run.windows.windows[int(run.windows.of(np.array([sample["time_ns"]]))[0])]
        if window.fault_class != MEMORY_ALARM:
            found += [used / limit for used, limit in sample.get("memory", {}).values() if limit]
    return np.array(found, np.float64)
