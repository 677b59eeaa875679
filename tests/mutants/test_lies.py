"""Histories that once made a check lie: wrong ones that passed, right ones that failed."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameday.history.checks import CHECKS, look
from gameday.history.criteria import Judging
from gameday.history.decision import INCONCLUSIVE
from gameday.history.finding import Finding, Status
from gameday.history.records import Kind, Result
from gameday.history.run import load_run
from gameday.history.verdict import judge
from tests import fake_chain, fake_declaring, fake_outage, fake_workers
from tests.fake_broker import SECOND
from tests.fake_contract import CRITERIA
from tests.fake_folder import FakeRun
from tests.fake_telling import ns
from tests.fakes import simulate
from tests.mutants import damage_chain, damage_workers

STEPS = ("intent", "applied", "observed", "reverting", "reverted", "restored")
POOL = CRITERIA["pool"]


def made(run: FakeRun, folder: Path, check: str, **parameters: Any) -> Finding:
    """Make a check on a run that went through files."""
    return look(CHECKS[check], check, load_run(run.write(folder / "run")), parameters)


def place(run: FakeRun, episode: str, begin_s: float, end_s: float) -> None:
    """Let an episode's fault be in force at another time."""
    for line in run.journal.of("fault", episode=episode):
        early = STEPS.index(line["step"]) < 3
        line["time_ns"] = ns(begin_s if early else end_s) + STEPS.index(line["step"])


def kill(run: FakeRun, process: int, at_s: float) -> None:
    """Let a process be killed, as a fault means it to."""
    run.journal.add(ns(at_s), "process", process=process, role="worker", pid=100 + process,
                    state="ended", meant=True, code=-9)  # fmt: skip


def lose_a_connection(run: FakeRun, from_s: float, to_s: float | None) -> None:
    """Take one of a pool's connections away, and bring it back, if ever."""
    tape = run.tapes[0]
    values = list(tape.names["connection"].values())
    tape.add(Kind.CONNECTION_CLOSED, ns(from_s), channel=_standing(run, from_s), detail=320)
    if to_s is not None:
        again = tape.name("connection", {**values[0], "link": "again"})
        tape.add(Kind.CONNECTION_OPENED, ns(to_s), channel=again)


def _standing(run: FakeRun, at_s: float) -> int:
    """Return a connection that stands from some time on, to the end of the publishers."""
    tape = run.tapes[0]
    values = list(tape.names["connection"].values())
    closed = {row.channel for row in tape.of(Kind.CONNECTION_CLOSED) if row.time_ns < ns(76)}
    return next(row.channel for row in tape.of(Kind.CONNECTION_OPENED)
                if row.time_ns < ns(at_s) and row.channel not in closed
                and values[row.channel]["client"] == POOL["producer"])  # fmt: skip


def outage(run: FakeRun, episode: str, *, heals: bool = True) -> None:
    """Make an episode's fault an outage, which heals or does not."""
    for line in run.journal.of("fault", episode=episode):
        line["kind"], line["fault_class"] = "kill_all_nodes", "outage"
    gone = () if heals else ("reverting", "reverted", "restored")
    run.journal.lines = [line for line in run.journal.lines if line["event"] != "fault"
                         or line["episode"] != episode or line["step"] not in gone]  # fmt: skip


def test_one_of_an_episodes_faults_that_never_struck_is_no_exposure(tmp_path: Path) -> None:
    """Of two faults that were planned at once, both must have been injected."""
    run = simulate(2500, 1)
    run.plan["episodes"][1]["faults"].append(
        {"kind": "cut_clients", "target": "r2", "parameters": {}}
    )

    finding = made(run, tmp_path, "exposure")

    assert finding.status is Status.UNKNOWN
    assert "e2 (cut_clients) was planned and never injected" in finding.reason


def test_a_plan_that_was_cut_short_says_why(tmp_path: Path) -> None:
    """Episodes that a standing broker kept from being played are missing, with the reason."""
    run = simulate(300, 1)
    last_ns = run.journal.lines[-1]["time_ns"]
    run.journal.add(last_ns, "cut_short", episode="e4", reason="nothing was confirmed")

    finding = made(run, tmp_path, "exposure")

    assert finding.status is Status.UNKNOWN
    assert "from e4 on nothing was played: nothing was confirmed" in finding.reason


