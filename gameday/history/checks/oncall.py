"""Being on call: each fault is named for what it is, and the runbook's first moves are answered.

By the journal's `diagnosis` lines: what a host concluded while each fault was in force, and after
it; what the probes saw stands beside it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Episode, Line, events
from gameday.history.run import Run

UP = "up"
EXPECTED = {
    "cut_clients": "no_route",
    "wrong_name": "wrong_name",
    "rotate_credentials": "credentials",
    "disk_alarm": "blocked",
    "memory_alarm": "blocked",
    "kill_all_nodes": "down",
    "restart_balancer": "no_route",
}
"""What a host must conclude under each kind of fault; under any other the broker is up."""

VERDICTS = (UP, "down", "no_route", "wrong_name", "credentials", "blocked")
START, TURNED_AWAY = "Connection.Start", "AMQP"


def diagnosis(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Named-As-It-Is: what a host concludes is the fault that is in force, or that none is."""
    wanted = parameters.get("verdicts", VERDICTS)
    seen: dict[str, int] = {}
    looks = 0
    for episode in _own(run.episodes):
        for line in events(run.journal, "diagnosis", episode=episode.id):
            expected = _expected(episode) if line["at"] == "during" else {UP}
            looks += 1
            seen[line["verdict"]] = seen.get(line["verdict"], 0) + 1
            if line["verdict"] not in expected:
                when = f"{line['at']} {episode.name}"
                return Finding(Status.FAIL, f"broke Named-As-It-Is: {when} the host concluded "
                               f"{line['verdict']}, not {min(expected)}", n=looks,
                               details={"probes": line["probes"]})  # fmt: skip
    figures: dict[str, Any] = {"measured": looks, "unit": "diagnoses", "n": looks,
                               "details": {"verdicts": seen}}  # fmt: skip
    missing = [verdict for verdict in wanted if verdict not in seen]
    if missing:
        return unknown(f"vacuous: nothing was there to be concluded {missing[0]}", **figures)
    return Finding(Status.PASS, f"all {looks} diagnoses named what was in force", **figures)


def _own(episodes: Iterable[Episode]) -> list[Episode]:
    return [each for each in episodes if each.control is None]


def _expected(episode: Episode) -> set[str]:
    """Return what may be concluded during an episode; of several with a name any may be seen."""
    return {EXPECTED[fault.kind] for fault in episode.faults if fault.kind in EXPECTED} or {UP}


def first_moves(run: Run, _: Mapping[str, Any]) -> Finding:
    """Moves-Made: in an outage each first move is made and answered, and then the handshake is."""
    down = {each.id for each in _own(run.episodes) for fault in each.faults
            if fault.fault_class == "outage"}  # fmt: skip
    looks = [line for line in events(run.journal, "diagnosis") if line["episode"] in down]
    during = [line for line in looks if line["at"] == "during"]
    after = [line for line in looks if line["at"] == "after"]
    figures: dict[str, Any] = {"unit": "outages", "measured": len(during), "n": len(during)}
    if not during:
        return unknown("vacuous: there was no outage with somebody on call", **figures)
    for line in during:
        if text := _unanswered(line):
            return Finding(Status.FAIL, f"broke Moves-Made: in {line['episode']} {text}", **figures)
    if len(after) < len(during):
        return unknown("nobody looked whether the broker was back", **figures)
    figures["details"] = {"greetings": after[-1]["moves"].get("greetings", {})}
    for line in after:
        if text := _not_greeted(line["moves"].get("greetings", {})):
            return Finding(Status.FAIL, f"broke Moves-Made: after {line['episode']} {text}",
                           **figures)  # fmt: skip
    return Finding(Status.PASS, f"every move was made in {len(during)} outages, and a greeting of "
                   f"its own version got {START} after each", **figures)  # fmt: skip


def _unanswered(line: Line) -> str:
    """Return which move an outage's diagnosis left out, or which answer is no outage's."""
    probes, moves = line["probes"], line["moves"]
    if "elsewhere" not in probes:
        return "nobody asked elsewhere whether it is down at all"
    if probes["elsewhere"] is not None:
        return "the broker answered elsewhere, so it was not down"
    if probes.get("handshake") in {None, START}:
        return "the handshake was not tried, or was answered"
    if "changed" not in moves:
        return "nobody looked what had changed"
    if not moves.get("disk", {}).get("free_bytes"):
        return "nobody looked at the disk"
    return ""


def _not_greeted(greetings: Mapping[str, Any]) -> str:
    """Return what a broker that is back answered otherwise than brokers do."""
    own, another = greetings.get("own_version"), greetings.get("another_version")
    if own != START:
        return f"a greeting of its own version got {own}"
    return "" if another == TURNED_AWAY else f"a greeting of another version got {another}"
