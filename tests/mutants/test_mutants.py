"""The checker's own test: every damage is seen, by the check that claims to see it."""

import pickle
from functools import cache
from pathlib import Path

import pytest

from gameday.history.criteria import Judging, criteria
from gameday.history.decision import GO, decide
from gameday.history.run import load_run
from tests.fake_folder import FakeRun
from tests.fakes import simulate
from tests.mutants import damage_clients, damage_dead, damage_harness, damage_loss, damage_service
from tests.mutants.family import Claim, damages_of

MESSAGES = 2500


LOSS = {
    "lose_one_confirmed": Claim("loss", "fail", "never delivered"),
    "hide_a_loss_behind_a_duplicate": Claim("loss", "fail", "Confirmed-Means-Kept"),
    "lose_after_delivery": Claim("loss", "fail", "never settled"),
    "swallow_with_an_automatic_ack": Claim("loss", "fail", "Somebody-Handles-It"),
    "ack_without_handling": Claim("loss", "fail", "Somebody-Handles-It"),
    "deliver_what_was_returned": Claim("loss", "fail", "Nothing-From-Nowhere"),
    "deliver_what_never_left": Claim("loss", "fail", "Nothing-From-Nowhere"),
    "deliver_to_another_queue": Claim("loss", "fail", "Nothing-From-Nowhere"),
    "spoil_a_body": Claim("loss", "fail", "As-It-Was-Sent"),
    "spoil_a_property": Claim("properties", "fail", "other properties"),
    "spoil_a_priority": Claim("loss", "fail", "As-It-Was-Sent"),
    "find_by_draining": Claim("loss", "fail", "Consumers-Finish"),
    "never_answer": Claim("loss", "fail", "Every-Publish-Is-Answered"),
    "publish_without_a_word": Claim("loss", "fail", "Every-Publish-Is-Answered"),
    "republish_in_vain_and_ack": Claim("loss", "fail", "1 "),
}
DEAD = {
    "swallow_poison": Claim("dead_letters", "fail", "poison swallowed"),
    "lose_a_dead_letter": Claim("dead_letters", "fail", "Dead-Letters-Arrive"),
    "die_for_another_reason": Claim("dead_letters", "fail", "Dead-Letters-Tell-Why"),
    "die_in_another_queue": Claim("dead_letters", "fail", "Dead-Letters-Tell-Why"),
    "land_in_another_queue": Claim("dead_letters", "fail", "Dead-Letters-Tell-Why"),
    "kill_a_good_one": Claim("dead_letters", "fail", "Only-The-Dead-Die"),
    "accept_poison": Claim("schemas", "fail", "accepted"),
}
CLIENTS = {
    "deliver_late": Claim("sla", "fail", "Served-In-Time"),
    "requeue_and_call_it_served": Claim("sla", "fail", "Served-In-Time"),
    "fall_silent_after_a_fault": Claim("recovery", "unknown", "nothing was published"),
    "count_from_sent": Claim("sla", "unknown", "behind its schedule"),
    "lag": Claim("generator", "unknown", "lagged"),
    "drop_a_due_message": Claim("generator", "unknown", "never sent"),
    "be_foreign": Claim("foreign", "unknown", "888:77"),
    "hold_too_many": Claim("prefetch", "fail", "Held-In-Bounds"),
    "swap_two": Claim("order", "fail", "First-In-First-Out"),
    "come_again_unflagged": Claim("duplicates_flag", "fail", "Repeats-Are-Flagged"),
    "forget_persistence": Claim("properties", "fail", "not persistent"),
    "forget_mandatory": Claim("properties", "fail", "not mandatory"),
    "try_too_often": Claim("attempts", "fail", "4 times"),
    "give_up_early": Claim("attempts", "fail", "before its try"),
    "narrow_the_pool": Claim("pool", "fail", "9 connections"),
}
SERVICE = {
    "serve_first_come": Claim("effectiveness", "fail", "Priorities-Pay"),
    "let_one_starve": Claim("starvation", "fail", "Nobody-Starves"),
    "work_one_by_one": Claim("in_progress", "fail", "Many-At-Once"),
}
HARNESS = {
    "change_the_topology": Claim("topology", "fail", "the binding of builds is missing"),
    "forget_to_read_the_topology": Claim("topology", "unknown", "not read back"),
    "boot_with_less": Claim("boots", "fail", "queue deployments is missing"),
    "boot_nothing": Claim("boots", "unknown", "no node was booted"),
    "fail_to_boot": Claim("boots", "unknown", "does not start"),
    "miss_a_replica": Claim("members", "fail", "2 members"),
    "see_a_node_missing": Claim("health", "fail", "r2 sees"),
    "never_observe": Claim("exposure", "unknown", "not seen to take effect"),
    "never_heal": Claim("exposure", "unknown", "not seen healed"),
    "strike_a_follower": Claim("exposure", "unknown", "led no queue"),
    "strike_nobody": Claim("exposure", "unknown", "no connection"),
    "strike_without_consumers": Claim("exposure", "unknown", "no consumer"),
    "strike_empty_queues": Claim("exposure", "unknown", "copies were at risk"),
    "wedge_an_idle_worker": Claim("exposure", "unknown", "held nothing"),
    "remove_what_nobody_uses": Claim("exposure", "unknown", "nobody published"),
    "flood_within_reach": Claim("exposure", "unknown", "no backlog"),
    "plan_and_skip": Claim("exposure", "unknown", "never injected"),
    "block_nobody": Claim("exposure", "unknown", "blocked no publisher"),
    "never_unblock": Claim("blocked", "fail", "never"),
    "flatten_the_backlog": Claim("inversions", "unknown", "vacuous"),
    "catch_no_control": Claim("controls", "unknown", "lost nothing"),
    "run_no_control": Claim("controls", "unknown", "never"),
    "strike_without_its_control": Claim("controls", "unknown", "control-purged: its episode never"),
    "keep_what_its_consumer_rejects": Claim("controls", "unknown", "no-dead-letters: it lost no"),
    "lose_in_the_controls_baseline": Claim("controls", "unknown", "before its fault"),
    "stop_the_drain": Claim("drain", "unknown", "timed out"),
    "leave_one_behind": Claim("drain", "unknown", "builds holds 1"),
    "skip_a_queue": Claim("drain", "unknown", "builds.failed was not read"),
    "drain_before_healing": Claim("drain", "unknown", "out of order"),
    "drain_beside_the_clients": Claim("drain", "unknown", "before the clients"),
    "contradict_the_exposure": Claim("exposure", "unknown", "led no queue"),
    "corrupt_a_ledger": Claim("ledgers", "unknown", "kind 99"),
    "shuffle_a_ledger": Claim("ledgers", "unknown", "backwards"),
    "fail_in_the_middle": Claim("failures", "unknown", "Toxiproxy was restarted"),
    "lose_a_process": Claim("processes", "unknown", "unasked"),
    "lose_a_ledger": Claim("processes", "unknown", "left no ledger"),
    "mix_two_runs": Claim("ledgers", "unknown", "is of run"),
    "answer_before_asking": Claim("ledgers", "unknown", "before they were made"),
    "claim_less": Claim("claims", "unknown", "sparki-02"),
}
FAMILIES = (
    (damage_loss, LOSS), (damage_dead, DEAD), (damage_clients, CLIENTS),
    (damage_service, SERVICE), (damage_harness, HARNESS),
)  # fmt: skip
MUTANTS = [
    pytest.param(getattr(module, name), claim, id=name)
    for module, claims in FAMILIES
    for name, claim in claims.items()
]


