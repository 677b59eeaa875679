"""Damages to dead letters: swallowed, lost, in the wrong place, for the wrong reason, good ones."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Disposition, Kind, Result
from tests.fake_folder import FakeRun
from tests.mutants.rows import drop, plain, queue_name, settle, sight, tape_of


def swallow_poison(run: FakeRun) -> None:
    """A consumer acks a poison message, which therefore never dies."""
    row = run.rows(Kind.REJECTED)[0]
    delivered = next(each for each in tape_of(run, row).of(Kind.DELIVERED)
                     if (each.channel, each.tag) == (row.channel, row.tag))  # fmt: skip
    row.kind = Kind.ACKED
    drop(run, lambda each: each.kind == Kind.DRAINED and each.message == delivered.message)


def lose_a_dead_letter(run: FakeRun) -> None:
    """A rejected message is in no dead-letter queue."""
    gone = run.rows(Kind.DRAINED)[0].message
    drop(run, lambda row: row.kind == Kind.DRAINED and row.message == gone)


def _relabel(run: FakeRun, **changes: object) -> None:
    drain = next(tape for tape in run.tapes if tape.role == "drain")
    row = drain.of(Kind.DRAINED)[0]
    deaths = list(drain.names["deaths"].values())[row.detail - 1]
    row.detail = drain.name("deaths", [{**deaths[0], **changes}, *deaths[1:]]) + 1


def die_for_another_reason(run: FakeRun) -> None:
    """A dead letter's newest death has another reason than it should."""
    _relabel(run, reason="maxlen")


def die_in_another_queue(run: FakeRun) -> None:
    """A dead letter's newest death was in another queue than it should; it died twice."""
    drain = next(tape for tape in run.tapes if tape.role == "drain")
    row = drain.of(Kind.DRAINED)[0]
    deaths = list(drain.names["deaths"].values())[row.detail - 1]
    newest = {"queue": "notifications", "reason": "rejected", "count": 1}
    row.detail = drain.name("deaths", [newest, *deaths]) + 1


def land_in_another_queue(run: FakeRun) -> None:
    """A dead letter lies in the other dead-letter queue."""
    drain = next(tape for tape in run.tapes if tape.role == "drain")
    row = drain.of(Kind.DRAINED)[0]
    other = next(name for name in ("builds.failed", "deployments.failed")
                 if drain.name("queue", name) != row.queue)  # fmt: skip
    row.queue = drain.name("queue", other)


def kill_a_good_one(run: FakeRun) -> None:
    """A good message is rejected by its consumer, and dies."""
    publish = plain(run)
    _, row = settle(run, publish)
    _, delivered = sight(run, publish)
    row.kind = Kind.REJECTED
    drop(run, lambda each: each.message == publish.message and each.kind == Kind.HANDLED)
    drain = next(each for each in run.tapes if each.role == "drain")
    queue = queue_name(run, delivered)
    queue = queue if queue != "notifications" else "deployments"
    death = [{"queue": queue, "reason": "rejected", "count": 1}]
    last = max(each.time_ns for each in drain.rows)
    drain.add(Kind.DRAINED, last, sequence=publish.sequence, tag=50_001, extra=1,
              producer=publish.producer, attempt=publish.attempt, priority=publish.priority,
              queue=drain.name("queue", f"{queue}.failed"),
              detail=drain.name("deaths", death) + 1)  # fmt: skip


def accept_poison(run: FakeRun) -> None:
    """A worker finishes a message that it must refuse."""
    dead = {row.message for row in run.rows(Kind.INVOKE) if row.extra == Disposition.REJECT}
    row = next(each for each in run.rows(Kind.HANDLED) if each.message in dead
               and each.extra == Result.PERMANENT)  # fmt: skip
    row.extra = Result.DONE
