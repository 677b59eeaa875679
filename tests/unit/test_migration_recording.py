"""What Celery's signals write down, read back as the judge reads it: each ending of a task."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gameday.errors import HarnessError
from gameday.history.ledger import read_ledger
from gameday.history.migration.effects import failures, store_of
from gameday.history.migration.tasks import Fate, Tasks, build_tasks
from gameday.history.records import Disposition, Kind
from gameday.traffic.celery.drain import UNACKED, redis_queues
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.recording import Effects, Recorder
from gameday.traffic.identity import Identity

SCOPE, RUN, QUEUE = "leg", "run", "evaluations"


class Leg:
    """One publisher, one worker and one drain, in this process, on a ledger each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.publisher = TaskLedger(folder, RUN, SCOPE, "publisher")
        worker = TaskLedger(folder, RUN, SCOPE, "worker", "redis")
        self.drain = TaskLedger(folder, RUN, SCOPE, "drain")
        self.recorder = Recorder(worker, Effects(folder, SCOPE), "redis")
        self.ledgers = (self.publisher, worker, self.drain)
        self.channel = self.publisher.channel("line", "redis")

    def send(self, sequence: int, expect: Disposition = Disposition.ACK) -> Identity:
        """Publish a task, confirmed."""
        who = self.invoke(sequence, expect)
        self.publisher.confirmed(self.channel, sequence)
        return who

    def invoke(self, sequence: int, expect: Disposition = Disposition.ACK) -> Identity:
        """Begin to publish a task."""
        process = self.publisher.process
        who = Identity(process, sequence, self.publisher.attempt(0), 1, 7, int(expect), 0, 0)
        route = self.publisher.route("redis", QUEUE, "evaluate.done")
        self.publisher.invoke(who, self.channel, sequence, route, 0, 1_000)
        return who

    def begin(self, who: Identity) -> None:
        """Let the worker begin a task."""
        self.recorder.begin(task_id(who), SimpleNamespace(request=request(who)))

    def run(self, who: Identity, state: str = "SUCCESS", retval: Any = None) -> None:
        """Let the worker run a task to its end."""
        self.begin(who)
        self.recorder.end(task_id(who), state, retval)

    def find(self, who: Identity, queue: str) -> None:
        """Let the drain find a task."""
        self.drain.drained(who, queue, 0, [], 0)

    def tasks(self) -> Tasks:
        """Close every ledger, and read the leg as the judge does."""
        for each in self.ledgers:
            each.close()
        paths = sorted((self.folder / "history").rglob("*.ledger"))
        return build_tasks(SCOPE, [read_ledger(path) for path in paths], drain_complete=True)


def task_id(who: Identity) -> str:
    """Return the id of a task, the same for each of its tries."""
    return f"task-{who.sequence}"


def request(who: Identity) -> SimpleNamespace:
    """Return a request as Celery hands it to a task."""
    info = {"routing_key": QUEUE, "priority": 2, "redelivered": False}
    return SimpleNamespace(headers=who.headers(), delivery_info=info)


@pytest.fixture
def leg(tmp_path: Path) -> Leg:
    """Begin a leg."""
    return Leg(tmp_path)


def only(tasks: Tasks) -> Fate:
    """Return the fate of the one task."""
    assert len(tasks) == 1
    return Fate(int(tasks.fate[0]))


def test_a_task_that_ends_well_is_done_and_takes_effect(leg: Leg) -> None:
    """Begun, ended, one effect, with the priority that was meant."""
    leg.run(leg.send(1))
    tasks = leg.tasks()

    assert only(tasks) is Fate.DONE
    assert (tasks.applied[0], tasks.ended[0], tasks.priority[0]) == (1, 1, 7)


def test_a_repeated_task_takes_effect_once(leg: Leg) -> None:
    """Run twice, by two deliveries, it is suppressed by its id the second time."""
    who = leg.send(1)
    leg.run(who)
    leg.run(who)
    tasks = leg.tasks()

    assert only(tasks) is Fate.DONE
    assert (tasks.ended[0], tasks.applied[0]) == (2, 1)


def test_a_retried_task_is_one_task(leg: Leg) -> None:
    """A retry is a new attempt of the same message, and only the last try ends it."""
    who = leg.send(1)
    leg.begin(who)
    headers: dict[str, Any] = {"id": task_id(who), "retries": 1, **who.headers()}
    leg.recorder.publish(headers, QUEUE)
    leg.recorder.published(headers)
    leg.recorder.end(task_id(who), "RETRY")
    again = replace(who, attempt=headers["x-gameday-attempt"])
    leg.run(again)
    tasks = leg.tasks()

    assert again.attempt != who.attempt
    assert only(tasks) is Fate.DONE
    assert (tasks.begun[0], tasks.ended[0], tasks.applied[0]) == (2, 1, 1)


