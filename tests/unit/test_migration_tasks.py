"""The fate of a task: held against the plain sentences, one task at a time."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.history.ledger import read_history
from gameday.history.migration.tasks import MEANINGS, Fate, Tasks, build_tasks
from gameday.history.records import Disposition, Kind, Result, pack_attempt
from tests.fake_migration import MILLISECOND, SECOND
from tests.fake_tape import Tape

PUBLISHER, WORKER, DRAIN = 1, 2, 3
BEGUN = 100 * SECOND


class Clients:
    """Tapes of a publisher, a worker and a drain, for a few tasks written by hand."""

    def __init__(self) -> None:
        self.publisher, self.worker, self.drain = (
            Tape(number, role, "leg") for number, role in
            ((PUBLISHER, "publisher"), (WORKER, "worker"), (DRAIN, "drain"))
        )  # fmt: skip

    def publish(
        self, sequence: int, ending: Kind | None = Kind.CONFIRMED, *,
        expect: Disposition = Disposition.ACK, kind: str = "evaluate.done", count: int = 0,
    ) -> None:  # fmt: skip
        """Publish a task, and let the broker answer."""
        tape, at = self.publisher, BEGUN + sequence * SECOND
        route = tape.name("route", {"exchange": "", "routing_key": "evaluations", "type": kind,
                                    "queues": ["evaluations"]})  # fmt: skip
        channel = tape.name("channel", {"number": 1})
        who = {"sequence": sequence, "producer": PUBLISHER,
               "attempt": pack_attempt(PUBLISHER, count)}  # fmt: skip
        tag = sequence * 10 + count + 1
        tape.add(Kind.INVOKE, at, tag=tag, channel=channel, queue=route, priority=9, extra=expect,
                 **who)  # fmt: skip
        if ending is Kind.CONFIRMED:
            tape.add(ending, at + MILLISECOND, tag=tag, channel=channel)
        elif ending is not None:
            reason = tape.name("reason", "no connection of the pool is open")
            tape.add(ending, at + MILLISECOND, tag=tag, channel=channel, detail=reason, **who)

    def begin(self, sequence: int, result: Result | None = Result.DONE, *,
              later_s: float = 1, rejects: bool = False) -> None:  # fmt: skip
        """Let a worker begin a task, and end it with this result."""
        tape, at = self.worker, BEGUN + sequence * SECOND + int(later_s * SECOND)
        channel, tag = tape.name("channel", {"number": 1}), len(tape.rows) + 1
        tape.add(Kind.DELIVERED, at, sequence=sequence, tag=tag, producer=PUBLISHER,
                 channel=channel, queue=tape.name("queue", "evaluations"),
                 attempt=pack_attempt(PUBLISHER, 0))  # fmt: skip
        if result is not None:
            tape.add(Kind.HANDLED, at + SECOND // 10, tag=tag, channel=channel, extra=result)
        if rejects:
            tape.add(Kind.REJECTED, at + SECOND // 10 + 1, tag=tag, channel=channel)

    def find(self, sequence: int, queue: str = "evaluations") -> None:
        """Let the drain find a task in a queue."""
        tape = self.drain
        tape.add(Kind.DRAINED, BEGUN + 900 * SECOND, sequence=sequence, tag=len(tape.rows) + 1,
                 producer=PUBLISHER, channel=tape.name("channel", {"number": 1}),
                 queue=tape.name("queue", queue), attempt=pack_attempt(PUBLISHER, 0))  # fmt: skip

    def follow(self, folder: Path, *, drain_complete: bool = True) -> Tasks:
        """Write the ledgers, and follow the tasks."""
        for tape in (self.publisher, self.worker, self.drain):
            tape.write(folder, "run")
        return build_tasks("leg", read_history(folder), drain_complete=drain_complete)


REJECT = Disposition.REJECT


def written(name: str) -> Clients:
    """Return the clients of one task, whose fate the name tells."""
    clients = Clients()
    ending = {"REFUSED": Kind.FAILED, "PHANTOM": Kind.FAILED, "ABSENT": None}
    fails = name.startswith("DEAD") and name != "DEAD_WRONG"
    clients.publish(
        1, ending.get(name, Kind.CONFIRMED), expect=REJECT if fails else Disposition.ACK
    )
    if fails:
        clients.begin(1, Result.PERMANENT, rejects=True)
    if name in ("DONE", "PHANTOM", "DEAD_WRONG", "LOST_IN_HAND", "REVOKED"):
        gone = name in ("LOST_IN_HAND", "REVOKED")
        clients.begin(1, None if gone else Result.DONE, rejects=name == "REVOKED")
    if name in ("LEFT", "UNKNOWN"):
        clients.find(1)
    if name in ("DEAD_LETTERED", "DEAD_WRONG"):
        clients.find(1, "evaluations.dead")
    return clients


@pytest.mark.parametrize("fate", Fate)
def test_each_fate_has_its_history(fate: Fate, tmp_path: Path) -> None:
    """The shortest history of each fate is told as that fate, and every fate has a meaning."""
    tasks = written(fate.name).follow(tmp_path, drain_complete=fate is not Fate.UNKNOWN)

    assert [Fate(each) for each in tasks.fate.tolist()] == [fate]
    assert MEANINGS[fate]


def test_a_retry_is_one_task(tmp_path: Path) -> None:
    """A task whose worker publishes it again is one task, done once, though begun twice."""
    clients = Clients()
    clients.publish(1)
    clients.begin(1, Result.TRANSIENT)
    clients.publish(1, count=1)
    clients.begin(1, later_s=3)
    tasks = clients.follow(tmp_path)

    assert (len(tasks), tasks.begun.tolist(), tasks.ended.tolist()) == (1, [2], [1])
    assert tasks.fate.tolist() == [Fate.DONE]
    assert tasks.latency_ms.tolist() == [1000]  # The first try ended, too: it was no kill.


def test_a_try_that_was_killed_served_nobody(tmp_path: Path) -> None:
    """Latency counts to the try that ended, not to the one that died with its worker."""
    clients = Clients()
    clients.publish(1)
    clients.begin(1, None)
    clients.begin(1, later_s=4)
    tasks = clients.follow(tmp_path)

    assert tasks.latency_ms.tolist() == [4000]
    assert int(tasks.begun_ns[0]) == BEGUN + 2 * SECOND


@pytest.mark.parametrize("kind", ["evaluate.eta", "evaluate.revoked"])
def test_who_waits_on_purpose_has_no_latency(kind: str, tmp_path: Path) -> None:
    """A task with an ETA, or one that its publisher revokes, is judged by its fate alone."""
    clients = Clients()
    clients.publish(1, kind=kind)
    clients.publish(2)
    clients.begin(2)
    tasks = clients.follow(tmp_path)

    assert tasks.judged.tolist() == [False, True]
    assert tasks.fate.tolist() == [Fate.LOST, Fate.DONE]


def test_an_event_in_its_channels_queue_is_told(tmp_path: Path) -> None:
    """What the drain finds on a channel of events is an ending told, not a task left behind."""
    clients = Clients()
    clients.publish(1)
    clients.begin(1, Result.TIMED_OUT)
    clients.find(1, "evaluation:timeout")
    tasks = clients.follow(tmp_path)

    assert tasks.fate.tolist() == [Fate.DONE]
    assert tasks.timed_out.tolist() == [True]
    assert tasks.told["evaluation:timeout"].tolist() == [1]


def test_both_brokers_hold_one_task(tmp_path: Path) -> None:
    """A task that was sent to both brokers is one; run twice, it is repeated, and not lost."""
    clients = Clients()
    clients.publish(1)
    clients.publish(1, count=1)
    clients.begin(1)
    clients.begin(1, later_s=2)
    tasks = clients.follow(tmp_path)

    assert (len(tasks), tasks.ended.tolist()) == (1, [2])
    assert tasks.fate.tolist() == [Fate.DONE]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "killed", "done"]), st.booleans()),
                min_size=1, max_size=8), st.booleans())  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_no_confirmed_task_goes_uncounted(
    tmp_path_factory: pytest.TempPathFactory, tries: list[tuple[bool, str, bool]], complete: bool
) -> None:
    """Every confirmed task is done, left, lost or unknown; with an open drain none is lost."""
    clients = Clients()
    for sequence, (confirmed, worked, found) in enumerate(tries, start=1):
        clients.publish(sequence, Kind.CONFIRMED if confirmed else None)
        if worked:
            clients.begin(sequence, Result.DONE if worked == "done" else None)
        if found:
            clients.find(sequence)
    tasks = clients.follow(tmp_path_factory.mktemp("run"), drain_complete=complete)
    expected = [_plainly(*each, complete=complete) for each in tries]

    assert [Fate(each) for each in tasks.fate.tolist()] == expected
    assert np.array_equal(tasks.gone, [each in (Fate.LOST, Fate.LOST_IN_HAND, Fate.LEFT)
                                       for each in expected])  # fmt: skip


def _plainly(confirmed: bool, worked: str, found: bool, *, complete: bool) -> Fate:
    if worked == "done":
        return Fate.DONE
    if not confirmed:
        return Fate.ABSENT
    if not complete:
        return Fate.UNKNOWN
    if found:
        return Fate.LEFT
    return Fate.LOST_IN_HAND if worked else Fate.LOST
