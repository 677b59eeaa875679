"""Damages to a run with event buses, a tick job and idempotent workers."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Kind, pack_attempt
from tests.fake_broker import SECOND
from tests.fake_folder import FakeRun
from tests.fake_outage import DOWN, HUNG, SILENT, SLOW
from tests.fake_tape import Row
from tests.fake_telling import ns


def _lines(run: FakeRun, event: str, producer: str) -> list[int]:
    """Return the places of a producer's lines of one event."""
    return [at for at, line in enumerate(run.log)
            if line["event"] == event and line["producer"] == producer]  # fmt: skip


def _shed(run: FakeRun, *, at_once: bool) -> Row:
    """Return an event that was given up: at once, or after it had waited."""
    return next(row for row in run.rows(Kind.SHED) if (row.detail == 0) == at_once)


def _forget_fault(run: FakeRun, episode: str) -> None:
    mine = run.journal.of("fault", episode=episode)
    run.journal.lines = [line for line in run.journal.lines if line not in mine]


def _worker(run: FakeRun, process: int) -> list[Row]:
    return next(tape for tape in run.tapes if tape.process == process).rows


def _digests(run: FakeRun, kind: Kind) -> list[Row]:
    route = run.tapes[0].name("route", {
        "exchange": "", "routing_key": "digests", "type": "event", "queues": ["digests"],
        "producer": "digest-job",
    })  # fmt: skip
    mine = {row.message for row in run.rows(Kind.INVOKE) if row.queue == route}
    return [row for row in run.rows(kind) if row.message in mine]


def _second_try(run: FakeRun) -> Row:
    """Return the second try of a digest that failed in the outage."""
    return next(row for row in _digests(run, Kind.INVOKE)
                if row.attempt == pack_attempt(1, 1) and row.time_ns > ns(DOWN.end_s))  # fmt: skip


def block_a_caller(run: FakeRun) -> None:
    """A call waits three seconds for a broker that swallows what it is sent."""
    row = next(row for row in run.rows(Kind.CALLED) if row.time_ns > ns(SILENT.begin_s + 1))
    row.detail = 3_000_000
    row.time_ns += 3 * SECOND


def drop_without_a_line(run: FakeRun) -> None:
    """An event is given up, and the log does not say so."""
    del run.log[_lines(run, "dropped", "law-bus")[3]]


def log_a_drop_that_was_none(run: FakeRun) -> None:
    """The log says that an event was dropped, which was confirmed."""
    kept = next(row for row in run.rows(Kind.INVOKE) if row.tag)
    line = run.log[_lines(run, "dropped", "api-bus")[0]]
    run.log.append({**line, "message": f"1:{kept.sequence}"})


def log_a_drop_twice(run: FakeRun) -> None:
    """One dropped event has two lines, so that a count of lines is wrong."""
    run.log.append(dict(run.log[_lines(run, "dropped", "api-bus")[5]]))


def whisper(run: FakeRun) -> None:
    """A drop is logged as a warning where an error was asked for."""
    line = run.log[_lines(run, "dropped", "law-bus")[0]]
    line["level"] = "warn"


def forget_an_event(run: FakeRun) -> None:
    """An event is taken, tried in vain, and then neither confirmed nor given up."""
    gone = _shed(run, at_once=False)
    tape = run.tapes[0]
    tape.rows = [row for row in tape.rows if row is not gone]
    run.log[:] = [line for line in run.log if line.get("message") != f"1:{gone.sequence}"]


def give_up_too_soon(run: FakeRun) -> None:
    """An event is given up after half a second, where it may wait two."""
    _shed(run, at_once=False).detail = 500_000


def give_up_too_late(run: FakeRun) -> None:
    """An event is given up only after nine seconds."""
    _shed(run, at_once=False).detail = 9_000_000


def hammer(run: FakeRun) -> None:
    """An event of the outage is tried again without a pause."""
    tried = [row for row in run.rows(Kind.INVOKE) if row.time_ns > ns(DOWN.begin_s)]
    again = next(row for row in tried if row.attempt == pack_attempt(1, 1))
    first = next(row for row in run.rows(Kind.INVOKE) if row.message == again.message)
    again.time_ns = first.time_ns + 1000


