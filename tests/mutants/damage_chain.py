"""Damages to a run whose consumers emit, climb a ladder, and are taken to task."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Kind
from tests.fake_broker import SECOND
from tests.fake_chain import STEPS, TOLD_S, WEDGED
from tests.fake_folder import FakeRun
from tests.fake_tape import Row, Tape
from tests.fake_telling import ns


def _route(tape: Tape, row: Row) -> dict[str, object]:
    """Return what a publish's route is."""
    value: dict[str, object] = list(tape.names["route"].values())[row.queue]
    return value


def _climbs(run: FakeRun, queue: str) -> list[tuple[Row, Row]]:
    """Return the retries in a wait queue: each publish, and its delivery when it came back."""
    back = {(row.message, row.attempt): row for row in run.rows(Kind.DELIVERED)}
    return [(row, back[row.message, row.attempt])
            for tape in run.tapes for row in tape.of(Kind.INVOKE)
            if _route(tape, row)["queues"] == [queue]]  # fmt: skip


def go_astray(run: FakeRun) -> None:
    """An answer is seen in the queue of requests."""
    teller, worker = run.tapes[3], run.tapes[2]
    row = teller.of(Kind.DELIVERED)[40]
    worker.add(Kind.DELIVERED, row.time_ns + 1, sequence=row.sequence, producer=row.producer,
               attempt=row.attempt, tag=60_000, channel=0, priority=255,
               queue=worker.name("queue", "work"))  # fmt: skip


def send_no_answers(run: FakeRun) -> None:
    """No worker ever sends an answer, so that one of the types never flows."""
    gone = {id(row) for tape in run.tapes for row in tape.of(Kind.INVOKE)
            if _route(tape, row)["type"] == "Done"}  # fmt: skip
    for tape in run.tapes[:3]:
        tape.rows = [row for row in tape.rows if id(row) not in gone]
    run.tapes[3].rows = []


def change_a_correlation_on_the_way(run: FakeRun) -> None:
    """A message arrives with another correlation id than it was sent with."""
    run.tapes[3].of(Kind.CORRELATED)[20].detail ^= 1


def begin_a_chain_anew(run: FakeRun) -> None:
    """A worker answers under a correlation id of its own."""
    caused = run.tapes[1].of(Kind.CAUSED)[20]
    caused.detail ^= 1
    for row in run.rows(Kind.CORRELATED):
        if row.message == caused.message:
            row.detail ^= 1


def share_one_correlation(run: FakeRun) -> None:
    """Every chain has the same correlation id, so that none can be told from another."""
    for row in run.rows(Kind.CAUSED, Kind.CORRELATED):
        row.detail = 7


def come_back_too_soon(run: FakeRun) -> None:
    """A retry comes back after half of its step's time."""
    _, back = _climbs(run, "work.retry.2")[0]
    back.time_ns -= SECOND


def come_back_too_late(run: FakeRun) -> None:
    """A retry waits a second longer than its step, while nothing is broken."""
    _, back = _climbs(run, "work.retry.1")[0]
    for tape in run.tapes:
        for row in tape.rows:
            if (row.channel, row.tag) == (back.channel, back.tag) and back in tape.rows and (
                row.kind in {Kind.DELIVERED, Kind.HANDLED, Kind.ACKED, Kind.SUPERSEDED}
            ):  # fmt: skip
                row.time_ns += SECOND


def skip_a_step(run: FakeRun) -> None:
    """A first failure goes straight to the last step."""
    tape = run.tapes[1]
    publish, back = _climbs(run, "work.retry.1")[0]
    route = {**_route(tape, publish), "routing_key": "work.retry.2", "queues": ["work.retry.2"]}
    publish.queue = tape.name("route", route)
    publish.time_ns -= SECOND
    back.detail = (tape.name("queue", "work.retry.2") + 1) << 16 | 1


def give_up_before_the_last_step(run: FakeRun) -> None:
    """A failure is rejected after its first step."""
    tape = run.tapes[1]
    second = next(row for row in tape.of(Kind.SUPERSEDED)
                  if row.attempt & 63 == len(STEPS) - 1)  # fmt: skip
    tape.rows = [row for row in tape.rows if row is not second]
    for row in tape.of(Kind.ACKED):
        if (row.channel, row.tag) == (second.channel, second.tag):
            row.kind = Kind.REJECTED