def test_exposure_to_no_class_at_all_is_unknown(tmp_path: Path) -> None:
    """A criterion whose list of classes is empty selects no fault, and proves nothing."""
    assert made(simulate(300, 1), tmp_path, "exposure", fault_classes=[]).status is Status.UNKNOWN


def test_two_alarms_at_once_excuse_an_outage_once(tmp_path: Path) -> None:
    """Of 7 s without a confirm two alarms took the same 1.5 s: more than 5 s are left."""
    run = deepcopy(fake_outage.written())
    for alarm in fake_outage.ALARMS:
        place(run, alarm.name, 18, 19.5)

    finding = made(run, tmp_path, "postmortem", limit_s=5.0)

    assert finding.status is Status.PASS, finding.reason
    assert "kill_all_nodes of all nodes" in finding.details["outages"][0]["causes"]


def test_a_publish_that_nobody_ever_answers_is_late(tmp_path: Path) -> None:
    """A caller that still waits when the publishers stop was never told, which is worst of all."""
    run = deepcopy(fake_chain.written())
    tape = run.tapes[0]
    asked = next(row for row in tape.of(Kind.INVOKE) if row.time_ns > ns(55))
    tape.rows = [row for row in tape.rows if row.kind != Kind.CONFIRMED
                 or (row.channel, row.tag) != (asked.channel, asked.tag)]  # fmt: skip

    finding = made(run, tmp_path, "publish_timeout", **fake_chain.CRITERIA["publish_timeout"])

    assert finding.status is Status.FAIL
    assert "nobody was told" in finding.reason


@pytest.mark.parametrize(("damage", "status"), [
    (damage_chain.give_up_a_publish_too_late, Status.UNKNOWN),
    (damage_chain.give_up_a_publish_too_soon, Status.FAIL),
    (damage_chain.tell_nobody, Status.FAIL),
])  # fmt: skip
def test_a_late_generator_excuses_only_what_came_late(
    tmp_path: Path, damage: Callable[[FakeRun], None], status: Status
) -> None:
    """What a process that is behind gives up late is unknown; too soon, or never, it fails."""
    run = deepcopy(fake_chain.written())
    damage(run)
    next(row for row in run.tapes[0].of(Kind.INVOKE) if row.time_ns > ns(52)).detail = 2_000_000
    judging = Judging(load_run(run.write(tmp_path / "run")))

    finding = judging.timed("publish_timeout", fake_chain.CRITERIA["publish_timeout"])

    assert not judging.on_schedule
    assert finding.status is status, finding.reason


def test_a_killed_consumer_holds_nothing_any_longer(tmp_path: Path) -> None:
    """What a process held when it was killed is no longer its own, though it wrote no closing."""
    run = deepcopy(fake_chain.written())
    tape = run.tapes[2]
    held = next(row for row in tape.of(Kind.DELIVERED) if row.time_ns > ns(59))
    tape.rows = [row for row in tape.rows if (row.channel, row.tag) != (held.channel, held.tag)
                 or row.kind in {Kind.DELIVERED, Kind.INVOKE}]  # fmt: skip
    kill(run, tape.process, 60)

    finding = made(run, tmp_path, "consumer_timeout", **fake_chain.CRITERIA["consumer_timeout"])

    assert finding.status is Status.PASS, finding.reason


def test_children_of_unknown_parents_prove_no_chain(tmp_path: Path) -> None:
    """A caused message whose cause cannot be found was compared with nothing."""
    run = deepcopy(fake_chain.written())
    for row in run.rows(Kind.CAUSED):
        row.tag += 50_000 if row.tag else 0

    finding = made(run, tmp_path, "correlation", **fake_chain.CRITERIA["correlation"])

    assert finding.status is Status.UNKNOWN
    assert "0 caused messages were seen" in finding.reason


