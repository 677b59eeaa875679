"""Damages to how messages are served: in which order, how many at once, how long they wait."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Kind
from tests.fake_broker import MILLISECOND, SECOND, ZERO_NS
from tests.fake_folder import FakeRun
from tests.mutants.rows import queue_name, settle


def serve_first_come(run: FakeRun) -> None:
    """A queue serves whoever came first, at the very times at which it served somebody."""
    sent = {(row.message, row.attempt): row.time_ns for row in run.rows(Kind.INVOKE)}
    rows = [row for row in run.rows(Kind.DELIVERED) if queue_name(run, row) == "builds"
            and not row.flags]  # fmt: skip
    names = sorted((sent[row.message, row.attempt], row.producer, row.sequence, row.attempt,
                    row.priority) for row in rows)  # fmt: skip
    for row, name in zip(rows, names, strict=True):
        _, row.producer, row.sequence, row.attempt, row.priority = name


def let_one_starve(run: FakeRun) -> None:
    """A message of the lowest priority is begun twenty seconds after it came."""
    low = next(row for row in run.rows(Kind.INVOKE) if row.priority == 0
               and ZERO_NS + 8 * SECOND < row.time_ns < ZERO_NS + 10 * SECOND)  # fmt: skip
    _, ack = settle(run, low)
    ack.time_ns += 21 * SECOND
    for row in run.rows(Kind.DELIVERED, Kind.HANDLED):
        if row.message == low.message:
            row.time_ns += 20 * SECOND


def work_one_by_one(run: FakeRun) -> None:
    """Workers that should handle many at once begin each just before it ends."""
    for tape in run.tapes:
        ends = {(row.channel, row.tag): row.time_ns for row in tape.of(Kind.HANDLED)}
        for row in tape.of(Kind.STARTED):
            row.time_ns = ends.get((row.channel, row.tag), row.time_ns) - MILLISECOND
