"""The checks of health endpoints and scaling: each damage is seen by the one it is for."""

from copy import deepcopy
from pathlib import Path

from gameday.history.records import Kind
from tests.fake_telling import ns
from tests.fake_workers import CRITERIA, written
from tests.mutants import damage_workers
from tests.mutants.family import Claim, Family, loaded

WORKERS = {
    "say_all_is_well": Claim("health_endpoint", "fail", "cut off as it was"),
    "trust_a_silent_connection": Claim("health_endpoint", "fail", "cut off as it was"),
    "cry_wolf": Claim("health_endpoint", "fail", "and could work"),
    "cry_silence": Claim("health_endpoint", "fail", "and could work"),
    "forget_its_registration": Claim("health_endpoint", "fail", "and could work"),
    "answer_nobody": Claim("health_endpoint", "fail", "times in a row"),
    "ask_in_quiet_times_only": Claim("health_endpoint", "unknown", "while its worker was cut off"),
    "add_nobody": Claim("scaling", "fail", "nobody was added"),
    "add_without_need": Claim("scaling", "fail", "at a depth of 5"),
    "add_too_many": Claim("scaling", "fail", "3 workers"),
    "add_an_idler": Claim("scaling", "fail", "0 of them took a message"),
    "keep_the_backlog": Claim("scaling", "fail", "was not gone"),
    "stop_looking": Claim("scaling", "unknown", "long enough to see"),
    "stay_shallow": Claim("scaling", "unknown", "never held 40"),
}
SEEN = {Kind.DELIVERED, Kind.HANDLED, Kind.ACKED}
FAMILY = Family(
    damage_workers,
    WORKERS,
    written,
    CRITERIA,
    beside=("loss",),
    quiet=tuple(CRITERIA),
)


def test_a_slow_broker_is_no_lie(tmp_path: Path) -> None:
    """An endpoint that blames the broker is not called a liar while nothing shows otherwise."""
    run = deepcopy(written())
    deaf = [row for tape in run.tapes[1:3] for row in tape.rows if row.kind in SEEN
            and ns(5) <= row.time_ns <= ns(8)]  # fmt: skip
    for tape in run.tapes[1:3]:
        tape.rows = [row for row in tape.rows if row not in deaf]
    for probe in run.probes:
        if ns(6) < probe["time_ns"] <= ns(8):
            probe.update(status=503, reason="not on the broker's books as a consumer")

    assert FAMILY.make("health_endpoint", loaded(run, tmp_path)).status.name == "PASS"
