"""What became of each requirement: the worst of its criteria, and whether the suite claimed it.

The decision itself is the verdict's; nothing here decides again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reports.document import STATUSES
from reports.material import Material

HARNESS = "harness"


@dataclass(frozen=True)
class Requirement:
    """One row of the contract, with its status; `how` tells how to test it where it was not.

    `criterion` is the id of the criterion that gave it its status, empty where there is none.
    """

    id: str
    statement: str
    status: str
    claimed: bool
    reason: str
    how: str
    criterion: str


def worst(statuses: Iterable[str]) -> str:
    """Return the worst status; what nobody looked at is not tested."""
    found = set(statuses)
    return next((status for status in STATUSES if status in found), "not_tested")


def claimed(material: Material) -> set[str]:
    """Return the ids that the suite claims."""
    return {str(one) for one in material.manifest.get("claimed") or ()}


def requirements(material: Material) -> tuple[Requirement, ...]:
    """Return every requirement of the contract, in its order, then any that only criteria name."""
    rows = {str(row.get("id")): row for row in material.contract.get("requirements") or ()}
    for criterion in material.criteria:
        name = str(criterion.get("requirement"))
        if name != HARNESS and name not in rows:
            rows[name] = {"id": name, "statement": criterion.get("statement")}
    dropped = {
        str(row.get("id")): str(row.get("reason") or "")
        for row in material.manifest.get("dropped_claims") or ()
    }
    names = claimed(material)
    return tuple(_requirement(material, row, names, dropped) for row in rows.values())


def _requirement(
    material: Material, row: Mapping[str, Any], names: set[str], dropped: Mapping[str, str]
) -> Requirement:
    name = str(row.get("id"))
    own = [one for one in material.criteria if str(one.get("requirement")) == name]
    status = worst(str(one.get("status")) for one in own)
    excuse = row.get("not_tested") or {}
    deciding = next((one for one in own if one.get("status") == status), {})
    reason = excuse.get("reason") or dropped.get(name) or deciding.get("reason")
    if not reason and name in names:
        reason = "the suite claims it, and the run has no criterion for it"
    return Requirement(
        id=name,
        statement=str(row.get("statement") or ""),
        status=status,
        claimed=name in names,
        reason=str(reason or _not_claimed(material, row)),
        how=str(excuse.get("how") or deciding.get("how") or _how(material, row)),
        criterion=str(deciding.get("id") or ""),
    )


def _not_claimed(material: Material, row: Mapping[str, Any]) -> str:
    suite = material.manifest.get("suite") or "this"
    if not row.get("criteria"):
        return "the contract has no criterion for it yet"
    return f"the suite {suite} does not claim it"


def _how(material: Material, row: Mapping[str, Any]) -> str:
    suites = [str(suite) for suite in row.get("suites") or ()]
    system = material.manifest.get("system") or "SYSTEM"
    if suites and material.manifest.get("suite") not in suites:
        return f"gameday run {system} --suite {suites[0]}"
    return ""
