"""What a migration plays and how: plans, schedules, priorities on the wire, and what is refused."""

import dataclasses
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from amqp.exceptions import MessageNacked
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gameday.clusters.redis_record import HARDENED
from gameday.clusters.wait import NotYet
from gameday.errors import UsageError
from gameday.history.migration.manifest import read_manifest
from gameday.history.migration.rules import RULES
from gameday.history.outcomes import ENDINGS
from gameday.history.records import Disposition, Kind
from gameday.traffic.celery.drain import is_of_tasks
from gameday.traffic.celery.job import VARIABLE, Job, Load, job_from_environment
from gameday.traffic.celery.schedule import plan
from gameday.traffic.celery.sending import meaning
from gameday.traffic.celery.wiring import REDIS_STEPS, Wiring, redis_lists
from scenarios.migration.faults import FAULTS
from scenarios.migration.options import Asked, ready
from scenarios.migration.own import own_suite
from scenarios.migration.plans import LEG_FAULTS, STEP_FAULTS, STEPS, SUITES, LegPlan, Suite
from scenarios.migration.rehearsal import HOW, STRIKES
from scenarios.migration.rows import (
    CLASSIC,
    QUORUM,
    REDIS_HARDENED,
    candidate_of,
    left_out,
    rows_for,
)
from scenarios.migration.run import OVERHEAD_S
from scenarios.migration.scene import Quiet
from scenarios.migration.sides import Depth

SMOKE_MOST_S = 600


def suite(name: str, version: str = "3.10.8") -> Suite:
    """Return a suite as it is played on a version."""
    rows = rows_for(version)
    return SUITES[name](rows, candidate_of(rows).id, 1)


def legs(played: Suite) -> list[LegPlan]:
    """Return all legs of a suite."""
    return list(itertools.chain.from_iterable(played.batches))


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("version", ["3.10.8", "4.3.6"])
def test_every_scope_has_a_name_of_its_own(name: str, version: str) -> None:
    """No two legs or steps of a suite write into the same folder of ledgers."""
    played = suite(name, version)
    scopes = Counter([*(leg.id for leg in legs(played)), *(each.scope for each in played.steps)])

    assert [scope for scope, count in scopes.items() if count > 1] == []


@pytest.mark.parametrize("name", SUITES)
def test_every_row_gets_the_same_work(name: str) -> None:
    """The load of one kind is the same on every row: same tasks, priorities, times and workers."""
    of_kind: dict[str, set[tuple[object, ...]]] = {}
    for leg in legs(suite(name)):
        if leg.kind not in {"trap", "sweep"}:
            what = (leg.load.rate_per_s, leg.load.seed, leg.load.spikes, leg.workers, leg.at_s)
            of_kind.setdefault(leg.fault or leg.kind, set()).add(what)

    assert {kind: len(different) for kind, different in of_kind.items()} == dict.fromkeys(
        of_kind, 1
    )


@pytest.mark.parametrize("version", ["3.10.8", "4.3.6"])
def test_smoke_fits_into_ten_minutes(version: str) -> None:
    """What the suite is expected to take, brokers and judging included, is below the promise."""
    assert suite("smoke", version).expected_s + OVERHEAD_S < SMOKE_MOST_S


@pytest.mark.parametrize("name", SUITES)
def test_one_cluster_suffers_one_fault_at_a_time(name: str) -> None:
    """Rows of the same cluster are never struck at the same time: faults would meet."""
    for batch in suite(name, "4.3.6").batches:
        struck = [leg.row for leg in batch if leg.fault and leg.row.startswith("rabbitmq")]
        assert len(struck) <= 1


def test_full_rehearses_all_that_the_rules_ask_for() -> None:
    """Each step is played without a fault and with each of the rules' faults."""
    wanted = {(step, fault) for step in RULES["steps"] for fault in (None, *RULES["step_faults"])}

    assert {(each.step, each.fault) for each in suite("full").steps} == wanted


def test_full_plays_every_fault_on_every_row() -> None:
    """Each fault of a leg is played on each row."""
    rows = rows_for("4.3.6")
    played = {(leg.fault, leg.row) for leg in legs(suite("full", "4.3.6")) if leg.fault}

    assert played == {(fault, row.id) for fault in LEG_FAULTS for row in rows}


