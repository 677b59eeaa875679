"""Topology, booting from it, replicas and health: what the journal read back from the cluster.

The readings are made by the run, before and after each episode; a reading that is missing is no
pass.
"""

from collections.abc import Mapping
from typing import Any

from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Line, events
from gameday.history.run import Run


def topology(run: Run, _: Mapping[str, Any]) -> Finding:
    """Topology-As-Declared: what the broker holds equals the contract, before and after a fault."""
    lines = events(run.journal, "topology")
    wrong = [line for line in lines if line["difference"]]
    if wrong:
        first = wrong[0]
        when = f"{first['at']} {first['episode'] or 'the run'}"
        return Finding(
            Status.FAIL, f"broke Topology-As-Declared: {when}, {first['difference'][0]}",
            len(wrong), "readings that differ", len(lines), threshold=0,
            details={"differences": [text for line in wrong for text in line["difference"]][:20]},
        )  # fmt: skip
    missing = _unread(run, lines)
    if missing:
        return unknown(f"the topology was not read back {missing}", n=len(lines))
    return Finding(
        Status.PASS, f"all {len(lines)} readings equal the contract",
        0, "readings that differ", len(lines), threshold=0,
    )  # fmt: skip


def _unread(run: Run, lines: list[Line]) -> str:
    """Return which reading is missing, if one is: one at first, and two of each episode's."""
    read = {(line["episode"], line["at"]) for line in lines}
    if not any(at == "before" for _, at in read):
        return "before anything happened"
    for episode in run.episodes:
        for at in ("before", "after"):
            if episode.control is None and episode.faults and (episode.id, at) not in read:
                return f"{at} {episode.id}"
    return ""


def boots(run: Run, _: Mapping[str, Any]) -> Finding:
    """Boots-From-Its-Definitions: a node started from the contract's file holds its topology."""
    lines = events(run.journal, "boots")
    wrong = [text for line in lines for text in line["difference"]]
    if wrong:
        return Finding(
            Status.FAIL, f"broke Boots-From-Its-Definitions: {wrong[0]}", len(wrong),
            "differences", len(lines), threshold=0, details={"differences": wrong[:20]},
        )  # fmt: skip
    unread = [str(line["problem"]) for line in lines if line["problem"]]
    if unread or not lines:
        return unknown(unread[0] if unread else "no node was booted from the definitions")
    first = lines[0]
    return Finding(
        Status.PASS, f"a node of {first['version']} booted from the file in {first['seconds']} s "
        "and equals the contract", 0, "differences", len(lines), threshold=0,
    )  # fmt: skip


def members(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Replicated-As-Promised: every queue has its replicas, all online, at first and at last."""
    replicas = int(parameters["replicas"])
    lines = events(run.journal, "members")
    if not lines:
        return unknown("nobody asked for the queues' members")
    declared = [queue.name for queue in run.contract.topology.queues]
    names = parameters.get("queues") or declared
    least = replicas
    for line in dict.fromkeys((0, len(lines) - 1)):
        queues = lines[line]["queues"]
        for name in names:
            about = queues.get(name)
            if about is None:
                return unknown(f"the members of {name} were not read")
            online = set(about["members"]) & set(about["online"])
            least = min(least, len(online))
            if len(online) < replicas:
                when = f"at {run.seconds(lines[line]['time_ns']):.1f} s"
                text = f"broke Replicated-As-Promised: {name} had {len(online)} members online"
                return Finding(Status.FAIL, f"{text}, {when}, not {replicas}", len(online),
                               "members online", len(names), threshold=replicas)  # fmt: skip
    return Finding(
        Status.PASS, f"all {len(names)} queues have {replicas} members online",
        least, "members online", len(names), threshold=replicas,
    )  # fmt: skip


def health(run: Run, _: Mapping[str, Any]) -> Finding:
    """Healthy-Again: every node runs in every node's view, at first, after episodes and at last."""
    lines = events(run.journal, "health")
    for at in ("prepare", "drain"):
        if not any(line["at"] == at for line in lines):
            return unknown(f"the cluster's health was not read at {at}", n=len(lines))
    sick = [line for line in lines if not _is_well(run, line)]
    if sick:
        first = sick[0]
        return Finding(
            Status.FAIL, f"broke Healthy-Again: at {run.seconds(first['time_ns']):.1f} s "
            f"({first['at']}) {_ailment(run, first)}", len(sick), "unhealthy readings", len(lines),
            threshold=0,
        )  # fmt: skip
    return Finding(Status.PASS, f"healthy at all {len(lines)} readings", 0, "unhealthy readings",
                   len(lines), threshold=0)  # fmt: skip


def _is_well(run: Run, line: Line) -> bool:
    return bool(line["healthy"]) and not _ailment(run, line, said=False)


def _ailment(run: Run, line: Line, *, said: bool = True) -> str:
    """Return what is wrong in a reading: its own views count, not only what it says of itself."""
    nodes = set(run.manifest["cluster"]["nodes"])
    for node in sorted(nodes):
        seen = set(line["views"].get(node, ()))
        if line["views"] and not nodes <= seen:
            return f"{node} sees {', '.join(sorted(seen)) or 'nobody'} running"
    if line["partitions"] or line["alarms"]:
        return f"partitions {line['partitions']}, alarms {line['alarms']}"
    return str(line.get("detail") or "it was not healthy") if said else ""
