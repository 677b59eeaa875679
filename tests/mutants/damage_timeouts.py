"""Damages to how timeouts are told apart: by channel, by effect, by status, by what is left."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Kind
from tests.fake_timeouts import CHANNELS, TimeoutRun, name_of_chain

STORAGE = {"task:done": 3, "task:failed": 4, "task:timeout": 5}
TIMED, DONE = 40, 41
"""A task that timed out, and one that was done."""


def _tell_on(run: TimeoutRun, task: int, queue: str) -> None:
    """Let the event of a task be seen on another channel too."""
    tape = next(each for each in run.tapes if each.process == STORAGE[queue])
    row = next(row for each in run.tapes for row in each.of(Kind.DELIVERED)
               if row.producer == 2 and row.sequence == task)  # fmt: skip
    tape.add(Kind.DELIVERED, row.time_ns + 100, sequence=task, producer=2, attempt=row.attempt,
             channel=0, tag=9_000, queue=tape.name("queue", queue), priority=255)  # fmt: skip


def tell_a_timeout_as_a_failure(run: TimeoutRun) -> None:
    """A timed-out task is told on the channel of failures as well."""
    _tell_on(run, TIMED, "task:failed")


def tell_a_timeout_as_done(run: TimeoutRun) -> None:
    """A timed-out task is told on the channel of what is done as well."""
    _tell_on(run, TIMED, "task:done")


def tell_a_good_one_as_a_timeout(run: TimeoutRun) -> None:
    """A task that was done is told as timed out."""
    _tell_on(run, DONE, "task:timeout")


def keep_a_timeout_to_oneself(run: TimeoutRun) -> None:
    """A timed-out task is told to nobody."""
    for tape in run.tapes:
        tape.rows = [
            row
            for row in tape.rows
            if row.kind != Kind.CAUSED or row.producer != 2 or row.sequence != TIMED
        ]


def store_a_timeout_twice(run: TimeoutRun) -> None:
    """The ending of a timed-out task takes effect twice."""
    tape = next(each for each in run.tapes if each.process == STORAGE[CHANNELS["timed_out"]])
    row = next(row for row in tape.of(Kind.EFFECT) if row.sequence == TIMED)
    tape.add(Kind.EFFECT, row.time_ns + 1000, sequence=row.sequence, producer=row.producer,
             attempt=row.attempt, detail=row.detail)  # fmt: skip


def store_a_timeout_as_a_failure(run: TimeoutRun) -> None:
    """A timed-out task has the status of a failed one."""
    run.stored[name_of_chain(TIMED)] = "failed"


def store_a_good_one_as_a_timeout(run: TimeoutRun) -> None:
    """A task that was done has the status of a timed-out one."""
    run.stored[name_of_chain(DONE)] = "timed_out"


def store_no_status(run: TimeoutRun) -> None:
    """A timed-out task has no status."""
    del run.stored[name_of_chain(TIMED)]


def leave_a_state_behind(run: TimeoutRun) -> None:
    """The working state of a task that has ended is still there."""
    run.working.add(name_of_chain(TIMED))


def let_nothing_time_out(run: TimeoutRun) -> None:
    """No task times out, so that nothing is shown."""
    for tape in run.tapes:
        tape.rows = [row for row in tape.rows if row.sequence % 4]