def test_a_fault_with_a_name_is_named_beside_one_without(tmp_path: Path) -> None:
    """Wrong credentials are not up, though a node was killed, too, under which the broker is."""
    run = deepcopy(fake_outage.written())
    lines = run.journal.of("fault", episode="credentials")
    for line in lines:
        run.journal.lines.append(
            {**line, "fault": "credentials.2", "kind": "kill_node", "fault_class": "node_kill"}
        )
    for line in run.journal.of("diagnosis", episode="credentials", at="during"):
        line["verdict"] = "up"

    finding = made(run, tmp_path, "diagnosis", verdicts=["up", "down"])

    assert finding.status is Status.FAIL
    assert "concluded up, not credentials" in finding.reason


def test_an_outage_does_not_excuse_what_a_pool_lacked_before_it(tmp_path: Path) -> None:
    """Short from 35 s on, and back right after an outage from 58 s to 62 s, is short for 23 s."""
    run = simulate(300, 1)
    outage(run, "e5")
    lose_a_connection(run, 35, 62.2)

    finding = made(run, tmp_path, "pool", **POOL)

    assert finding.status is Status.FAIL
    assert "was short of connections for 2" in finding.reason


def test_an_outage_that_never_ends_excuses_a_pool_to_the_end(tmp_path: Path) -> None:
    """While no node runs there is nothing to connect to, also when nobody saw the end of it."""
    run = simulate(300, 1)
    outage(run, "e5", heals=False)
    lose_a_connection(run, 59, None)

    finding = made(run, tmp_path, "pool", **POOL)

    assert finding.status is not Status.FAIL, finding.reason


def test_a_client_killed_while_it_declares_is_not_silent(tmp_path: Path) -> None:
    """Killed at once after its channel opened, a client had no time to declare anything."""
    run = deepcopy(fake_declaring.written())
    tape = run.tapes[1]
    who = {**list(tape.names["channel"].values())[-1], "number": 2}
    tape.add(Kind.CHANNEL_OPENED, ns(38), channel=tape.name("channel", who))
    kill(run, tape.process, 38.1)

    finding = made(run, tmp_path, "declarations")

    assert finding.status is Status.PASS, finding.reason


def test_what_a_late_generator_did_not_send_is_not_poor_performance(tmp_path: Path) -> None:
    """Few are handled where few were sent: that is the harness's doing, and no failure."""
    run = deepcopy(fake_chain.written())
    damage_chain.handle_few(run)
    run.tapes[0].of(Kind.INVOKE)[0].detail = 5_000_000
    judging = Judging(load_run(run.write(tmp_path / "run")))
    wanted = fake_chain.CRITERIA["performance"]

    assert judging.make("performance", wanted).status is Status.FAIL
    assert judging.timed("performance", wanted).status is Status.UNKNOWN


def test_what_still_waits_when_the_baseline_ends_was_not_handled_in_time(tmp_path: Path) -> None:
    """A queue that stands still to the end of the baseline has no good latency."""
    run = deepcopy(fake_chain.written())
    begin, end = ns(fake_chain.SILENT.begin_s - 6), ns(fake_chain.SILENT.begin_s)
    for row in run.tapes[3].of(Kind.DELIVERED, Kind.HANDLED, Kind.ACKED):
        row.time_ns += 7 * SECOND if begin <= row.time_ns < end else 0

    finding = made(run, tmp_path, "performance", **fake_chain.CRITERIA["performance"])

    assert finding.status is Status.FAIL
    assert "1 % took over" in finding.reason


def test_a_control_whose_fault_was_never_injected_is_not_caught(tmp_path: Path) -> None:
    """What a control lost without a fault shows nothing of what its fault would have done."""
    run = simulate(300, 1)
    control = run.journal.of("episode", at="begin", control="control-no-confirms")[0]["episode"]
    run.journal.lines = [line for line in run.journal.lines
                         if line["event"] != "fault" or line["episode"] != control]  # fmt: skip

    finding = made(run, tmp_path, "controls")

    assert finding.status is Status.UNKNOWN
    assert "its fault was never injected" in finding.reason


def test_an_endpoint_that_was_never_asked_in_good_times_is_not_truthful(tmp_path: Path) -> None:
    """Who only ever says 503 is right while cut off, and nobody knows what it says otherwise."""
    run = deepcopy(fake_workers.written())
    run.probes = [probe for probe in run.probes if probe["status"] == 503]

    finding = made(run, tmp_path, "health_endpoint", **fake_workers.CRITERIA["health_endpoint"])

    assert finding.status is Status.UNKNOWN
    assert "while its worker could work" in finding.reason


