"""Every control in one run: each unsafe client loses messages under its fault, and is caught."""

import json

import pytest
from run_stand import Runs, game

from chaos.plan import Entry, Episode, Plan
from gameday.history.harm import TRANSIENT, UNSAFE

__all__ = ["game"]

RUN_WITHIN_S = 420

DEAD = {"exchange": "dlx", "routing_key": "builds.failed"}
FAULTS = (
    Entry(kind="kill_node", target="leader of builds"),
    Entry(kind="poison", target="builds", parameters={"count": 40}),
    Entry(kind="overflow_queue", target="builds", parameters={"max_length": 20}),
    Entry(kind="purge_queue", target="builds"),
    Entry(kind="expire_messages", target="builds", parameters={"ttl_ms": 50}),
    Entry(kind="remove_binding", target="builds.failed", parameters=DEAD),
    Entry(kind="remove_exchange", target="dlx"),
)


def plan_of(*faults: Entry) -> Plan:
    """Return a plan of one short episode for each fault."""
    return Plan(
        seed=1,
        episodes=tuple(
            Episode(id=f"e{number}", name=each.kind, at_s=40 * number, for_s=2, recover_s=2,
                    faults=(each,))
            for number, each in enumerate(faults)
        ),
    )  # fmt: skip


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_every_control_is_caught(game: Runs) -> None:
    """A plan of the kinds that they stand for runs all, and each loses under its fault only."""
    process = game.start(plan_of(*FAULTS))

    assert process.wait(RUN_WITHIN_S) in {0, 1, 3}, game.said()[-3000:]

    verdict = json.loads((game.latest / "verdict.json").read_text())
    found = {each["name"]: each for each in verdict["controls"]}
    assert found.keys() == UNSAFE.keys()
    assert {name: each["reason"] for name, each in found.items() if not each["caught"]} == {}
    assert all(each["baseline"] == 40 and not each["baseline_lost"] for each in found.values())
    faults = [line for line in game.journal() if line["event"] == "fault"]
    mine = {line["episode"] for line in faults if line["fault_class"] == "control"}
    assert mine == UNSAFE.keys()
    healed = {line["episode"] for line in faults if line["step"] == "restored"}
    assert mine <= healed
    assert found[TRANSIENT]["fault_lost"] > 0
    assert game.remains() == []


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "entry",
    [
        *(Entry(kind=kind, target="r1")
          for kind in ("stop_node", "stop_app", "rolling_restart", "restart_in_order",
                       "wipe_node", "forget_node")),
        Entry(kind="kill_follower", target="follower of builds", parameters={"queue": "builds"}),
    ],
    ids=lambda entry: entry.kind,
)  # fmt: skip
def test_a_node_that_goes_takes_transient_messages_along(game: Runs, entry: Entry) -> None:
    """What is not written down is gone when its queue stops in good order, too, or is emptied."""
    # Not with the contract's own design: on 3.10.8 its mirrored queue may never be in step again
    # when a node comes back, and then nothing is judged. The control's queues are its own.
    process = game.start(plan_of(entry), "--alternative", "quorum-builds")

    assert process.wait(RUN_WITHIN_S) in {0, 1, 3}, game.said()[-3000:]

    verdict = json.loads((game.latest / "verdict.json").read_text())
    (found,) = [each for each in verdict["controls"] if each["name"] == TRANSIENT]
    assert found["caught"], found["reason"]
    assert found["fault_lost"] == found["fault"] > 0
