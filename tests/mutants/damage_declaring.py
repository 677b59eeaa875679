"""Damages to a run whose clients declare what they use, and lose a binding."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Kind
from tests.fake_declaring import KILLED, UNBOUND
from tests.fake_folder import FakeRun
from tests.fake_tape import Row
from tests.fake_telling import ns


def _unbound(run: FakeRun, kind: Kind) -> list[Row]:
    begin, end = ns(UNBOUND.begin_s), ns(UNBOUND.end_s)
    return [row for row in run.tapes[0].of(kind) if begin <= row.time_ns < end]


def refuse_a_declaration(run: FakeRun) -> None:
    """The broker refuses one client's declaration: somebody declared it otherwise before."""
    run.tapes[1].of(Kind.DECLARED)[1].detail = 406


def declare_only_once(run: FakeRun) -> None:
    """A client declares when it starts, and never when it comes back."""
    tape = run.tapes[0]
    tape.rows.remove(tape.of(Kind.DECLARED)[2])


def leave_it_to_the_consumer(run: FakeRun) -> None:
    """No publisher ever gets to declare anything: each time its connection is lost before."""
    for row in run.tapes[0].of(Kind.DECLARED):
        row.detail = 0


def declare_in_quiet_times_only(run: FakeRun) -> None:
    """No node was ever away when somebody declared."""
    late_ns = ns(KILLED.end_s + 12) - ns(0)
    for line in run.journal.lines:
        if line.get("fault") == "killed.1":
            line["time_ns"] -= late_ns


def call_it_sent(run: FakeRun) -> None:
    """What reached no queue was confirmed, and never came back."""
    tape, row = run.tapes[0], _unbound(run, Kind.RETURNED)[5]
    tape.rows.remove(row)


def answer_nothing(run: FakeRun) -> None:
    """What reached no queue was neither confirmed nor returned."""
    tape, row = run.tapes[0], _unbound(run, Kind.RETURNED)[5]
    confirmed = next(each for each in _unbound(run, Kind.CONFIRMED) if each.time_ns > row.time_ns)
    tape.rows.remove(row)
    tape.rows.remove(confirmed)


def publish_nothing_unbound(run: FakeRun) -> None:
    """Nobody published while the binding was gone."""
    tape = run.tapes[0]
    gone = {row.message for row in _unbound(run, Kind.INVOKE)}
    names = {id(row) for row in _unbound(run, Kind.CONFIRMED)}
    tape.rows = [
        row
        for row in tape.rows
        if id(row) not in names
        and not (row.kind in {Kind.INVOKE, Kind.RETURNED} and row.message in gone)
    ]


def remove_nothing(run: FakeRun) -> None:
    """The binding was never seen to be gone."""
    for line in run.journal.of("fault", fault="unbound.1", step="observed"):
        line["step"] = "not_observed"
