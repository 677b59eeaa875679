"""Workers' health endpoints: what they said, beside what the ledgers know.

The truth about a worker is in its ledger: which of its consumers' channels stood when. A fault that
swallows its bytes is the exception, since nothing closes then; the journal has those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Fault, events
from gameday.history.links import NEVER
from gameday.history.records import Kind
from gameday.history.run import SECOND_NS, Run

Array = npt.NDArray[Any]

OK, CUT_OFF, NO_ANSWER = 200, 503, 0
TOLERANCE_S = 2.0
SILENT_AFTER_S = 4.0
"""How long a worker may take to notice that its broker has fallen silent: it asks every second,
and waits three for the answer."""
UNCONNECTED = "no connection"
"""The one reason that a ledger can contradict. That a broker is slow to answer, or to take a
consumer, leaves no trace in it; only a message that comes all the same says that it is not so."""


@dataclass(frozen=True)
class Truth:
    """One worker by its ledger: when its consumers' channels stood, and when messages came."""

    process: int
    stood: tuple[tuple[int, int], ...]
    nodes: tuple[str, ...]
    concurrency: int
    delivered_ns: Array

    @property
    def began_ns(self) -> int:
        """When its first channel opened."""
        return min((since for since, _ in self.stood), default=NEVER)

    def could_work(self, at_ns: int) -> bool:
        """Whether every consumer of it had a channel."""
        return sum(since <= at_ns < until for since, until in self.stood) >= self.concurrency

    def is_near_change(self, at_ns: int, within_ns: int) -> bool:
        """Whether a channel opened or closed about then: the endpoint may be before or after."""
        return any(abs(at_ns - each) <= within_ns for pair in self.stood for each in pair)

    def on_node(self, node: str, at_ns: int) -> bool:
        """Whether one of its channels was on a node then."""
        return any(
            since <= at_ns < until and each == node
            for (since, until), each in zip(self.stood, self.nodes, strict=True)
        )

    def heard(self, at_ns: int) -> bool:
        """Whether a message came in the second before."""
        place = np.searchsorted(self.delivered_ns, [at_ns - SECOND_NS, at_ns])
        return bool(place[1] > place[0])


