"""The migration's judge, tested: every damage is seen, by the check that claims to see it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gameday.history.decision import GO, INCONCLUSIVE, NO_GO
from gameday.history.migration.rules import STAY
from gameday.history.migration.verdict import judge
from tests.fake_migration_runs import good
from tests.mutants import damage_migration
from tests.mutants.family import Claim


@dataclass(frozen=True)
class Weighed(Claim):
    """A claim that also says what the decision becomes."""

    decision: str = NO_GO


MIGRATION = {
    "lose_a_task": Weighed("loss", "fail", "No-New-Loss"),
    "lose_a_task_in_hand": Weighed("loss", "fail", "No-New-Loss"),
    "leave_a_task_behind": Weighed("loss", "fail", "No-New-Loss"),
    "lose_under_a_fault": Weighed("faults", "fail", "No-New-Loss"),
    "see_what_never_left": Weighed("loss", "fail", "Nothing-From-Nowhere"),
    "never_drain": Weighed("loss", "unknown", "unknown", INCONCLUSIVE),
    "strike_nothing": Weighed("faults", "unknown", "nobody saw", INCONCLUSIVE),
    "strike_an_idle_broker": Weighed("faults", "unknown", "0 tasks were confirmed", INCONCLUSIVE),
    "swallow_a_dead_letter": Weighed("dead_letters", "fail", "no dead-letter queue"),
    "bury_a_good_one": Weighed("dead_letters", "fail", "should have been done"),
    "tell_a_task_timeout_as_failed": Weighed("timeouts", "fail", "told otherwise"),
    "tell_a_task_timeout_as_both": Weighed("timeouts", "fail", "told otherwise"),
    "keep_a_task_timeout_secret": Weighed("timeouts", "fail", "never told so"),
    "let_no_task_time_out": Weighed("timeouts", "unknown", "vacuous", INCONCLUSIVE),
    "ignore_priorities": Weighed("order", "fail", "Urgent-First"),
    "gain_too_little": Weighed("gain", "fail", "Half-The-Latency", STAY),
    "refuse_the_urgent": Weighed("gain", "fail", "Half-The-Latency", STAY),
    "compare_other_work": Weighed("gain", "unknown", "not the same work", INCONCLUSIVE),
    "start_an_urgent_one_late": Weighed("urgent", "fail", "Urgent-In-Time"),
    "map_priorities_wrong": Weighed("trap", "fail", "Urgent-First"),
    "miss_the_trap": Weighed("trap", "unknown", "not caught", INCONCLUSIVE),
    "have_few_at_once": Weighed("at_once", "fail", "Many-At-Once"),
    "starve_a_task": Weighed("starvation", "fail", "Nobody-Starves", STAY),
    "lose_on_the_way_back": Weighed("rehearsal", "fail", "rollback-midway"),
    "apply_twice": Weighed("rehearsal", "fail", "took effect more than once"),
    "stand_still_at_cut_over": Weighed("service", "fail", "No-Downtime"),
    "never_roll_back": Weighed("rollback", "unknown", "not rehearsed", INCONCLUSIVE),
    "break_off_the_rollback": Weighed("rollback", "unknown", "did not come back", INCONCLUSIVE),
    "see_a_task_of_a_stranger": Weighed("foreign", "unknown", "nobody's", INCONCLUSIVE),
    "offer_less": Weighed("offered", "unknown", "not 751", INCONCLUSIVE),
    "publish_tasks_late": Weighed("schedule", "unknown", "behind its schedule", INCONCLUSIVE),
    "be_silent": Weighed("records", "unknown", "nothing was published", INCONCLUSIVE),
    "be_of_another_run": Weighed("records", "unknown", "is of run", INCONCLUSIVE),
    "serve_the_urgent_last": Weighed("effectiveness", "fail", "Priorities-Pay"),
    "compare_with_nothing": Weighed("compared", "unknown", "no Redis row", INCONCLUSIVE),
    "vary_nothing": Weighed("sweep", "unknown", "settings were measured", INCONCLUSIVE),
}
FAMILIES = ((damage_migration, MIGRATION),)


def test_every_damage_has_a_claim() -> None:
    """No damage stands in the module without a claim."""
    damages = {
        name for name, value in vars(damage_migration).items()
        if callable(value) and value.__module__ == damage_migration.__name__ and name[0] != "_"
    }  # fmt: skip

    assert damages == set(MIGRATION)


def test_the_undamaged_migration_is_go(tmp_path: Path) -> None:
    """Without a damage every criterion passes, and the decision is GO."""
    verdict = judge(good().write(tmp_path / "run"))
    rest = [row["id"] for row in verdict.document["criteria"] if row["status"] != "pass"]

    assert rest == []
    assert (verdict.decision, verdict.exit_code) == (GO, 0), verdict.reason


@pytest.mark.parametrize("name", MIGRATION)
def test_the_mutant_is_seen(name: str, tmp_path: Path) -> None:
    """The check that claims this damage sees and names it, and it decides as the rules say."""
    run, claim = good(), MIGRATION[name]
    getattr(damage_migration, name)(run)

    verdict = judge(run.write(tmp_path / "run"))
    seen = [row for row in verdict.document["criteria"] if _claims(row, claim)]

    assert seen, f"{claim} in {[row['reason'] for row in _bad(verdict.document)]}"
    assert verdict.decision == claim.decision, verdict.reason


def _claims(row: dict[str, Any], claim: Claim) -> bool:
    check = row["id"].split("/")[1].split("-")[0]
    found = (check, row["status"], claim.word in row["reason"])
    return found == (claim.check, claim.status, True)


def _bad(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in document["criteria"] if row["status"] != "pass"]