def test_every_damage_has_a_claim() -> None:
    """No damage stands in these modules without a check that claims to see it."""
    for module, claims in FAMILIES:
        assert damages_of(module) == set(claims)


def test_the_undamaged_run_is_go(tmp_path: Path) -> None:
    """Without a damage every criterion passes, so that a mutant's verdict is the damage's doing."""
    rows, decision = _judged(simulate(MESSAGES, 1), tmp_path)

    assert [row for row in rows if row["status"] != "pass"] == []
    assert decision == GO


@pytest.mark.parametrize(("damage", "claim"), MUTANTS)
def test_the_mutant_is_seen(damage: object, claim: Claim, tmp_path: Path) -> None:
    """The check that claims this damage sees it, names it, and the run is not GO."""
    run = pickle.loads(_sane())  # noqa: S301  Our own; a deep copy takes 60 times as long.
    assert callable(damage)
    damage(run)

    rows, decision = _judged(run, tmp_path)
    made = next(row for row in rows if row["id"].endswith(f"/{claim.check}"))

    assert (claim.status, True) == (made["status"], claim.word in made["reason"]), made["reason"]
    assert decision != GO


@cache
def _sane() -> bytes:
    """Return the good run, pickled, to be had again for each damage."""
    return pickle.dumps(simulate(MESSAGES, 1))


def _judged(run: FakeRun, folder: Path) -> tuple[list[dict[str, object]], str]:
    loaded = load_run(run.write(folder / "run"))
    rows = criteria(loaded, Judging(loaded))
    return rows, decide(rows, loaded.manifest["claimed"])[0]
