"""Network isolation: who reached which port of a broker, with the rules and without them.

The journal has what was seen (`gameday/clusters/zones/observe.py`); what should be is asked of the
contract here. A connection that was not made proves something only where it would have been made
otherwise: with the rules lifted, or since the broker's own zone is refused there, too.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gameday.contracts.isolation import PLACES, PORTS, Isolation, may_enter
from gameday.history.finding import Finding, Status, unknown
from gameday.history.journal import Line, events
from gameday.history.run import Run

ENTERED = frozenset({"open", "mute"})
"""Outcomes of a probe that got through, whatever was spoken then."""
Path = Mapping[str, Any]
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Told:
    """What one path shows: open, closed by the rules or the listener, a hole, shut, or nothing."""

    path: Path
    allowed: bool
    shows: str

    def __str__(self) -> str:
        path = self.path
        where = f"{path['door']} ({path['port']}) at the broker's {path['place']} address"
        return f"{path['zone']} to {where} over {path['family']}"


def isolation(run: Run, _: Mapping[str, Any]) -> Finding:
    """Only-Who-May: every path that the contract opens is open, and every other one is closed."""
    seen, declared = _seen(run), run.contract.isolation
    if seen is None or declared is None:
        return unknown("no zones were opened, so nobody tried who reaches the broker")
    told = told_of(declared, seen)
    holes = [each for each in told if each.shows == "hole"]
    shut = [each for each in told if each.shows == "shut"]
    deaf = _deaf(seen)
    if holes:
        return _wrong(holes, told, f"{holes[0]} got through, which nothing allows")
    if shut and not deaf:
        first = shut[0]
        ended = f"{first.path['enforced']} with the rules, {first.path['lifted']} without"
        return _wrong(shut, told, f"{first} is allowed and was {ended}")
    doubt = deaf or _untried(declared, seen) or _vacuous(told)
    if doubt:
        return unknown(doubt, n=len(told))
    counts = Counter(each.shows for each in told)
    return Finding(
        Status.PASS, f"{counts['open']} paths open as declared; {counts['rules']} closed by the "
        f"rules of {seen['rules_from']}, {counts['listener']} since nothing listens there",
        0, "paths that are not as declared", len(told), threshold=0, details=_details(counts),
    )  # fmt: skip


def isolation_detected(run: Run, _: Mapping[str, Any]) -> Finding:
    """Told-Apart: the detection says enforced where rules are, and not enforced where none are."""
    seen = _seen(run)
    if seen is None:
        return unknown("nobody tried to detect whether rules are enforced")
    with_rules, without = seen["detection"]["with_rules"], seen["detection"]["without_rules"]
    if without is True:
        text = "broke Told-Apart: where there are no rules it says that rules are enforced"
        return Finding(Status.FAIL, text, 1, "wrong answers", 2, threshold=0)
    if with_rules is not True or without is not False:
        answers = f"with rules {with_rules}, without {without}"
        return unknown(f"rules are not enforced here, or are not seen to be: {answers}")
    return Finding(
        Status.PASS, "enforced where rules are, not enforced where none are",
        0, "wrong answers", 2, threshold=0,
    )  # fmt: skip


def left_as_it_was(run: Run, _: Mapping[str, Any]) -> Finding:
    """Back-As-It-Was: the memory was told before, suffices, and afterwards nothing is changed."""
    seen = _seen(run)
    if seen is None:
        return unknown("no zones were opened")
    told = events(run.journal, "isolation_forecast")
    memory = seen["memory"]
    broken = _broken_promise(seen, told)
    if broken:
        return Finding(Status.FAIL, f"broke Back-As-It-Was: {broken}", n=1)
    if memory["took_mib"] <= 0:
        return unknown("how much memory it took was not measured")
    before, after = seen["before"], seen["after"]
    changed = [name for name in sorted(before) if before[name] != after.get(name)]
    if changed:
        return unknown(
            f"the machine's {', '.join(changed)} changed meanwhile, by whoever: look, and run again"
        )
    return Finding(
        Status.PASS, f"{memory['took_mib']:g} MiB of {told[0]['forecast_mib']:g} announced; the "
        f"machine's {', '.join(sorted(seen['before']))} are as they were, and nothing is left",
        memory["took_mib"], "MiB", 1, threshold=told[0]["forecast_mib"],
    )  # fmt: skip


def zones_opened(run: Run, _: Mapping[str, Any]) -> Finding:
    """Zones-Opened: zones were opened, probed and closed, and the journal of it is whole."""
    if run.problems:
        return unknown(run.problems[0])
    seen = _seen(run)
    if seen is None:
        lines = events(run.journal, "isolation")
        return unknown(str(lines[-1]["problem"]) if lines else "no zones were opened")
    return Finding(Status.PASS, f"{len(seen['paths'])} paths probed twice", n=len(seen["paths"]))


def told_of(declared: Isolation, seen: Mapping[str, Any]) -> list[Told]:
    """Return what each path shows."""
    refused = {_place(own) for own in seen["own"] if own["outcome"] == "refused"}
    refused -= {_place(own) for own in seen["own"] if own["outcome"] in ENTERED}
    found = []
    for path in seen["paths"]:
        allowed = may_enter(declared, path["zone"], path["door"], path["place"])
        found.append(Told(path, allowed, _shows(path, allowed=allowed, refused=refused)))
    return found


def _shows(path: Path, *, allowed: bool, refused: set[Place]) -> str:
    """Return what one path shows.

    Over IPv6 an allowed path may be closed, as Erlang's own distribution is; it may not be a hole.
    """
    if path["enforced"] in ENTERED and not allowed:
        return "hole"
    if allowed:
        if path["enforced"] == "open":
            return "open"
        return "unoffered" if path["family"] == "IPv6" else "shut"
    if path["lifted"] in ENTERED:
        return "rules"
    return "listener" if _place(path) in refused else "nothing"


def _place(path: Path) -> Place:
    return str(path["port"]), str(path["place"]), str(path["family"])


def _deaf(seen: Mapping[str, Any]) -> str:
    """Return which door did not answer in the broker's own zone, before or after; empty if none."""
    for when in ("before", "after"):
        answered = {own["door"] for own in seen["own"]
                    if own["when"] == when and own["outcome"] == "open"}  # fmt: skip
        for door, port in PORTS.items():
            if door not in answered:
                text = f"{door} ({port}) did not answer in its own zone {when} the probes"
                return f"the broker was not up: {text}"
    return ""