def stay_degraded(run: FakeRun) -> None:
    """After the broker's return a bus goes on to drop what it is called with, for six seconds."""
    for row in run.rows(Kind.CALLED):
        if ns(SILENT.end_s) < row.time_ns < ns(SILENT.end_s + 6):
            row.extra = 1


def drop_while_well(run: FakeRun) -> None:
    """An event is dropped at once while the bus is not degraded."""
    called = next(row for row in run.rows(Kind.CALLED) if row.time_ns > ns(10))
    called.extra = 1
    run.tapes[0].add(Kind.SHED, called.time_ns, sequence=called.sequence, producer=1,
                     queue=called.queue)  # fmt: skip


def tick_twice(run: FakeRun) -> None:
    """A digest takes effect twice."""
    effect = _digests(run, Kind.EFFECT)[2]
    tape = next(tape for tape in run.tapes if any(row is effect for row in tape.rows))
    tape.add(Kind.EFFECT, effect.time_ns + 5, sequence=effect.sequence, producer=1,
             attempt=effect.attempt, detail=tape.name("effect", "another key"))  # fmt: skip


def tick_in_between(run: FakeRun) -> None:
    """A digest that failed is tried again two seconds after a tick."""
    _second_try(run).time_ns += 2 * SECOND


def tick_in_silence(run: FakeRun) -> None:
    """A tick fails, and no line says so."""
    del run.log[_lines(run, "publish_failed", "digest-job")[0]]


def forget_a_tick(run: FakeRun) -> None:
    """A digest is confirmed, and takes no effect."""
    gone = _digests(run, Kind.EFFECT)[4]
    for tape in run.tapes:
        tape.rows = [row for row in tape.rows if row is not gone]


def hang_unnoticed(run: FakeRun) -> None:
    """A worker hangs, and yet its queue seems to move: something was handled meanwhile."""
    late = next(row for row in _worker(run, 2) if row.kind == Kind.HANDLED
                and row.time_ns > ns(HUNG.end_s))  # fmt: skip
    late.time_ns = ns((HUNG.begin_s + HUNG.end_s) / 2)


def stand_still_though_slow(run: FakeRun) -> None:
    """A worker that is only slow lets its queue stand still for so long that it is named."""
    for row in _worker(run, 3):
        if row.kind in {Kind.HANDLED, Kind.ACKED} and ns(SLOW.begin_s) < row.time_ns:
            row.time_ns += 5 * SECOND


def hang_for_no_known_reason(run: FakeRun) -> None:
    """A worker hangs, and nobody did that on purpose."""
    _forget_fault(run, "wedged")


def rest_under_an_alarm(run: FakeRun) -> None:
    """While an alarm blocks the publishers, a worker does nothing either."""
    for row in _worker(run, 2):
        if row.kind in {Kind.HANDLED, Kind.ACKED} and ns(38) <= row.time_ns < ns(39.6):
            row.time_ns += 2 * SECOND


def call_it_down(run: FakeRun) -> None:
    """A broker that one host does not reach is taken for one that is down."""
    run.journal.of("diagnosis", episode="silent", at="during")[0]["verdict"] = "down"


def see_ghosts(run: FakeRun) -> None:
    """After a fault the host still believes in it."""
    run.journal.of("diagnosis", episode="disk-alarm", at="after")[0]["verdict"] = "blocked"


def forget_the_disk(run: FakeRun) -> None:
    """In the outage nobody looks at the disk."""
    del run.journal.of("diagnosis", episode="outage", at="during")[0]["moves"]["disk"]


def take_a_refusal_for_an_answer(run: FakeRun) -> None:
    """The broker that is back answers `AMQP`: it refuses the greeting."""
    line = run.journal.of("diagnosis", episode="outage", at="after")[0]
    line["moves"]["greetings"]["own_version"] = "AMQP"


def let_a_wrong_password_in(run: FakeRun) -> None:
    """A node takes a client with a wrong password."""
    run.journal.of("secured")[1]["doors"]["clients"]["wrong_login"] = "accepted"


