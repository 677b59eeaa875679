"""The decision: GO, NO-GO or INCONCLUSIVE, from the criteria alone.

Any failure is NO-GO. Otherwise whatever keeps a claim from being known, or the harness from being
trusted, is INCONCLUSIVE. GO is what is left, and says for how many requirements of how many.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

GO, NO_GO, INCONCLUSIVE = "GO", "NO-GO", "INCONCLUSIVE"
EXIT_CODES = {GO: 0, NO_GO: 1, INCONCLUSIVE: 3}
HARNESS = "harness"

Criterion = Mapping[str, Any]

_ORDER = ("pass", "not_tested", "unknown", "fail")


def by_requirement(criteria: Iterable[Criterion]) -> dict[str, str]:
    """Return the status of each requirement: that of its worst criterion."""
    statuses: dict[str, str] = {}
    for criterion in criteria:
        name = criterion["requirement"]
        known = statuses.get(name, "pass")
        statuses[name] = max(known, criterion["status"], key=_ORDER.index)
    return statuses


def decide(criteria: Sequence[Criterion], claimed: Sequence[str]) -> tuple[str, str]:
    """Return the decision, and the sentence that says why."""
    statuses = by_requirement(criteria)
    failed = [each for each in criteria if each["status"] == "fail"]
    if failed:
        names = ", ".join(dict.fromkeys(each["requirement"] for each in failed))
        return NO_GO, f"{names} failed: {failed[0]['reason']}"
    if statuses.get(HARNESS, "unknown") != "pass":
        doubt = next(
            (each for each in criteria if each["requirement"] == HARNESS
             and each["status"] != "pass"), {"reason": "the harness was not judged"},
        )  # fmt: skip
        return INCONCLUSIVE, str(doubt["reason"])
    open_ = [name for name in claimed if statuses.get(name) != "pass"]
    if open_:
        worst = next((each for each in criteria if each["requirement"] == open_[0]
                      and each["status"] != "pass"), {"reason": "it was not judged"})  # fmt: skip
        return INCONCLUSIVE, f"{', '.join(open_)} could not be decided: {worst['reason']}"
    if not claimed:
        return (
            INCONCLUSIVE,
            "nothing failed; no requirement is claimed, which only a whole suite does",
        )
    return GO, _go(statuses)


def _go(statuses: Mapping[str, str]) -> str:
    """Name how many requirements passed, and which did not."""
    own = {name: status for name, status in statuses.items() if name != HARNESS}
    others = [name for name, status in own.items() if status != "pass"]
    text = f"GO for {len(own) - len(others)} of {len(own)} requirements"
    return f"{text}; not among them: {', '.join(others)}" if others else text
