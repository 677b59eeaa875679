"""Damages to what clients promise: time, order, tries, properties, prefetch, the schedule."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Flag, Kind, pack_attempt
from tests.fake_broker import MILLISECOND, SECOND, ZERO_NS
from tests.fake_folder import FakeRun
from tests.fake_tape import Row  # noqa: TC001  # Nobody imports this in a hurry.
from tests.mutants.rows import plain, queue_name, settle, sight, tape_of


def deliver_late(run: FakeRun) -> None:
    """An urgent message is delivered six seconds late, in the baseline."""
    urgent = next(row for row in run.rows(Kind.INVOKE) if row.priority in {8, 9, 10}
                  and ZERO_NS + 8 * SECOND < row.time_ns < ZERO_NS + 10 * SECOND)  # fmt: skip
    _, ack = settle(run, urgent)
    ack.time_ns += 7 * SECOND
    for row in run.rows(Kind.DELIVERED, Kind.HANDLED):
        if row.message == urgent.message:
            row.time_ns += 6 * SECOND


def count_from_sent(run: FakeRun) -> None:
    """A stalled publisher sends late: from sent it looks quick, from due it does not."""
    urgent = next(row for row in run.rows(Kind.INVOKE) if row.priority in {8, 9, 10}
                  and ZERO_NS + 18 * SECOND < row.time_ns < ZERO_NS + 20 * SECOND)  # fmt: skip
    urgent.detail = 6_000_000


def lag(run: FakeRun) -> None:
    """The generator lags two seconds and calls it blocked, which no ledger bears out."""
    publish = plain(run)
    publish.detail = 2_000_000
    publish.flags |= Flag.PUBLISH_HELD_BLOCKED


def drop_a_due_message(run: FakeRun) -> None:
    """A message falls due and is never sent: users that stop when the broker stalls."""
    run.tapes[0].add(Kind.DROPPED, ZERO_NS + 30 * SECOND, sequence=999_999, producer=1)


def be_foreign(run: FakeRun) -> None:
    """A message of somebody else's is delivered: a reused queue."""
    tape, row = sight(run, plain(run))
    tape.add(Kind.DELIVERED, row.time_ns + 10, sequence=77, tag=60_001, producer=888,
             attempt=pack_attempt(888, 0), channel=row.channel, queue=row.queue,
             flags=int(Flag.SEEN_FOREIGN))  # fmt: skip


def hold_too_many(run: FakeRun) -> None:
    """A consumer never settles, and still gets more than its prefetch."""
    tape = next(each for each in run.tapes if each.role == "worker")
    tape.rows = [row for row in tape.rows if row.kind != Kind.ACKED or row.tag > 15]


def swap_two(run: FakeRun) -> None:
    """Two messages of one publishing channel change places."""
    by_lane: dict[tuple[int, int, int, int], Row] = {}
    channel = {(row.message, row.attempt): row.channel for row in run.rows(Kind.INVOKE)}
    counts = {row.message for row in run.rows(Kind.INVOKE) if row.attempt != pack_attempt(1, 0)}
    for row in run.rows(Kind.DELIVERED):
        if row.flags or row.message in counts or queue_name(run, row) != "notifications":
            continue
        lane = (channel[row.message, row.attempt], id(tape_of(run, row)), row.channel, row.queue)
        if lane in by_lane:
            other = by_lane[lane]
            row.sequence, other.sequence = other.sequence, row.sequence
            return
        by_lane[lane] = row
    raise AssertionError("no lane has two messages")


def come_again_unflagged(run: FakeRun) -> None:
    """A message comes twice, and neither time flagged."""
    tape, row = sight(run, plain(run))
    tape.add(Kind.DELIVERED, row.time_ns + 2 * MILLISECOND, sequence=row.sequence, tag=60_002,
             producer=row.producer, attempt=row.attempt, channel=row.channel, queue=row.queue,
             priority=row.priority)  # fmt: skip


def forget_persistence(run: FakeRun) -> None:
    """A publish is not persistent."""
    plain(run).flags &= ~int(Flag.PUBLISH_PERSISTENT)


def forget_mandatory(run: FakeRun) -> None:
    """A publish is not mandatory, so that what is unroutable is confirmed and gone."""
    plain(run).flags &= ~int(Flag.PUBLISH_MANDATORY)


def try_too_often(run: FakeRun) -> None:
    """A producer tries a message a fourth time."""
    publish = plain(run)
    tape = tape_of(run, publish)
    tape.add(Kind.INVOKE, publish.time_ns + SECOND, sequence=publish.sequence, tag=60_003,
             producer=1, attempt=pack_attempt(1, 3), channel=publish.channel,
             queue=publish.queue, priority=publish.priority, flags=publish.flags)  # fmt: skip


def give_up_early(run: FakeRun) -> None:
    """A consumer rejects a message at its first transient failure."""
    done = run.rows(Kind.SUPERSEDED)[0]
    tape = tape_of(run, done)
    tape.rows = [row for row in tape.rows if row is not done]


def narrow_the_pool(run: FakeRun) -> None:
    """A producer keeps nine connections where ten are promised."""
    tape = run.tapes[0]
    index = next(number for number, value in enumerate(tape.names["connection"].values())
                 if value["client"] == "build-service")  # fmt: skip
    tape.add(Kind.CONNECTION_CLOSED, ZERO_NS + SECOND, channel=index, detail=200)


def requeue_and_call_it_served(run: FakeRun) -> None:
    """A consumer gives an urgent message back at once, and serves it six seconds later."""
    urgent = next(row for row in run.rows(Kind.INVOKE) if row.priority in {8, 9, 10}
                  and ZERO_NS + 8 * SECOND < row.time_ns < ZERO_NS + 10 * SECOND)  # fmt: skip
    tape, first = sight(run, urgent)
    tape.add(Kind.DELIVERED, first.time_ns, sequence=first.sequence, tag=60_005,
             producer=first.producer, attempt=first.attempt, channel=first.channel,
             queue=first.queue, priority=first.priority)  # fmt: skip
    tape.add(Kind.REQUEUED, first.time_ns + 10, channel=first.channel, tag=60_005)
    first.flags |= Flag.SEEN_REDELIVERED
    deliver_late(run)
    copy = next(row for row in tape.of(Kind.DELIVERED) if row.tag == 60_005)
    copy.time_ns -= 6 * SECOND


def fall_silent_after_a_fault(run: FakeRun) -> None:
    """After the last fault nobody publishes to a queue, so that nothing shows that it works."""
    healed = run.journal.of("fault", fault="e6.1", step="restored")[0]["time_ns"]
    routes = list(run.tapes[0].names["route"].values())
    mute = next(i for i, route in enumerate(routes) if route["routing_key"] == "notifications")
    late = {row.message for row in run.tapes[0].of(Kind.INVOKE)
            if row.time_ns > healed and row.queue == mute}  # fmt: skip
    for tape in run.tapes:
        if tape.scope == "work":
            tape.rows = [row for row in tape.rows if row.message not in late]
