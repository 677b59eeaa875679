"""The banner: the decision, one plain sentence why, and for how much of the contract it stands."""

from reports.document import Banner, Cell, Tile
from reports.faults import fault_rows
from reports.material import Json, Material
from reports.requirements import HARNESS, Requirement, requirements
from reports.sections.outages import call_for_postmortem
from reports.words import anchor, listed, plural

SHOWN_MAX = 8
PHASES = ("baseline", "fault", "recovery")
REST = {
    "fail": "Failed",
    "unknown": "Unknown",
    "not_tested": "Claimed, not tested",
    "not_claimed": "Not claimed by this suite",
}


def banner(material: Material) -> Banner:
    """Return the banner; without a verdict the run is INCONCLUSIVE."""
    decision = str(material.verdict.get("decision") or "INCONCLUSIVE")
    rows = requirements(material)
    deciding = _deciding(material, decision)
    return Banner(
        decision=decision,
        exit_code=str(material.verdict.get("exit_code", "not known")),
        sentence=_sentence(material, decision, rows),
        coverage=_coverage(material, decision, rows),
        failing=tuple(_failing(one) for one in deciding[:SHOWN_MAX]),
        more_failing=max(0, len(deciding) - SHOWN_MAX),
        notes=tuple(_notes(material)),
        tiles=tuple(_tile(row) for row in rows),
        rest=_rest(rows),
    )


def _deciding(material: Material, decision: str) -> list[Json]:
    """Return the criteria that decided: the fails; where none failed, what is not known."""
    claimed = {str(one) for one in material.manifest.get("claimed") or ()} | {HARNESS}
    for statuses in (("fail",), ("unknown", "not_tested")):
        found = [
            one
            for one in material.criteria
            if one.get("status") in statuses
            and ("fail" in statuses or str(one.get("requirement")) in claimed)
        ]
        if found and decision != "GO":
            return found
    return []


def _failing(criterion: Json) -> Cell:
    name = str(criterion.get("id"))
    title = f"{name}: {criterion.get('statement') or ''}".rstrip(": ")
    href = f"#criterion-{anchor(name)}"
    return Cell(title, str(criterion.get("status")), href, str(criterion.get("reason") or ""))


def _sentence(material: Material, decision: str, rows: tuple[Requirement, ...]) -> str:
    if not material.verdict:
        return "The run was never judged: it left no verdict, so nothing is proven either way."
    claimed = [row for row in rows if row.claimed]
    failed = [row.id for row in rows if row.status == "fail"]
    unknown = [row.id for row in claimed if row.status in ("unknown", "not_tested")]
    harness = [
        str(one.get("id"))
        for one in material.criteria
        if one.get("requirement") == HARNESS and one.get("status") != "pass"
    ]
    if decision == "GO":
        return _go(material, len(claimed))
    if failed or decision == "NO-GO":
        what = plural(len(failed), "requirement fails", "requirements fail")
        return (
            f"{what} on the evidence of this run: {listed(failed, 6)}."
            if failed
            else _plain(harness, "fails")
        )
    if harness:
        why = material.verdict.get("reason") or _plain(harness, "is open")
        return f"Nothing failed, but this run proves nothing: {why}"
    what = plural(len(unknown), "claimed requirement has", "claimed requirements have")
    return f"Nothing failed, but {what} no answer: {listed(unknown, 6) or 'see the criteria'}."


def _plain(names: list[str], verb: str) -> str:
    return f"{listed(names, 4) or 'a criterion'} {verb}."


def _go(material: Material, claimed: int) -> str:
    observed = sum(
        fault.observed_s is not None and not fault.control for fault in fault_rows(material)
    )
    what = plural(claimed, "requirement that the suite claims passes",
                  "requirements that the suite claims pass")  # fmt: skip
    faults = plural(observed, "fault that was seen to take effect",
                    "faults that were seen to take effect")  # fmt: skip
    return f"All {what}, under {faults}, and every negative control was caught."


def _coverage(material: Material, decision: str, rows: tuple[Requirement, ...]) -> str:
    passed = sum(row.status == "pass" and row.claimed for row in rows)
    claimed = sum(row.claimed for row in rows)
    if decision == "GO":
        proven = sum(row.status == "pass" for row in rows)
        return f"GO for {proven} of {plural(len(rows), 'requirement')}."
    suite = material.manifest.get("suite") or "not known"
    return (
        f"{passed} of {claimed} claimed requirements pass; "
        f"the contract has {len(rows)} (suite {suite})."
    )


def _rest(rows: tuple[Requirement, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Name every requirement that the decision does not stand for, by why."""
    groups: dict[str, list[str]] = {name: [] for name in REST}
    for row in rows:
        if row.status == "pass":
            continue
        plain = row.status == "fail" or row.claimed
        groups[row.status if plain else "not_claimed"].append(row.id)
    return tuple((REST[name], tuple(ids)) for name, ids in groups.items() if ids)


def _tile(row: Requirement) -> Tile:
    found = row.criterion and row.status != "not_tested"
    href = f"#criterion-{anchor(row.criterion)}" if found else f"#untested-{anchor(row.id)}"
    return Tile(row.id, row.status, href, row.statement)


def _notes(material: Material) -> list[str]:
    """Say what a reader must not overlook: what the contract does not promise, and the settings."""
    notes = [
        f"{row.get('id')} promises nothing in {listed(left)}."
        for row in material.contract.get("requirements") or ()
        for criterion in row.get("criteria") or ()
        if criterion.get("check") == "sla"
        and (left := _left_out((criterion.get("parameters") or {}).get("phases")))
    ]
    if called := call_for_postmortem(material):
        notes.append(called)
    if material.manifest.get("broker_settings") == "stock":
        notes.append("The brokers ran with stock settings, not with those the contract asks for.")
    if material.manifest.get("alternative"):
        notes.append(f"This is the contract's alternative “{material.manifest['alternative']}”.")
    dropped = material.manifest.get("dropped_claims") or ()
    notes += [f"{row.get('id')} is not claimed here: {row.get('reason')}" for row in dropped]
    if material.missing:
        notes.append(f"The run folder is incomplete: {'; '.join(material.missing)}.")
    return notes


def _left_out(phases: object) -> list[str]:
    named = phases if isinstance(phases, list) and phases else PHASES
    return [phase for phase in PHASES if phase not in named]