def test_a_task_that_timed_out_is_told_apart(leg: Leg) -> None:
    """Its status says so, and it has not failed."""
    leg.run(leg.send(1), "SUCCESS", {"status": "timeout"})
    tasks = leg.tasks()

    assert only(tasks) is Fate.DONE
    assert tasks.timed_out[0]
    assert not tasks.failed[0]


@pytest.mark.parametrize(
    ("queue", "fate"),
    [("evaluations.dead", Fate.DEAD_LETTERED), (None, Fate.DEAD_MISSING)],
    ids=["dead-lettered", "gone"],
)
def test_a_task_that_fails_for_good(leg: Leg, queue: str | None, fate: Fate) -> None:
    """It belongs into a dead-letter queue, and is missed where there is none."""
    who = leg.send(1, Disposition.REJECT)
    leg.run(who, "REJECTED")
    if queue is not None:
        leg.find(who, queue)

    assert only(leg.tasks()) is fate


def test_a_revoked_task_is_neither_done_nor_lost(leg: Leg) -> None:
    """Refused before it began, as its publisher wished."""
    who = leg.send(1, Disposition.REJECT)
    leg.recorder.revoked(request(who))

    assert only(leg.tasks()) is Fate.REVOKED


@pytest.mark.parametrize(
    ("place", "fate"),
    [(UNACKED, Fate.LEFT), (None, Fate.LOST_IN_HAND)],
    ids=["still-unacknowledged", "nowhere"],
)
def test_a_killed_workers_task(leg: Leg, place: str | None, fate: Fate) -> None:
    """Begun and never ended: it waits among the unacknowledged, or it is lost."""
    who = leg.send(1)
    leg.begin(who)
    if place is not None:
        leg.find(who, place)

    assert only(leg.tasks()) is fate


def test_a_task_that_nobody_began_is_lost(leg: Leg) -> None:
    """Confirmed, in no queue, never begun: what a lost pop leaves."""
    leg.send(1)

    assert only(leg.tasks()) is Fate.LOST


@pytest.mark.parametrize(
    ("how", "fate"),
    [("nacked", Fate.DONE), ("unknown", Fate.DONE), ("failed", Fate.PHANTOM)],
)
def test_a_publish_that_was_not_confirmed_and_is_seen(leg: Leg, how: str, fate: Fate) -> None:
    """After a nack, or no answer, a task may be seen; after a refusal it must not be."""
    who = leg.invoke(1)
    if how == "nacked":
        leg.publisher.nacked(leg.channel, 1)
    else:
        kind = Kind.FAILED if how == "failed" else Kind.UNKNOWN
        leg.publisher.gave_up(kind, who, leg.channel, 1, 0, "no confirm in time")
    leg.run(who)
    tasks = leg.tasks()

    assert not tasks.ok[0]
    assert only(tasks) is fate


def test_a_strangers_task_is_not_written_down(leg: Leg) -> None:
    """A task without our headers leaves no record of a delivery."""
    leg.send(1)
    stranger = SimpleNamespace(headers={"x": 1}, delivery_info={})
    leg.recorder.begin("task-9", SimpleNamespace(request=stranger))
    leg.recorder.end("task-9", "SUCCESS", None)
    tasks = leg.tasks()

    assert tasks.foreign == 0
    assert not np.any(tasks.begun)


class Keys:
    """A Redis database of which only the names of the lists matter."""

    def scan_iter(self, _type: str) -> list[bytes]:
        """Return its lists."""
        assert _type == "list"
        return [b"orders", b"orders\x06\x163", b"bills\x06\x169", b"w1@gd.celery.pidbox"]


def test_lists_of_all_steps_are_one_queue() -> None:
    """Kombu's lists of one queue are read as one, and those of control not at all."""
    assert redis_queues(Keys()) == ("bills", "orders")


def _take_all(folder: Path) -> list[str]:
    """Try to let two hundred keys take effect; return those that did here."""
    effects = Effects(folder, SCOPE)
    return [key for key in map(str, range(200)) if effects.take(key)]


def test_many_workers_at_once_let_each_task_take_effect_once(tmp_path: Path) -> None:
    """Eight processes that all want every key are never turned away, and get each key once."""
    with ProcessPoolExecutor(8, mp_context=get_context("fork")) as pool:
        taken = list(pool.map(_take_all, [tmp_path] * 8))

    assert sorted(key for each in taken for key in each) == sorted(map(str, range(200)))


def test_an_effect_that_cannot_be_kept_is_written_down_for_the_judge(tmp_path: Path) -> None:
    """Celery swallows what a signal handler raises: the run folder has the reason."""
    store_of(tmp_path, SCOPE).mkdir(parents=True)  # A folder where the store should be.

    with pytest.raises(HarnessError, match="effects cannot be kept"):
        Effects(tmp_path, SCOPE).take("one")

    (said,) = failures(tmp_path)
    assert said.startswith(f"effects of {SCOPE} could not be kept: unable to open")
