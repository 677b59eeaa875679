"""Pools: a producer keeps its connections, asks for its heartbeat, and comes back by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.finding import Finding, Status, unknown
from gameday.history.links import NEVER
from gameday.history.run import SECOND_NS, Run
from gameday.history.windows import BASELINE

Array = npt.NDArray[Any]

LIMIT_S = 30.0

CUT = "cut_clients"
"""The kind of fault that takes the clients' way to one node."""

OUTAGE = "outage"
"""The class of a fault that leaves no node running."""


def pool(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Pool-Kept: a producer holds its promised connections, and is back soon after a loss."""
    wanted = int(parameters.get("connections", 10))
    limit_s = float(parameters.get("limit_s", LIMIT_S))
    names = [parameters["producer"]] if "producer" in parameters else [
        producer.name for producer in run.contract.producers
    ]  # fmt: skip
    findings = [_judge(run, name, wanted, limit_s, parameters) for name in names]
    return max(findings, key=lambda finding: finding.status)


def _judge(
    run: Run, name: str, wanted: int, limit_s: float, parameters: Mapping[str, Any]
) -> Finding:
    links = run.history.links
    mine = [
        number
        for number, value in enumerate(links.connection_values)
        if value.get("role") == "publish" and value.get("client") == name
        and links.connection_opened_ns[number] != NEVER
    ]  # fmt: skip
    if not mine:
        return unknown(f"no connection of {name} was seen")
    beats = {links.connection_values[number].get("heartbeat_s") for number in mine}
    heartbeat = parameters.get("heartbeat_s")
    if heartbeat is not None and beats != {heartbeat}:
        asked = ", ".join(sorted(map(str, beats)))
        text = f"broke Pool-Kept: {name} asked for heartbeats of {asked} s, not {heartbeat}"
        return Finding(Status.FAIL, text, n=len(mine))
    times, open_ = _open_over_time(run, mine)
    figures: dict[str, Any] = {"unit": "s", "threshold": limit_s, "n": len(mine)}
    most, steady = int(open_.max(initial=0)), _in_baseline(run, times, open_)
    if most > wanted or steady != wanted:
        text = f"broke Pool-Kept: {name} held {most if most > wanted else steady} connections"
        return Finding(Status.FAIL, f"{text}, not {wanted}", **figures)
    outages = [
        (each.started_ns, each.restored_ns or run.stopped_ns)
        for each in run.faults
        if each.fault_class == OUTAGE
    ] + _shut_out(run)
    short, at_ns = _longest_below(times, open_, wanted, run.stopped_ns, outages)
    figures["measured"] = short
    figures["details"] = {"openings": len(mine), "connections": wanted}
    if short > limit_s:
        when = f"from {run.seconds(at_ns):.1f} s"
        return Finding(Status.FAIL, f"broke Pool-Kept: {name} was short of connections for "
                       f"{short:.1f} s {when}", **figures)  # fmt: skip
    if len(mine) <= wanted:
        return unknown(f"vacuous: {name} lost no connection, so none had to come back", **figures)
    return Finding(Status.PASS, f"{name} held {wanted} connections, and was never short for more "
                   f"than {short:.1f} s", **figures)  # fmt: skip


def _shut_out(run: Run) -> list[tuple[int, int]]:
    """Return when clients were cut off from every node at once: there was none to connect to."""
    found = []
    for episode in run.episodes:
        cuts = [each for each in episode.faults if each.kind == CUT]
        if len({each.target for each in cuts}) >= run.contract.nodes:
            ends = [each.restored_ns or run.stopped_ns for each in cuts]
            found.append((max(each.started_ns for each in cuts), max(ends)))
    return found


def _open_over_time(run: Run, mine: list[int]) -> tuple[Array, Array]:
    """Return the times of change, and how many connections stood from each on."""
    links = run.history.links
    opened = links.connection_opened_ns[mine]
    closed = links.connection_closed_ns[mine]
    closed = closed[closed < run.stopped_ns]
    times = np.concatenate([opened, closed])
    change = np.concatenate([np.ones(len(opened), int), -np.ones(len(closed), int)])
    order = np.lexsort((change, times))
    return times[order], np.cumsum(change[order])


def _in_baseline(run: Run, times: Array, open_: Array) -> int:
    """Return how many connections stood when the baseline began."""
    starts = [window.start_ns for window in run.windows.windows if window.phase == BASELINE]
    if not starts:
        return int(open_.max(initial=0))
    place = int(np.searchsorted(times, starts[0], side="right")) - 1
    return int(open_[place]) if place >= 0 else 0


def _longest_below(
    times: Array, open_: Array, wanted: int, end_ns: int, outages: Sequence[tuple[int, int]]
) -> tuple[float, int]:
    """Return the longest stretch with fewer connections than promised, once all had stood.

    While no node at all runs there is nothing to connect to: that part of a stretch is left out.
    """
    full = np.flatnonzero(open_ >= wanted)
    if not len(full):
        return float("inf"), int(times[0])
    longest, at_ns, since = 0.0, int(times[0]), None
    for time, count in zip(times[full[0] :].tolist(), open_[full[0] :].tolist(), strict=True):
        if count < wanted and since is None:
            since = time
        elif count >= wanted and since is not None:
            longest, at_ns = max((longest, at_ns), _outside(since, time, outages))
            since = None
    if since is not None:
        longest, at_ns = max((longest, at_ns), _outside(since, end_ns, outages))
    return longest, at_ns


def _outside(since_ns: int, until_ns: int, outages: Sequence[tuple[int, int]]) -> tuple[float, int]:
    """Return the longest part of a stretch that no outage took, in seconds, and its begin."""
    longest = 0, since_ns
    for begun_ns, ended_ns in sorted(outages):
        if begun_ns < until_ns and ended_ns > since_ns:
            longest = max(longest, (begun_ns - since_ns, since_ns))
            since_ns = min(ended_ns, until_ns)
    took_ns, at_ns = max(longest, (until_ns - since_ns, since_ns))
    return took_ns / SECOND_NS, at_ns