def test_every_fault_and_step_can_be_played() -> None:
    """Plans name no fault and no step that nobody has written."""
    assert set(LEG_FAULTS) | set(STEP_FAULTS) == set(FAULTS)
    assert set(STEPS) == set(HOW) == set(STRIKES)
    assert all(set(STRIKES[step]) == set(STEP_FAULTS) for step in STEPS)


def test_a_hundred_are_at_once_where_the_rules_ask_for_it() -> None:
    """Saturation has more places than the rule's hundred, and more work than places."""
    leg = next(each for each in legs(suite("smoke")) if each.kind == "saturation")
    mean_s = sum(leg.load.service_ms) / 2000

    assert leg.workers * leg.concurrency > RULES["at_once"]
    assert leg.load.rate_per_s * mean_s > leg.workers * leg.concurrency


def test_a_fault_meets_enough_tasks_in_flight() -> None:
    """Before a fault strikes, more falls due than the workers can have done by then."""
    for leg in legs(suite("full")):
        if leg.fault is None or leg.fault in {"long_tasks", "silent_workers"}:
            continue
        due = [each for each in plan(leg.load) if each.due_s < leg.at_s]
        done_most = leg.at_s * leg.workers * leg.concurrency / (leg.load.service_ms[0] / 1000)
        recent = [each for each in due if each.due_s > leg.at_s - 0.7]

        assert len(recent) > RULES["in_flight_least"]
        assert len(due) < done_most


def test_workers_that_fall_silent_hold_enough_and_ask_for_more() -> None:
    """More is in progress than the rules ask for, fewer than there are places, and more comes."""
    (leg, *_) = [each for each in legs(suite("full")) if each.fault == "silent_workers"]
    due = [each.due_s for each in plan(leg.load)]
    least_s, most_s = (each / 1000 for each in leg.load.service_ms)
    surely = [each for each in due if leg.at_s - least_s < each < leg.at_s]
    perhaps = max(
        sum(at - most_s < each <= at for each in due) for at in (leg.at_s, leg.load.for_s)
    )

    assert len(surely) > RULES["in_flight_least"]
    assert perhaps < leg.workers * leg.concurrency
    assert [each for each in due if leg.at_s < each < leg.at_s + 1]


LOAD = Load(
    50.0, 20.0, 7, eta_share=0.1, retried=0.1, failing=0.05, timed_out=0.05, revoked=0.1,
    priorities={"0": 1, "10": 3},
)  # fmt: skip


def test_a_schedule_is_the_same_each_time() -> None:
    """One load gives the same tasks, and another seed gives others."""
    first, again = list(plan(LOAD)), list(plan(LOAD))
    other = list(plan(dataclasses.replace(LOAD, seed=8)))

    assert first == again
    assert [each.due_s for each in first] != [each.due_s for each in other]
    assert [each.due_s for each in first] == sorted(each.due_s for each in first)


def test_a_schedule_keeps_its_shares() -> None:
    """Fates and priorities come as often as the load says, within chance."""
    tasks = list(plan(LOAD))
    ends = Counter(each.ends for each in tasks)

    assert len(tasks) > 900
    assert 0.06 < ends["eta"] / len(tasks) < 0.14
    assert 0.02 < ends["failing"] / len(tasks) < 0.08
    assert {each.priority for each in tasks} == {0, 10}
    assert 0.65 < sum(each.priority == 10 for each in tasks) / len(tasks) < 0.85
    rejected = {each.ends for each in tasks if each.expect is Disposition.REJECT}
    assert rejected == {"failing", "revoked"}


def test_priorities_are_turned_round_for_redis() -> None:
    """The most urgent has the least number on Redis, and the greatest on RabbitMQ."""
    redis = Wiring("redis", ("redis://x",))
    rabbitmq = Wiring("rabbitmq", ("amqp://x",))

    assert [redis.number(meant) for meant in (10, 9, 5, 0)] == [0, 0, 4, 9]
    assert [rabbitmq.number(meant) for meant in (10, 9, 5, 0)] == [10, 9, 5, 0]