def health_endpoint(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Health-Tells-The-Truth: a worker's endpoint says 503 while it is cut off, and only then."""
    tolerance_ns = int(float(parameters.get("tolerance_s", TOLERANCE_S)) * SECOND_NS)
    wanted = parameters.get("consumer")
    truths = truths_of(run)
    counts = {"ok": 0, "cut off": 0, "in doubt": 0}
    silent: dict[int, int] = {}
    for probe in run.probes:
        truth = truths.get(int(probe["process"]))
        if truth is None or (wanted is not None and probe["name"] != wanted):
            continue
        lie = _judge(run, probe, truth, tolerance_ns, counts, silent)
        if lie:
            return Finding(
                Status.FAIL, f"broke Health-Tells-The-Truth: {probe['name']}-{truth.process} {lie}",
                1, "answers", sum(counts.values()) + 1, threshold=0, details=counts,
            )  # fmt: skip
    judged = counts["ok"] + counts["cut off"]
    figures: dict[str, Any] = {
        "unit": "answers", "n": judged, "threshold": 0, "details": counts,
    }  # fmt: skip
    if not judged:
        return unknown("no worker's health endpoint was asked", **figures)
    if not counts["cut off"]:
        return unknown("vacuous: no endpoint was asked while its worker was cut off", **figures)
    if not counts["ok"]:
        return unknown("vacuous: no endpoint was asked while its worker could work", **figures)
    return Finding(Status.PASS, f"{counts['ok']} times well and {counts['cut off']} times cut off, "
                   "as the ledgers say", 0, **figures)  # fmt: skip


def _judge(
    run: Run,
    probe: Mapping[str, Any],
    truth: Truth,
    tolerance_ns: int,
    counts: dict[str, int],
    silent: dict[int, int],
) -> str:
    """Count one answer; return what is untrue of it, if anything is."""
    at_ns, status = int(probe["time_ns"]), int(probe["status"])
    second = (at_ns - run.zero_ns) / SECOND_NS
    if _is_struck(run, truth, at_ns) or truth.is_near_change(at_ns, tolerance_ns):
        counts["in doubt"] += 1
        return ""
    silent[truth.process] = silent.get(truth.process, 0) + 1 if status == NO_ANSWER else 0
    if status == NO_ANSWER:
        counts["in doubt"] += 1
        times = silent[truth.process]
        too_many = times > tolerance_ns // SECOND_NS
        return f"answered nothing {times} times in a row, until {second:.1f} s" if too_many else ""
    able = truth.could_work(at_ns)
    swallowed = _swallowed_s(run, truth, at_ns)
    if able and swallowed is not None and swallowed <= SILENT_AFTER_S:
        counts["in doubt"] += 1
        return ""
    able = able and swallowed is None
    if status == OK:
        counts["ok"] += able
        return "" if able else f"said that it was well at {second:.1f} s, cut off as it was"
    if able and UNCONNECTED not in str(probe["reason"]) and not truth.heard(at_ns):
        counts["in doubt"] += 1  # The broker may well be what is slow: nothing shows otherwise.
        return ""
    counts["cut off"] += not able
    return f"said {status} at {second:.1f} s ({probe['reason']}), and could work" if able else ""


def truths_of(run: Run) -> dict[int, Truth]:
    """Return each worker process by its number."""
    links, history = run.history.links, run.history
    concurrency = {each.name: each.concurrency for each in run.contract.consumers}
    opened = history.gathered.of(Kind.CHANNEL_OPENED)
    since = np.full(len(links.channel_values) + 1, NEVER, np.int64)
    since[opened["channel"]] = opened["time"]
    found: dict[int, list[int]] = {}
    for number, value in enumerate(links.channel_values):
        if value.get("role") == "consume":
            found.setdefault(int(value["process"]), []).append(number)
    deliveries = history.deliveries
    return {
        process: Truth(
            process,
            tuple((int(since[each]), int(links.channel_closed_ns[each])) for each in numbers),
            tuple(str(_node(run, each)) for each in numbers),
            concurrency.get(service_of(links.channel_values[numbers[0]]), 1),
            np.sort(deliveries.time_ns[(deliveries.process == process) & ~deliveries.drained]),
        )
        for process, numbers in found.items()
    }


def _node(run: Run, channel: int) -> str:
    links = run.history.links
    connection = int(links.channel_connection[channel])
    return "" if connection < 0 else str(links.connection_values[connection].get("node", ""))


def service_of(value: Mapping[str, Any]) -> str:
    """Return the service of a consumer's channel: its name without process and number."""
    return str(value.get("consumer", "")).rpartition("-")[0]


def _is_struck(run: Run, truth: Truth, at_ns: int) -> bool:
    """Tell whether a fault aimed at this very process, it had ended, or had not begun to work."""
    ends = events(run.journal, "process", state="ended", process=truth.process)
    return (
        at_ns < truth.began_ns
        or any(at_ns >= line["time_ns"] - TOLERANCE_S * SECOND_NS for line in ends)
        or any(
            each.target.endswith(f"-{truth.process}") and _is_open(each, at_ns)
            for each in run.own_faults
            if each.fault_class == "client"
        )
    )


def _is_open(fault: Fault, at_ns: int) -> bool:
    end = fault.restored_ns or NEVER
    return fault.started_ns <= at_ns <= end + TOLERANCE_S * SECOND_NS


def _swallowed_s(run: Run, truth: Truth, at_ns: int) -> float | None:
    """Return for how long the bytes of a worker's node had been swallowed; None if they were not.

    The clients' way to the node, cut without a word, or the node itself, standing still.
    """
    for fault in run.own_faults:
        silent = fault.kind == "cut_clients" and fault.parameters.get("how") == "silent"
        if not (silent or fault.kind == "pause_node") or not truth.on_node(fault.target, at_ns):
            continue
        since = fault.steps.get("applied", fault.started_ns)
        until = fault.steps.get("reverting", fault.restored_ns or NEVER)
        if fault.started_ns <= at_ns < until:
            return max(0.0, (at_ns - since) / SECOND_NS)
    return None
