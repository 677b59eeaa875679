"""The checks of an upgrade: each damage is seen by the one it is for."""

from copy import deepcopy
from pathlib import Path

from gameday.history.checks.upgrades import lengths
from gameday.history.records import Kind, pack_attempt
from tests import fake_rolling
from tests.fake_tape import Row
from tests.fake_telling import ns
from tests.fake_upgrade import CRITERIA, GREEN_HAND, STEPS, written
from tests.mutants import damage_rolling, damage_upgrade
from tests.mutants.family import Claim, Family, loaded, plain_run

UPGRADES = {
    "stop_half_way": Claim("cut_over", "unknown", "move_consumers was not completed"),
    "hurry_the_consumers": Claim("cut_over", "fail", "move_consumers ended out of order"),
    "take_an_age": Claim("cut_over", "fail", "13.0 s"),
    "move_in_a_quiet_hour": Claim("cut_over", "unknown", "vacuous: 0 messages"),
    "declare_another_design": Claim("translated", "fail", "type is quorum"),
    "drop_a_policy_unasked": Claim("translated", "unknown", "nobody saw green refuse"),
    "declare_nothing": Claim("translated", "unknown", "nothing was declared"),
    "leave_them_on_green": Claim("way_back", "fail", "did not come back"),
    "lose_one_on_the_way_back": Claim("way_back", "fail", "1 such"),
    "rehearse_with_nobody": Claim("way_back", "unknown", "vacuous: 0 messages"),
    "forget_the_rehearsal": Claim("way_back", "unknown", "not rehearsed"),
    "leave_a_rest": Claim("retired", "fail", "still held 1"),
    "leave_somebody": Claim("retired", "fail", "<0.1.0> on r1 still stood"),
    "publish_to_the_old_one": Claim("retired", "fail", "went by blue"),
    "stop_with_the_old_one": Claim("retired", "unknown", "vacuous: green alone"),
    "let_nobody_confirm": Claim("without_service", "fail", "without a confirm, from 2"),
    "let_nobody_take": Claim("without_service", "fail", "4."),
    "measure_no_baseline": Claim("without_service", "unknown", "no baseline"),
    "overtake": Claim("overtaken", "fail", "was taken before the last of blue's"),
    "move_before_anything": Claim("overtaken", "unknown", "never moved"),
    "shovel_one_twice": Claim("handled_twice", "fail", "handled more than once (1 such)"),
}
FAMILY = Family(
    damage_upgrade, UPGRADES, written, CRITERIA, beside=("loss",),
    quiet=tuple(name for name in CRITERIA if name != "handled_twice"),
)  # fmt: skip


def test_steps_have_their_lengths(tmp_path: Path) -> None:
    """What the command prints is what the journal says; a run of another kind has no steps."""
    found = lengths(loaded(deepcopy(written()), tmp_path))

    assert found is not None
    assert found[1] == {name: round(end - begin, 9) for name, (begin, end) in STEPS.items()}
    assert lengths(plain_run()) is None


ROLLING = {
    "stop_at_the_second": Claim("rolled", "unknown", "roll_r2 was not completed"),
    "start_the_old_one": Claim("rolled", "fail", "r2 runs 4.2.5"),
    "restart_nobody": Claim("rolled", "fail", "r3 is the same process"),
    "leave_one_out": Claim("rolled", "unknown", "r3 never rolled"),
}
ROLLED = Family(damage_rolling, ROLLING, fake_rolling.written, fake_rolling.CRITERIA,
                beside=("loss",), quiet=("rolled",))  # fmt: skip


def test_what_a_consumer_emits_while_it_drains_is_not_late(tmp_path: Path) -> None:
    """Blue's consumers may still send what they send; only its producers must have gone."""
    run = deepcopy(written())
    damage_upgrade.publish_to_the_old_one(run)
    routes = run.tapes[0].names["route"]
    run.tapes[0].names["route"] = {key: {**value, "emitted_by": "hand"}
                                   for key, value in routes.items()}  # fmt: skip

    assert FAMILY.make("retired", loaded(run, tmp_path)).status.name == "PASS"


def test_what_its_publisher_sent_again_is_no_doing_of_the_move(tmp_path: Path) -> None:
    """A second try of a publisher, handled as well, is counted, and not held against the move."""
    run = deepcopy(written())
    damage_upgrade.shovel_one_twice(run)
    again = pack_attempt(1, 1)
    rows = [row for row in run.tapes[GREEN_HAND - 1].rows if row.tag == 9000]
    for row in rows:
        row.attempt = again
    first = next(row for row in run.tapes[0].of(Kind.INVOKE) if row.message == rows[0].message)
    fields = {name: getattr(first, name) for name in Row.__slots__}
    run.tapes[0].rows += [
        Row(**{**fields, "time_ns": ns(19.5), "tag": 7000, "attempt": again}),
        Row(Kind.CONFIRMED, ns(19.6), tag=7000),
    ]

    finding = FAMILY.make("handled_twice", loaded(run, tmp_path))

    assert finding.status.name == "PASS", finding.reason
    assert finding.details["handled_again_since_sent_again"] == 1
