"""How a fault is carried out: every step is in the journal, and the intent before anything happens.

    capture -> intent -> apply -> applied -> look -> observed | not_observed -> the body
            -> reverting -> revert -> reverted -> look -> restored | not_restored

`undo` and `verify` are the second line. The run, the watchdog and `heal` all use it, so that a
fault is undone in one way whoever undoes it. A fault without an effect is noted, not raised: it is
the checks' business. A fault that could not be undone raises `NotRestoredError`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chaos.journal import Journal, read
from chaos.revert import TROUBLE, NotRestoredError, Recipe, Revert, Seen, Target
from chaos.reverts import RECIPES
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

if TYPE_CHECKING:
    from chaos.fault import Breaking, Site

OBSERVED_WITHIN_S = 15.0
FALLBACK_WITHIN_S = 90.0
MARGIN_S = 45.0
"""What the watchdog allows a fault beyond its planned time: to apply, to be seen, to revert."""

Limit = Callable[[float], float]


def as_it_is(within_s: float) -> float:
    """Return the limit unchanged: nobody is in a hurry."""
    return within_s


@dataclass(frozen=True)
class Open:
    """A fault as the journal has it: enough to undo it."""

    fault: str
    facts: Mapping[str, Any]
    revert: Revert

    def note(self, journal: Journal, step: str, **more: Any) -> None:
        """Write one step of this fault's life."""
        journal.append("fault", fault=self.fault, **self.facts, step=step, **more)

    def note_if_possible(self, journal: Journal, step: str, **more: Any) -> None:
        """Write a step on the way back, which goes on without: `journal.broken` then says why.

        The intent is on the disk. A disk that is full now must not keep the fault in force.
        """
        with suppress(HarnessError):
            self.note(journal, step, **more)


@contextmanager
def carry_out(fault: "Breaking", site: "Site") -> Iterator[None]:
    """Break it, prove it, let the body run, and put it right whatever happens."""
    site.guard()
    opened: Open | None = None
    try:
        with site.interrupts.shielded():
            opened = _intend(fault, site)
        site.at("intent")
        fault.apply(site)
        opened.note(site.journal, "applied")
        site.at("applied")
        within_s = OBSERVED_WITHIN_S + fault.shows_after_s
        seen = look(partial(fault.observe, site), site.interrupts.limit_s(within_s))
        step = "observed" if seen else "not_observed"
        opened.note(site.journal, step, evidence=seen.evidence)
        site.at("observed")
        yield
    finally:
        if opened is not None:
            with site.interrupts.shielded():
                _leave(opened, site)


def _intend(fault: "Breaking", site: "Site") -> Open:
    """Write down what is about to happen and how to undo it."""
    revert = fault.capture(site)
    facts = {
        "episode": site.episode,
        "kind": fault.kind,
        "fault_class": fault.fault_class,
        "target": fault.target,
        "parameters": dict(fault.parameters),
    }
    opened = Open(f"{site.episode}.{next(site.numbers)}", facts, revert)
    ttl_s = site.for_s + fault.takes_s + fault.shows_after_s + MARGIN_S
    roles = fault.roles(site)
    more = {} if roles is None else {"roles": dict(roles)}
    opened.note(site.journal, "intent", revert=asdict(revert), ttl_s=ttl_s, **more)
    return opened


def _leave(opened: Open, site: "Site") -> None:
    """Revert now; observe the healing now too, or once all of several faults are reverted."""
    by_watchdog = _undone_by_another(opened, site.journal)
    undo(opened, site.cluster, site.journal, site.at)
    verify = partial(
        _verify_or_raise, opened, site.cluster, site.journal, site.at, site.interrupts.limit_s
    )
    if site.unverified is None:
        verify()
    else:
        site.unverified.append(verify)
    if site.journal.broken:
        raise HarnessError(
            f"fault {opened.fault} was reverted, but not everything about it is on record: "
            f"{site.journal.broken}"
        )
    if by_watchdog:
        raise HarnessError(
            f"fault {opened.fault} outlived its time, and the watchdog put it right: what was "
            "measured since then was measured without the fault.",
        )


def _undone_by_another(opened: Open, journal: Journal) -> bool:
    """Whether somebody else reverted this fault while its body ran."""
    return any(
        line["event"] == "fault" and line["fault"] == opened.fault and line["step"] == "reverting"
        for line in read(journal.path)
    )


def verify_all(verifications: list[Callable[[], None]]) -> None:
    """Observe that everything healed, in the order of reverting; one failure stops none."""
    failures = []
    for verify in verifications:
        try:
            verify()
        except NotRestoredError as error:
            failures.append(str(error))
    if failures:
        raise NotRestoredError(" ".join(failures))


