"""The checks of event buses, tick jobs and outages: each damage is seen by the one it is for."""

from copy import deepcopy
from pathlib import Path

import pytest

from gameday.history.repair import repair_lists
from tests.fake_outage import CRITERIA, written
from tests.mutants import damage_outage
from tests.mutants.family import Claim, Family, loaded

OUTAGE = {
    "block_a_caller": Claim("calls", "fail", "while the broker was black_holed"),
    "drop_without_a_line": Claim("drops", "fail", "no line says"),
    "log_a_drop_that_was_none": Claim("drops", "fail", "and it was not"),
    "log_a_drop_twice": Claim("drops", "fail", "says twice"),
    "whisper": Claim("drops", "fail", "logged as warn, not as error"),
    "forget_an_event": Claim("drops", "fail", "neither confirmed nor dropped"),
    "give_up_too_soon": Claim("degraded", "fail", "after 500 ms"),
    "give_up_too_late": Claim("degraded", "fail", "only after 9000 ms"),
    "hammer": Claim("degraded", "fail", "too soon"),
    "stay_degraded": Claim("degraded", "fail", "took nothing for"),
    "drop_while_well": Claim("degraded", "fail", "was not degraded"),
    "tick_twice": Claim("ticks", "fail", "took effect 2 times"),
    "tick_in_between": Claim("ticks", "fail", "between two ticks"),
    "tick_in_silence": Claim("ticks", "fail", "no line says"),
    "forget_a_tick": Claim("ticks", "fail", "took no effect"),
    "hang_unnoticed": Claim("wedged", "fail", "nothing named it"),
    "stand_still_though_slow": Claim("wedged", "fail", "and was slow"),
    "hang_for_no_known_reason": Claim("wedged", "fail", "and was well"),
    "rest_under_an_alarm": Claim("under_alarm", "fail", "none was settled"),
    "call_it_down": Claim("diagnosis", "fail", "concluded down, not no_route"),
    "see_ghosts": Claim("diagnosis", "fail", "concluded blocked, not up"),
    "forget_the_disk": Claim("first_moves", "fail", "nobody looked at the disk"),
    "take_a_refusal_for_an_answer": Claim("first_moves", "fail", "got AMQP"),
    "let_a_wrong_password_in": Claim("secured", "fail", "wrong_login met 'accepted'"),
    "take_the_expired_for_unknown": Claim("secured", "fail", "met 'unknown authority'"),
    "let_a_stranger_join": Claim("secured", "fail", "unknown_authority from r2 met 'accepted'"),
    "answer_without_tls": Claim("secured", "fail", "without_tls met 'accepted'"),
    "come_without_tls": Claim("secured", "fail", "1 of the load's connections"),
    "try_before_only": Claim("secured", "unknown", "nobody tried r1 after"),
    "skip_the_expired": Claim("secured", "unknown", "expired was not tried"),
    "come_beside_the_balancer": Claim("balanced", "fail", "r1 had 7 connections"),
    "carry_nobody": Claim("balanced", "unknown", "r1 was given no client"),
    "count_before_only": Claim("balanced", "unknown", "nobody looked after"),
    "serve_nobody": Claim("keeps_serving", "fail", "nothing was confirmed for 10"),
    "want_nothing": Claim("keeps_serving", "unknown", "messages were wanted"),
    "suffer_without_a_cause": Claim("postmortem", "fail", "nobody knows why"),
    "confirm_through_the_outage": Claim("postmortem", "fail", "show no outage"),
    "forget_a_severity": Claim("subsystems", "fail", "claims stands still"),
    "forget_the_store": Claim("effects", "fail", "took effect 2 times"),
}
FAMILY = Family(
    damage_outage,
    OUTAGE,
    written,
    CRITERIA,
    quiet=tuple(name for name in CRITERIA if name != "effects"),
)


@pytest.mark.parametrize(
    ("check", "episode", "word"),
    [
        ("calls", "silent", "black_holed"),
        ("wedged", "slow", "was slow"),
        ("under_alarm", "disk-alarm", "disk_alarm"),
        ("diagnosis", "wrong-name", "wrong_name"),
        ("first_moves", "outage", "no outage"),
    ],
)
def test_what_was_not_played_is_missed(check: str, episode: str, word: str, tmp_path: Path) -> None:
    """A run without one of the episodes does not pass for having none: it says which it lacks."""
    run = deepcopy(written())
    run.journal.lines = [line for line in run.journal.lines if line.get("episode") != episode]

    finding = FAMILY.make(check, loaded(run, tmp_path))

    assert finding.status.name == "UNKNOWN", finding.reason
    assert word in finding.reason


def test_an_alarm_is_no_outage(tmp_path: Path) -> None:
    """A silence calls for no postmortem when an alarm is its reason: that is blocked time."""
    run = deepcopy(written())
    for line in run.journal.of("fault", episode="outage"):
        line["kind"], line["fault_class"] = "disk_alarm", "disk_alarm"

    finding = FAMILY.make("postmortem", loaded(run, tmp_path))

    assert finding.status.name == "UNKNOWN"
    assert "no outage lasted longer" in finding.reason


def test_the_repair_list_holds_each_dropped_event(tmp_path: Path) -> None:
    """By queue, each event that was given up once, with what its log says of it."""
    run = loaded(deepcopy(written()), tmp_path)

    lists = repair_lists(run)

    dropped = [line for line in run.log if line["event"] == "dropped"]
    assert set(lists) == {"jobs", "claims"}
    assert sorted(each["message"] for every in lists.values() for each in every) == sorted(
        str(line["message"]) for line in dropped
    )
    assert {each["level"] for each in lists["claims"]} == {"error"}
    assert not any(each["arrived"] for every in lists.values() for each in every)