def lose_an_exhausted_one(run: FakeRun) -> None:
    """What failed after the last step is in no dead-letter queue."""
    drain = run.tapes[4]
    drain.rows.remove(drain.of(Kind.DRAINED)[0])


def give_up_a_publish_too_soon(run: FakeRun) -> None:
    """A publish is reported as unanswered after one second."""
    run.rows(Kind.UNKNOWN)[3].time_ns -= 4 * SECOND


def give_up_a_publish_too_late(run: FakeRun) -> None:
    """A publish is reported as unanswered two seconds late."""
    run.rows(Kind.UNKNOWN)[3].time_ns += 2 * SECOND


def tell_nobody(run: FakeRun) -> None:
    """A publish is confirmed after eight seconds, and nobody was told that it was late."""
    tape = run.tapes[0]
    late = tape.of(Kind.UNKNOWN)[3]
    publish = next(row for row in tape.of(Kind.INVOKE)
                   if (row.message, row.attempt) == (late.message, late.attempt))  # fmt: skip
    tape.rows.remove(late)
    tape.add(Kind.CONFIRMED, publish.time_ns + 8 * SECOND, channel=publish.channel,
             tag=publish.tag)  # fmt: skip


def hurry_to_reconnect(run: FakeRun) -> None:
    """A try to connect comes one second after the one before."""
    run.tapes[0].of(Kind.CONNECT_FAILED)[1].time_ns -= 3 * SECOND


def try_once_more(run: FakeRun) -> None:
    """A pool makes a fourth try where three are promised."""
    last = run.tapes[0].of(Kind.CONNECT_FAILED)[2]
    run.tapes[0].add(Kind.CONNECT_FAILED, last.time_ns + 5 * SECOND, tag=4, detail=last.detail)


def tell_before_the_last_try(run: FakeRun) -> None:
    """A caller is told that the pool gave up while it still tries."""
    told = next(row for row in run.tapes[0].of(Kind.FAILED))
    for row in run.rows(Kind.INVOKE, Kind.FAILED):
        if row.message == told.message:
            row.time_ns = ns(TOLD_S - 3)


def refuse_at_once(run: FakeRun) -> None:
    """A caller is refused without waiting for the pool's tries."""
    tape = run.tapes[0]
    tape.of(Kind.FAILED)[0].detail = tape.name("reason", "no connection of the pool is open")


def take_it_too_soon(run: FakeRun) -> None:
    """The broker closes a consumer's channel after half of its time."""
    run.tapes[1].of(Kind.CHANNEL_CLOSED)[0].time_ns = ns(WEDGED.begin_s + 4)


def leave_it_with_the_hung(run: FakeRun) -> None:
    """The broker leaves a message with a consumer that holds it to the end."""
    tape = run.tapes[1]
    tape.rows.remove(tape.of(Kind.CHANNEL_CLOSED)[0])


def give_it_to_nobody(run: FakeRun) -> None:
    """What was taken from a consumer is never delivered again."""
    tape = run.tapes[2]
    again = next(row for row in tape.of(Kind.DELIVERED) if row.flags)
    tape.rows = [row for row in tape.rows if row.message != again.message
                 and (row.kind != Kind.ACKED or row.tag != again.tag)]  # fmt: skip


def handle_slowly(run: FakeRun) -> None:
    """One answer in ten is handled two seconds after its publish."""
    teller = run.tapes[3]
    for kind in (Kind.DELIVERED, Kind.HANDLED, Kind.ACKED):
        for row in teller.of(kind)[::10]:
            row.time_ns += 2 * SECOND


def handle_few(run: FakeRun) -> None:
    """The clients send, and hardly anything is handled while nothing is broken."""
    for tape in run.tapes[1:4]:
        tape.rows = [row for row in tape.rows
                     if row.kind not in {Kind.DELIVERED, Kind.HANDLED, Kind.ACKED}
                     or row.time_ns < ns(2) or row.time_ns > ns(20)]  # fmt: skip


def eat_memory(run: FakeRun) -> None:
    """A broker uses nearly all of its memory limit."""
    run.samples[3]["memory"]["r1"] = [390, 400]


def never_weigh_memory(run: FakeRun) -> None:
    """Nobody asks a broker how much memory it uses."""
    for sample in run.samples:
        del sample["memory"]