def take_the_expired_for_unknown(run: FakeRun) -> None:
    """A certificate that has expired is refused as one of an unknown authority."""
    run.journal.of("secured")[0]["doors"]["clients"]["expired"] = "unknown authority"


def let_a_stranger_join(run: FakeRun) -> None:
    """A node speaks to a peer whose certificate nobody vouches for."""
    run.journal.of("secured")[0]["doors"]["links"]["unknown_authority from r2"] = "accepted"


def answer_without_tls(run: FakeRun) -> None:
    """The management API answers plain HTTP."""
    run.journal.of("secured")[0]["doors"]["management"]["without_tls"] = "accepted"


def come_without_tls(run: FakeRun) -> None:
    """One connection of the load came without TLS."""
    run.journal.of("secured")[1]["connections"]["plain"] = 1


def try_before_only(run: FakeRun) -> None:
    """After the faults nobody tried the doors."""
    run.journal.lines.remove(run.journal.of("secured")[1])


def skip_the_expired(run: FakeRun) -> None:
    """Nobody showed an expired certificate."""
    for line in run.journal.of("secured"):
        del line["doors"]["clients"]["expired"]


def come_beside_the_balancer(run: FakeRun) -> None:
    """One client knows a node's own address."""
    run.journal.of("balanced")[1]["connected"]["r1"] = 7


def carry_nobody(run: FakeRun) -> None:
    """The balancer led no client to the node."""
    run.journal.of("balanced")[0].update(carried={"r1": 0}, connected={"r1": 0})


def count_before_only(run: FakeRun) -> None:
    """After the faults nobody asked the balancer."""
    run.journal.lines.remove(run.journal.of("balanced")[1])


def serve_nobody(run: FakeRun) -> None:
    """For three seconds after the broker's return nothing is confirmed, and it is not healed."""
    begin, end = ns(DOWN.end_s), ns(DOWN.end_s + 3)
    for tape in run.tapes:
        tape.rows[:] = [
            row for row in tape.rows
            if row.kind != Kind.CONFIRMED or not begin <= row.time_ns < end
        ]  # fmt: skip
    [healed] = run.journal.of("fault", episode="outage", step="restored")
    healed["time_ns"] = end


def want_nothing(run: FakeRun) -> None:
    """Under the fault nobody publishes."""
    begin, end = ns(DOWN.begin_s), ns(DOWN.end_s + 1)
    for tape in run.tapes:
        tape.rows[:] = [row for row in tape.rows
                        if row.kind != Kind.INVOKE or not begin <= row.time_ns < end]  # fmt: skip


def suffer_without_a_cause(run: FakeRun) -> None:
    """For seconds nothing is confirmed, and the journal has no fault for it."""
    _forget_fault(run, "outage")


def confirm_through_the_outage(run: FakeRun) -> None:
    """The journal says that all was down, and the ledgers have confirms of that time."""
    tape = run.tapes[0]
    pattern = next(row for row in tape.of(Kind.INVOKE) if row.tag)
    for number in range(7):
        at, tag = ns(DOWN.begin_s + number + 0.5), 60_000 + number
        tape.add(Kind.INVOKE, at, sequence=90_000 + number, producer=1, tag=tag,
                 attempt=pack_attempt(1, 0), channel=pattern.channel, queue=pattern.queue,
                 priority=255, flags=pattern.flags)  # fmt: skip
        tape.add(Kind.CONFIRMED, at + 1000, tag=tag, channel=pattern.channel)


def forget_a_severity(run: FakeRun) -> None:
    """Nobody says how bad it is when one of the queues stands still."""
    del run.manifest["contract"]["labels"]["claims"]


def forget_the_store(run: FakeRun) -> None:
    """A worker has no store of its effects: what is replayed takes effect once more."""
    tape = next(tape for tape in run.tapes if tape.process == 2)
    keys = {row.message: row.detail for row in tape.of(Kind.EFFECT)}
    for row in tape.of(Kind.HANDLED):
        again = row.attempt != pack_attempt(1, 0)
        if again and row.message in keys and ns(48) < row.time_ns:
            tape.add(Kind.EFFECT, row.time_ns + 7, sequence=row.sequence, producer=1,
                     attempt=row.attempt, detail=keys[row.message])  # fmt: skip
