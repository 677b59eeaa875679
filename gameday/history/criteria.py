"""The criteria of a run: each requirement judged by its checks, or not tested and why.

None may be silently missing: whatever stands in the contract comes back as at least one row. The
harness's own checks come last, under the requirement `harness`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gameday.contracts.model import Requirement
from gameday.history.checks import CHECKS, HARNESS, look
from gameday.history.checks.isolation import zones_opened
from gameday.history.decision import HARNESS as HARNESS_ID
from gameday.history.finding import Finding, Status, unknown
from gameday.history.run import Run
from gameday.history.story import story

Row = dict[str, Any]

TIMED = frozenset({"sla", "recovery", "blocked", "performance", "without_service"})
"""The checks that a generator behind its schedule spoils, whatever they find.

Of others it spoils the findings that say so themselves (`Finding.timed`).
"""

GUARANTEES = {name: (check.__doc__ or name).splitlines()[0] for name, check in HARNESS.items()}


class Judging:
    """Makes each check once, whoever asks for it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._made: dict[str, Finding] = {}
        self.on_schedule = self.make("generator", {}).status is Status.PASS

    def make(self, name: str, parameters: Mapping[str, Any]) -> Finding:
        """Return what a check finds; one of the harness's own by its name, too."""
        key = json.dumps([name, parameters], sort_keys=True)
        if key not in self._made:
            check = CHECKS.get(name) or HARNESS.get(name)
            self._made[key] = look(check, name, self.run, parameters)
        return self._made[key]

    def timed(self, name: str, parameters: Mapping[str, Any]) -> Finding:
        """Return what a check finds; unknown where the generator, or broken records, spoilt it."""
        finding = self.make(name, parameters)
        if self.run.problems and finding.status is Status.FAIL:
            reason = f"{self.run.problems[0]}; for what it is worth: {finding.reason}"
            return replace(finding, status=Status.UNKNOWN, reason=reason)
        if (name in TIMED or finding.timed) and not self.on_schedule:
            reason = f"the generator was behind its schedule; without that: {finding.reason}"
            return replace(finding, status=Status.UNKNOWN, reason=reason)
        return finding


def criteria(run: Run, judging: Judging) -> list[Row]:
    """Judge every requirement of the contract, and the harness."""
    rows = [row for each in run.contract.requirements for row in _requirement(run, each, judging)]
    stray = set(run.manifest["claimed"]) - {each.id for each in run.contract.requirements}
    rows += [_untested(name, "", "the contract does not know it", "") for name in sorted(stray)]
    for name in HARNESS:
        finding = judging.make(name, {})
        rows.append(_row(run, f"{HARNESS_ID}/{name}", HARNESS_ID, GUARANTEES[name], finding))
    rows.append(_row(run, f"{HARNESS_ID}/claims", HARNESS_ID, _CLAIMS, _claims(run)))
    return rows


def network_criteria(run: Run) -> list[Row]:
    """Judge the claimed requirements of a run that looked at the network alone."""
    judging, rows = Judging(run), []
    for each in run.contract.requirements:
        if each.id in run.manifest["claimed"]:
            rows += list(_requirement(run, each, judging))
        else:
            how = f"Run `gameday run {run.contract.system}`."
            rows.append(_untested(each.id, each.statement, "only the network was looked at", how))
    finding = look(zones_opened, "zones_opened", run, {})
    statement = str(zones_opened.__doc__)
    rows.append(_row(run, f"{HARNESS_ID}/zones_opened", HARNESS_ID, statement, finding))
    return rows


_CLAIMS = "Claims-As-Written: the run claims what its contract says that its suite claims."


def _claims(run: Run) -> Finding:
    """Tell whether the run claims what its suite does, but for what it dropped with a reason."""
    suite = run.manifest["suite"]
    named = set(run.manifest["claimed"]) | {each["id"] for each in run.manifest["dropped_claims"]}
    suites = {name for each in run.contract.requirements for name in each.suites}
    owed = {each.id for each in run.contract.requirements if suite in each.suites}
    if suite in suites and owed - named:
        missing = ", ".join(sorted(owed - named))
        return unknown(f"the run does not claim what {suite} claims: {missing}")
    return Finding(Status.PASS, f"{len(run.manifest['claimed'])} requirements are claimed", n=1)


def _requirement(run: Run, requirement: Requirement, judging: Judging) -> Iterator[Row]:
    skipped = _why_not(run, requirement)
    if skipped:
        yield _untested(requirement.id, requirement.statement, *skipped)
        return
    names = [criterion.check for criterion in requirement.criteria]
    for place, criterion in enumerate(requirement.criteria):
        finding = judging.timed(criterion.check, criterion.parameters)
        number = f"-{names[: place + 1].count(criterion.check)}"
        suffix = number if names.count(criterion.check) > 1 else ""
        name = f"{requirement.id}/{criterion.check}{suffix}"
        yield _row(run, name, requirement.id, requirement.statement, finding)


def _why_not(run: Run, requirement: Requirement) -> tuple[str, str] | None:
    """Return why a requirement is not tested, and how it would be; None if it is."""
    claimed = requirement.id in run.manifest["claimed"]
    for dropped in run.manifest["dropped_claims"]:
        if dropped["id"] == requirement.id and not claimed:
            return str(dropped["reason"]), "Run the suite on a cluster that can do this."
    if not requirement.criteria:
        told = requirement.not_tested
        return (told.reason, told.how) if told else ("no criterion applies to this version", "")
    if claimed:
        return None
    suite = run.manifest["suite"]
    if requirement.suites and suite not in requirement.suites:
        other = requirement.suites[0]
        command = f"gameday run {run.contract.system} --suite {other}"
        return f"the suite {suite} does not claim it", f"Run `{command}`."
    powers = set(run.manifest["cluster"].get("powers", ()))
    lacking = sorted(set(requirement.needs) - powers)
    if lacking:
        return f"the cluster cannot do {', '.join(lacking)}", "Run it on the local cluster."
    return None


def _untested(requirement: str, statement: str, reason: str, how: str) -> Row:
    return {
        "id": requirement, "requirement": requirement, "statement": statement,
        "status": "not_tested", "reason": reason, "how": how, "measured": None, "unit": "",
        "n": 0, "interval": None, "threshold": None, "margin": None, "details": {},
        "evidence": {"link": requirement, "examples": []},
    }  # fmt: skip


def _row(run: Run, name: str, requirement: str, statement: str, finding: Finding) -> Row:
    measured, threshold = finding.measured, finding.threshold
    known = measured is not None and threshold is not None
    return {
        "id": name, "requirement": requirement, "statement": statement,
        "status": finding.status.name.lower(), "reason": finding.reason, "how": "",
        "measured": measured, "unit": finding.unit, "n": finding.n,
        "interval": list(finding.interval) if finding.interval else None,
        "threshold": threshold, "margin": threshold - measured if known else None,  # type: ignore[operator]
        "details": dict(finding.details),
        "evidence": {
            "link": name.replace("/", "-"),
            "examples": [_example(run, message) for message in finding.examples],
        },
    }  # fmt: skip


def _example(run: Run, message: int) -> dict[str, Any]:
    lines = story(run, message)
    return {"message": lines[0].removeprefix("message "), "story": lines[1:]}