def test_unmapped_priorities_are_what_redis_wants() -> None:
    """The mistake of the trap: RabbitMQ gets the numbers of Redis, the most urgent the least."""
    trapped = Wiring("rabbitmq", ("amqp://x",), is_mapped=False)

    assert [trapped.number(meant) for meant in (10, 5, 0)] == [0, 4, 9]


def test_redis_keeps_a_list_for_each_step() -> None:
    """Kombu's four lists of one queue, the most urgent first and without a suffix."""
    lists = redis_lists("evaluations")

    assert len(lists) == len(REDIS_STEPS) == 4
    assert lists[0] == "evaluations"
    assert lists[-1].endswith("9")


def test_an_application_of_somebody_else_gets_our_brokers_only() -> None:
    """Whatever a user's settings say, each address is ours, and his other settings stay."""
    own = {"broker_url": "amqp://his.example", "result_backend": "db+x://", "task_acks_late": True}
    wiring = Wiring("rabbitmq", ("amqp://ours",), results="redis://ours", own=own)
    found = wiring.scratch()

    assert found["task_acks_late"] is True
    addresses = ("broker_url", "broker_read_url", "broker_write_url")
    assert {found[name] for name in addresses} == {"amqp://ours"}
    assert found["result_backend"] == "redis://ours"


def test_a_job_comes_whole_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process is told is what was meant."""
    wirings = {"a": Wiring("redis", ("redis://x", "redis://y"), {"k": 1}, {"visibility": 6})}
    job = Job("leg", "run", wirings, load=LOAD, route="split", concurrency=3)
    monkeypatch.setenv(VARIABLE, job.environment()[VARIABLE])

    assert job_from_environment() == job


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MessageNacked("no"), Kind.NACKED),
        (ResponseError("OOM command not allowed"), Kind.FAILED),
        (RedisTimeoutError("late"), Kind.UNKNOWN),
        (RedisConnectionError("gone"), Kind.UNKNOWN),
        (TimeoutError("late"), Kind.UNKNOWN),
        (ConnectionResetError("gone"), Kind.UNKNOWN),
    ],
)
def test_what_a_failed_publish_means(error: Exception, kind: Kind) -> None:
    """A refusal is certain, a nack is a nack, and all else may have arrived."""
    wrapped = OperationalError("kombu's own")
    wrapped.__cause__ = error

    assert meaning(wrapped)[0] is kind
    if kind is Kind.UNKNOWN:
        assert meaning(wrapped)[1] in {each.name for each in ENDINGS}


def test_a_side_is_quiet_when_nothing_changes() -> None:
    """An empty side is done after a moment, one with tasks in hands after its row's time."""
    quiet = Quiet(comes_back_s=9.0)

    assert isinstance(quiet.seen(Depth(0, 3), 0.0), NotYet)
    assert isinstance(quiet.seen(Depth(0, 3), 10.9), NotYet)
    assert quiet.seen(Depth(0, 3), 11.0) == Depth(0, 3)
    assert isinstance(quiet.seen(Depth(0, 0), 12.0), NotYet)
    assert quiet.seen(Depth(0, 0), 12.7) == Depth(0, 0)


def test_a_side_with_waiting_tasks_gets_the_time_to_reconnect() -> None:
    """While tasks are ready, workers may still come back: it is done only much later."""
    quiet = Quiet(comes_back_s=3.0)

    assert isinstance(quiet.seen(Depth(5, 0), 0.0), NotYet)
    assert isinstance(quiet.seen(Depth(5, 0), 29.0), NotYet)
    assert quiet.seen(Depth(5, 0), 30.0) == Depth(5, 0)


def test_rows_by_version() -> None:
    """Quorum queues are a row, and the candidate, only where they keep priorities."""
    assert QUORUM not in rows_for("3.10.8")
    assert candidate_of(rows_for("3.10.8")) is CLASSIC
    assert candidate_of(rows_for("4.3.6")) is QUORUM
    assert left_out("4.3.6") == []
    assert "3.10.8 do not keep priorities" in left_out("3.10.8")[0]["reason"]
    assert QUORUM not in rows_for("4.0.5")