def test_a_backlog_whose_cause_never_ended_is_not_late(tmp_path: Path) -> None:
    """A flood that nobody saw end keeps its queue deep: whether it would go, nobody can say."""
    run = deepcopy(fake_workers.written())
    damage_workers.keep_the_backlog(run)
    run.journal.lines = [line for line in run.journal.lines if line["event"] != "fault"
                         or line["episode"] != "flood" or line["step"] != "restored"]  # fmt: skip

    finding = made(run, tmp_path, "scaling", **fake_workers.CRITERIA["scaling"])

    assert finding.status is Status.UNKNOWN, finding.reason


def test_a_run_whose_contract_cannot_be_read_is_inconclusive(tmp_path: Path) -> None:
    """A field that this version does not know ends in a verdict, not in the exit code of NO-GO."""
    run = deepcopy(fake_chain.written())
    run.manifest["contract"] = {**run.manifest["contract"], "horoscope": "good"}

    verdict = judge(run.write(tmp_path / "run"))

    assert verdict.decision == INCONCLUSIVE
    assert "horoscope" in verdict.reason


def test_a_later_fault_does_not_excuse_a_queue_that_stood_still_before_it(tmp_path: Path) -> None:
    """Hung for 4.5 s when an alarm begins, a worker has been named already."""
    run = deepcopy(fake_outage.written())
    place(run, "memory-alarm", fake_outage.HUNG.end_s - 0.5, fake_outage.HUNG.end_s + 1)

    finding = made(run, tmp_path, "wedged", **fake_outage.CRITERIA["wedged"])

    assert finding.status is Status.PASS, finding.reason


def _tried_twice_at_most(run: FakeRun, folder: Path) -> Finding:
    """Judge tries as if consumers had promised two, where some make three."""
    loaded = load_run(run.write(folder / "run"))
    consumers = tuple(each.model_copy(update={"attempts": 2}) for each in loaded.contract.consumers)
    contract = loaded.contract.model_copy(update={"consumers": consumers})
    names = [each.name for each in consumers]
    return look(CHECKS["attempts"], "attempts", replace(loaded, contract=contract),
                {"consumers": names})  # fmt: skip


def test_a_try_after_the_last_failure_is_one_too_many(tmp_path: Path) -> None:
    """A message that failed as often as promised and is tried again fails the check."""
    finding = _tried_twice_at_most(simulate(), tmp_path)

    assert finding.status is Status.FAIL, finding
    assert "3 times, not 2" in finding.reason


def test_what_comes_again_after_it_was_done_is_no_try_too_many(tmp_path: Path) -> None:
    """A message that is done, and comes again since its ack was lost, was not tried too often."""
    run = simulate()
    for row in run.rows(Kind.HANDLED):
        row.extra = Result.DONE

    finding = _tried_twice_at_most(run, tmp_path)

    assert "times, not 2" not in finding.reason, finding


@pytest.mark.parametrize("kind", ["remove_binding", "kill_node"])
def test_what_an_operator_took_is_not_laid_to_the_queue(kind: str, tmp_path: Path) -> None:
    """A dead letter that had no way to its DLQ names who took it; under a kill, the strategy."""
    run = simulate(2500, 1)
    struck = run.journal.of("fault", episode="e4")
    begun, ended = struck[0]["time_ns"], struck[-1]["time_ns"]
    if kind == "remove_binding":
        for line in struck:
            line |= {"kind": kind, "fault_class": "operator", "target": "dlx"}
    rejected = next(row for row in run.rows(Kind.REJECTED) if begun < row.time_ns < ended)
    tape = next(each for each in run.tapes if rejected in each.rows)
    gone = next(row.message for row in tape.of(Kind.DELIVERED)
                if (row.channel, row.tag) == (rejected.channel, rejected.tag))  # fmt: skip
    drain = next(each for each in run.tapes if each.role == "drain")
    drain.rows = [row for row in drain.rows if row.message != gone]

    reason = made(run, tmp_path, "dead_letters").reason

    named = "while e4.1 (remove_binding of dlx) was in force" in reason
    assert (named, "at-most-once" in reason) == (kind == "remove_binding", kind != "remove_binding")