def _verify_or_raise(
    opened: Open, cluster: Target, journal: Journal, at: Callable[[str], None], limit: Limit
) -> None:
    """Observe the healing, and raise when there is none."""
    if not verify(opened, cluster, journal, limit):
        raise NotRestoredError(
            f"{opened.facts['kind']} of {opened.facts['target']} is not healed "
            f"(fault {opened.fault}): run `gameday heal`.",
        )
    at("restored")


def close_without_cluster(opened: Open, journal: Journal, by: str) -> None:
    """Close a fault whose cluster is gone: only what needs no cluster is still undone."""
    recipe = RECIPES[opened.revert.kind]
    opened.note_if_possible(journal, "reverting", by=by)
    if recipe.alone is not None:
        recipe.alone(opened.revert.values)
    opened.note_if_possible(journal, "reverted", by=by, evidence={"cluster": "gone"})
    opened.note_if_possible(journal, "restored", by=by, evidence={"cluster": "gone"})


def undo(
    opened: Open,
    cluster: Target,
    journal: Journal,
    at: Callable[[str], None] = lambda _point: None,
    by: str = "run",
) -> None:
    """Carry the recipe out, and the other way round when it fails; never raise for a failure."""
    recipe = RECIPES[opened.revert.kind]
    opened.note_if_possible(journal, "reverting", by=by)
    at("reverting")
    trouble = _try(recipe.revert, cluster, opened.revert)
    if trouble:
        trouble = f"{trouble}; then {_fall_back(recipe, cluster, opened.revert) or 'mended'}"
    at("undone")
    opened.note_if_possible(
        journal, "reverted", by=by, evidence={"trouble": trouble} if trouble else {}
    )
    at("reverted")


def verify(
    opened: Open, cluster: Target, journal: Journal, limit: Limit = as_it_is, by: str = "run"
) -> bool:
    """Observe that it healed; try the other way once when it did not."""
    recipe = RECIPES[opened.revert.kind]
    healed = partial(recipe.healed, cluster, opened.revert.values)
    within_s = float(opened.revert.values.get("healed_within_s", recipe.within_s))
    seen = look(healed, limit(within_s))
    evidence = dict(seen.evidence)
    if not seen:
        # A target that does not heal by itself is a finding: keep what it looked like.
        trouble = _fall_back(recipe, cluster, opened.revert)
        seen = look(healed, limit(FALLBACK_WITHIN_S))
        evidence = {**seen.evidence, "not_by_itself": evidence, "trouble": trouble}
    step = "restored" if seen else "not_restored"
    opened.note_if_possible(journal, step, by=by, evidence=evidence)
    return seen.yes


def _fall_back(recipe: Recipe, cluster: Target, revert: Revert) -> str:
    """Try the other way to undo it; return what went wrong, nothing when it worked."""
    return _try(recipe.fallback, cluster, revert) if recipe.fallback else "there is no other way"


def _try(
    action: Callable[[Target, Mapping[str, Any]], None], cluster: Target, revert: Revert
) -> str:
    """Return what went wrong, nothing when it worked."""
    try:
        action(cluster, revert.values)
    except TROUBLE as error:
        return f"{type(error).__name__}: {error}"
    return ""


def look(at_it: Callable[[], Seen], within_s: float) -> Seen:
    """Look until it is as expected, or hopeless; when time is up, return what was seen last."""
    last = Seen(yes=False)

    def decided() -> bool | NotYet:
        nonlocal last
        last = at_it()
        return last.yes or last.hopeless or NotYet(dict(last.evidence))

    try:
        wait_until(decided, within_s, "a fault's effect", poll_ms=100, errors=TROUBLE)
    except HarnessError as error:
        return Seen(yes=False, evidence={**last.evidence, "not_seen": str(error)})
    return last


def open_faults(lines: tuple[dict[str, Any], ...]) -> tuple[Open, ...]:
    """Return the faults that were begun and not seen healed, in the order of their beginning."""
    begun: dict[str, Open] = {}
    for line in lines:
        if line["event"] != "fault":
            continue
        if line["step"] == "intent":
            begun[line["fault"]] = from_intent(line)
        elif line["step"] == "restored":
            begun.pop(line["fault"], None)
    return tuple(begun.values())


def from_intent(line: Mapping[str, Any]) -> Open:
    """Read a fault back from its intent."""
    names = ("episode", "kind", "fault_class", "target", "parameters")
    return Open(line["fault"], {name: line[name] for name in names}, Revert(**line["revert"]))