def test_a_row_of_the_manifest_is_read_back() -> None:
    """The judge takes a row as it is written."""
    row = json.loads(json.dumps(REDIS_HARDENED.as_json({})))
    found = read_manifest({"run": "r", "rows": [row]}).rows[0]

    assert (found.id, found.broker, found.setting) == ("redis-hardened", "redis", "hardened")
    assert found.settings["redis.conf"] == list(HARDENED.lines)


def test_queues_of_control_hold_no_tasks() -> None:
    """What Celery makes for its own control is not waited for, and not read out."""
    assert is_of_tasks("celery")
    assert not is_of_tasks("w1@host.celery.pidbox")
    assert not is_of_tasks("celeryev.7f2a")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked("sparki"), "sparki does not move from Celery on Redis"),
        (Asked(nodes=2), "--nodes 2: a cluster here has 1 node or 3"),
        (Asked(tasks=("a",)), "--task is about your own application"),
        (Asked(app="nothing"), "--app nothing: write it as module:name"),
        (Asked(app="no_such_module_here:app"), "cannot be imported"),
        (Asked(app="json:dumps"), "is no Celery application but function"),
        (Asked(broker="9.9"), "broker 9.9: not fetched"),
    ],
)
def test_bad_input_is_one_sentence(asked: Asked, said: str) -> None:
    """What cannot be played is refused before anything is started, and says what to do."""
    with pytest.raises(UsageError, match=said):
        ready(asked)


APP = """
from celery import Celery
app = Celery("shop", broker="amqp://elsewhere.example//")
NOT_PLAIN = {"broker_transport_options": object()}
@app.task
def add(a, b):
    return a + b
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write an application, and go to its folder."""
    (tmp_path / "shop_of_a_test.py").write_text(APP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "shop_of_a_test"


def test_an_own_application_is_played(shop: str) -> None:
    """Its tasks and arguments are what was named, on two rows of its own."""
    found = ready(Asked(app=f"{shop}:app", tasks=(f"{shop}.add=[1, 2]",)))

    assert found.own is not None
    assert found.own.tasks == ({"name": f"{shop}.add", "args": [1, 2]},)
    assert [row.id for row in found.rows] == ["redis-own", "rabbitmq-own"]
    assert found.system == "application"


def test_without_a_list_all_its_tasks_are_sent(shop: str) -> None:
    """Who names no task gets all that the application has, and none of Celery's own."""
    found = ready(Asked(app=f"{shop}:app"))

    assert found.own is not None
    assert found.own.tasks == ({"name": f"{shop}.add", "args": []},)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tasks": ("no.such",)}, "has no such task; it has .*add"),
        ({"tasks": ("{shop}.add=[1",)}, "its arguments are no JSON"),
        ({"tasks": ("{shop}.add=7",)}, "must be a list"),
        ({"redis_settings": "{shop}:app"}, "is no dict of Celery's settings"),
        ({"rabbitmq_settings": "{shop}:NOT_PLAIN"}, "only plain values can be handed on"),
    ],
)
def test_what_is_wrong_with_an_own_application_is_said(
    shop: str, changes: dict[str, object], said: str
) -> None:
    """Wrong tasks and wrong settings are refused by name."""
    text = json.dumps(changes).replace("{shop}", shop)
    given = {name: tuple(value) if isinstance(value, list) else value
             for name, value in json.loads(text).items()}  # fmt: skip

    with pytest.raises(UsageError, match=said):
        ready(Asked(app=f"{shop}:app", **given))


@pytest.mark.parametrize("name", SUITES)
def test_an_own_suite_has_what_is_always_claimed(name: str) -> None:
    """Both rows get saturation, bursts and faults, and every step is rehearsed."""
    played = own_suite(name, 1, 10.0)
    kinds = Counter((leg.kind, leg.row) for leg in legs(played))

    for row in ("redis-own", "rabbitmq-own"):
        assert {kind for kind, of in kinds if of == row} == {
            "light", "saturation", "burst", "fault"
        }  # fmt: skip
    assert {each.step for each in played.steps} == set(STEPS)
