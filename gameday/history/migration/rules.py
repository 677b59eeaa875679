"""The rules of the decision, as data: they stand in the manifest, the verdict and the report.

A manifest's own rules win, key by key. `decide` is all that makes a decision of the criteria.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gameday.history.decision import EXIT_CODES, GO, HARNESS, INCONCLUSIVE, NO_GO, by_requirement

STAY = "STAY"
CODES = {**EXIT_CODES, STAY: 5}
"""The exit code of each decision."""

RULES: Mapping[str, Any] = {
    "urgent_from": 8,
    "urgent_limit_ms": 5000,
    "gain_least": 0.5,
    "gain_statistic": "p95",
    "gain_kinds": ["saturation", "burst"],
    "gain_tasks": 30,
    "at_once": 100,
    "at_once_s": 10,
    "longest_wait_s": 30,
    "effectiveness_least": 0.5,
    "inversions_most": 0.02,
    "order_margin_ms": 500,
    "order_choices": 50,
    "without_service_s": 5,
    "without_service_fault_s": 30,
    "in_flight_least": 20,
    "lag_ms": 1000,
    "matters": 0.1,
    "rollbacks": ["rollback-midway", "rollback-after"],
    "steps": ["parallel", "cut-over", "rollback-midway", "rollback-after"],
    "step_faults": ["worker_kill", "broker_kill", "cut_link"],
}
"""Thresholds. Latency counts from when a task was due to when a worker began it."""

WHEN_FAILED: Mapping[str, str] = {
    "loss": NO_GO,
    "faults": NO_GO,
    "urgent": NO_GO,
    "order": NO_GO,
    "trap": NO_GO,
    "at_once": NO_GO,
    "dead_letters": NO_GO,
    "timeouts": NO_GO,
    "rehearsal": NO_GO,
    "service": NO_GO,
    "gain": STAY,
    "effectiveness": STAY,
    "starvation": STAY,
}
"""What a failing criterion makes of the decision; checks that never fail are not here."""

SENTENCES = (
    "Any loss on RabbitMQ that Redis does not have under the same load is a veto: NO-GO.",
    "NO-GO, too, is what RabbitMQ must hold and does not: urgent tasks in time, order, at once.",
    "So are dead letters astray, timeouts told as failures, a rehearsal with loss or downtime.",
    "Less than the promised gain is STAY: moving costs, and must pay.",
    "A rollback that was not rehearsed is no GO: INCONCLUSIVE, unless something failed.",
    "A leg that saw nothing is unknown; an unfinished drain makes its losses unknown.",
    "What is unknown among the claims is INCONCLUSIVE; so is a harness that cannot be trusted.",
    "The decision is about one RabbitMQ setting, named beforehand; others are shown beside it.",
)
"""The rules in words, the strongest first."""

Criterion = Mapping[str, Any]


def decide(criteria: Sequence[Criterion], claimed: Sequence[str]) -> tuple[str, str]:
    """Return the decision, and the sentence that says why."""
    failed = [each for each in criteria if each["status"] == "fail"]
    vetoes = [each for each in failed if each["when_failed"] == NO_GO]
    if vetoes:
        return NO_GO, f"{_names(vetoes)} failed: {vetoes[0]['reason']}"
    statuses = by_requirement(criteria)
    doubts = [each for each in criteria if each["requirement"] == HARNESS
              and each["status"] != "pass"]  # fmt: skip
    if doubts or HARNESS not in statuses:
        return INCONCLUSIVE, str(doubts[0]["reason"] if doubts else "the harness was not judged")
    if failed:
        return STAY, f"{_names(failed)} failed: {failed[0]['reason']}"
    open_ = [name for name in claimed if statuses.get(name) != "pass"]
    if open_:
        worst = next((each for each in criteria if each["requirement"] == open_[0]
                      and each["status"] != "pass"), {"reason": "it was not judged"})  # fmt: skip
        return INCONCLUSIVE, f"{', '.join(open_)} could not be decided: {worst['reason']}"
    if not claimed:
        return INCONCLUSIVE, "the suite claims no requirement"
    return GO, f"RabbitMQ holds all that was asked: {', '.join(claimed)}"


def _names(criteria: Iterable[Criterion]) -> str:
    return ", ".join(dict.fromkeys(each["requirement"] for each in criteria))