def _vacuous(told: list[Told]) -> str:
    """Return what shows nothing, since it would have been so without the rules; empty if nothing.

    Each of the broker's doors must have been closed to somebody by the rules, over IPv4.
    """
    for each in told:
        if each.shows == "nothing":
            return f"{each} was closed without the rules, too, so that nothing is shown"
    closed = {each.path["door"] for each in told if each.shows == "rules"}
    forbidden = {each.path["door"] for each in told if not each.allowed}
    for door in PORTS:
        if door in forbidden - closed:
            return f"the rules closed {door} to nobody: nothing shows that they hold"
    return ""


def _untried(declared: Isolation, seen: Mapping[str, Any]) -> str:
    """Return which path nobody tried; empty if all were."""
    tried = {(each["zone"], each["door"], each["place"], each["family"]) for each in seen["paths"]}
    families = ("IPv4", "IPv6") if seen["ipv6"] else ("IPv4",)
    for zone in declared.zones:
        for door in PORTS:
            for place in PLACES:
                for family in families:
                    if (zone.name, door, place, family) not in tried:
                        return f"nobody tried {door} from {zone.name} at {place} over {family}"
    return ""


def _wrong(found: list[Told], told: list[Told], text: str) -> Finding:
    counts = Counter(each.shows for each in told)
    return Finding(
        Status.FAIL, f"broke Only-Who-May: {text}", len(found), "paths that are not as declared",
        len(told), threshold=0,
        details={**_details(counts), "wrong": [str(each) for each in found[:20]]},
    )  # fmt: skip


def _details(counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "open_as_declared": counts.get("open", 0), "closed_by_rules": counts.get("rules", 0),
        "closed_by_listener": counts.get("listener", 0),
        "not_offered_over_ipv6": counts.get("unoffered", 0),
    }  # fmt: skip


def _broken_promise(seen: Mapping[str, Any], told: list[Line]) -> str:
    """Return what was left, or not said in time, or said too small; empty if nothing."""
    if seen["left"]:
        return f"{len(seen['left'])} things are left: {seen['left'][0]}"
    if not told or told[0]["time_ns"] > seen["begun_ns"]:
        return "how much memory it takes was not said before it began"
    took, said = seen["memory"]["took_mib"], told[0]["forecast_mib"]
    return f"it took {took:g} MiB, and {said:g} were announced" if took > said else ""


def _seen(run: Run) -> Line | None:
    """Return what was seen; the last, where zones were opened more than once."""
    lines = events(run.journal, "isolation")
    return lines[-1] if lines and not lines[-1].get("problem") else None
