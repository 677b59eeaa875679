"""Finding and removing rows of a fake run, for the damages."""

from collections.abc import Callable

from gameday.history.records import Disposition, Kind
from tests.fake_folder import FakeRun
from tests.fake_tape import Row, Tape


def tape_of(run: FakeRun, row: Row) -> Tape:
    """Return the tape that a row is on."""
    return next(tape for tape in run.tapes if any(each is row for each in tape.rows))


def drop(run: FakeRun, gone: Callable[[Row], bool], scope: str = "work") -> int:
    """Remove rows of one scope, and return how many."""
    before = sum(len(tape.rows) for tape in run.tapes)
    for tape in run.tapes:
        if tape.scope == scope:
            tape.rows = [row for row in tape.rows if not gone(row)]
    return before - sum(len(tape.rows) for tape in run.tapes)


def plain(run: FakeRun, number: int = 40) -> Row:
    """Return the publish of a message that was delivered once, handled, acked and never retried."""
    publishes = {row.message: row for row in run.rows(Kind.INVOKE) if row.extra == Disposition.ACK}
    sights: dict[tuple[int, int], int] = {}
    for row in run.rows(Kind.DELIVERED, Kind.DRAINED):
        sights[row.message] = sights.get(row.message, 0) + 1
    for row in run.rows(Kind.SUPERSEDED, Kind.UNKNOWN):
        sights[row.message] = 9
    once = [row for name, row in publishes.items() if sights.get(name) == 1]
    return sorted(once, key=lambda row: row.time_ns)[number]


def sight(run: FakeRun, publish: Row) -> tuple[Tape, Row]:
    """Return the delivery of a message, and the tape that it is on."""
    row = next(each for each in run.rows(Kind.DELIVERED) if each.message == publish.message)
    return tape_of(run, row), row


def settle(run: FakeRun, publish: Row) -> tuple[Tape, Row]:
    """Return the settlement of a message's delivery, and the tape that it is on."""
    tape, row = sight(run, publish)
    kinds = (Kind.ACKED, Kind.REJECTED)
    later = (
        each for each in tape.of(*kinds)
        if (each.channel, each.tag) == (row.channel, row.tag) and each.time_ns >= row.time_ns
    )  # fmt: skip
    return tape, min(later, key=lambda each: each.time_ns)


def without(tape: Tape, *gone: Row) -> None:
    """Remove these very rows from a tape."""
    tape.rows = [row for row in tape.rows if not any(row is each for each in gone)]


def queue_name(run: FakeRun, row: Row) -> str:
    """Return the name of the queue that a sight was in."""
    return str(list(tape_of(run, row).names["queue"].values())[row.queue])
