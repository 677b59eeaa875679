"""Damages to messages: lost, spoilt, seen where they should not be, handled by nobody."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Flag, Kind
from tests.fake_folder import FakeRun
from tests.mutants.rows import drop, plain, queue_name, settle, sight, tape_of, without


def lose_one_confirmed(run: FakeRun) -> None:
    """A confirmed message is never delivered."""
    publish = plain(run)
    drop(run, lambda row: row.message == publish.message
          and row.kind in {Kind.DELIVERED, Kind.HANDLED, Kind.DRAINED})  # fmt: skip


def hide_a_loss_behind_a_duplicate(run: FakeRun) -> None:
    """One is lost and another comes twice, so that every count agrees."""
    lost, doubled = plain(run, 40), plain(run, 41)
    lose = [row for row in run.rows(Kind.DELIVERED, Kind.HANDLED) if row.message == lost.message]
    for row in lose:
        row.sequence, row.attempt = doubled.sequence, doubled.attempt


def lose_after_delivery(run: FakeRun) -> None:
    """A confirmed message is delivered, never settled, and gone."""
    publish = plain(run)
    tape, row = settle(run, publish)
    without(tape, row)
    drop(run, lambda each: each.message == publish.message and each.kind == Kind.HANDLED)


def swallow_with_an_automatic_ack(run: FakeRun) -> None:
    """A consumer takes a message with an automatic ack and dies before it is handled."""
    publish = plain(run)
    tape, row = sight(run, publish)
    _, ack = settle(run, publish)
    without(tape, ack)
    row.flags |= Flag.SEEN_NO_ACK
    drop(run, lambda each: each.message == publish.message and each.kind == Kind.HANDLED)


def ack_without_handling(run: FakeRun) -> None:
    """A consumer acknowledges a message that it never finished."""
    publish = plain(run)
    drop(run, lambda each: each.message == publish.message and each.kind == Kind.HANDLED)


def deliver_what_was_returned(run: FakeRun) -> None:
    """A publish is acked and returned, and seen all the same: an ack is no proof then."""
    publish = plain(run)
    tape = tape_of(run, publish)
    tape.add(Kind.RETURNED, publish.time_ns + 500_000, sequence=publish.sequence, detail=312,
             producer=publish.producer, attempt=publish.attempt)  # fmt: skip


def deliver_what_never_left(run: FakeRun) -> None:
    """A publish that failed before any byte is seen."""
    publish = plain(run)
    tape = tape_of(run, publish)
    tape.rows = [
        row for row in tape.rows
        if not (row.kind == Kind.CONFIRMED and row.channel == publish.channel)
    ]  # fmt: skip
    tape.add(Kind.FAILED, publish.time_ns + 500, sequence=publish.sequence, tag=publish.tag,
             producer=publish.producer, attempt=publish.attempt,
             detail=tape.name("reason", "no connection of the pool is open"))  # fmt: skip


def deliver_to_another_queue(run: FakeRun) -> None:
    """A message is seen in a queue that no binding takes it to."""
    publish = next(row for row in run.rows(Kind.INVOKE) if row.queue != plain(run).queue)
    tape, row = sight(run, plain(run))
    tape.add(Kind.DELIVERED, row.time_ns + 10, sequence=publish.sequence, tag=60_000,
             producer=publish.producer, attempt=publish.attempt, channel=row.channel,
             queue=row.queue, priority=publish.priority)  # fmt: skip


def spoil_a_body(run: FakeRun) -> None:
    """A body arrives changed."""
    sight(run, plain(run))[1].flags |= Flag.SEEN_BODY_DIFFERS


def spoil_a_property(run: FakeRun) -> None:
    """A property of the contract arrives changed."""
    sight(run, plain(run))[1].flags |= Flag.SEEN_PROPERTY_DIFFERS


def spoil_a_priority(run: FakeRun) -> None:
    """A priority arrives changed."""
    sight(run, plain(run))[1].priority ^= 1


def find_by_draining(run: FakeRun) -> None:
    """A hung consumer's message is found by the drain: that is no delivery."""
    publish = plain(run)
    lose_after_delivery(run)
    _, row = sight(run, publish)
    drain = next(tape for tape in run.tapes if tape.role == "drain")
    queue = drain.name("queue", "builds" if row.priority != 255 else "deployments")
    names = {name: index for index, name in enumerate(drain.names["queue"])}
    seen = queue_name(run, row)
    last = max(each.time_ns for each in drain.rows)
    drain.add(Kind.DRAINED, last, sequence=row.sequence, tag=50_000, producer=row.producer,
              attempt=row.attempt, priority=row.priority, queue=names.get(seen, queue),
              flags=int(Flag.SEEN_REDELIVERED))  # fmt: skip


def never_answer(run: FakeRun) -> None:
    """A confirm never comes, though the connection stands to the end."""
    publish = max(run.rows(Kind.INVOKE), key=lambda row: row.time_ns * (row.producer == 1))
    tape = tape_of(run, publish)
    mine = [row for row in tape.of(Kind.CONFIRMED) if row.channel == publish.channel
            and row.time_ns >= publish.time_ns]  # fmt: skip
    without(tape, *mine)


def republish_in_vain_and_ack(run: FakeRun) -> None:
    """A consumer acks the old message although its republish never arrived."""
    done = run.rows(Kind.SUPERSEDED)[0]
    later = {row.attempt for row in run.rows(Kind.SUPERSEDED) if row.message == done.message}
    dead = {row.message for row in run.rows(Kind.DRAINED)}
    for row in run.rows(Kind.SUPERSEDED):
        if row.message not in dead:
            done, later = row, {row.attempt}
            break
    publish = next(row for row in run.rows(Kind.INVOKE)
                   if row.message == done.message and row.attempt in later)  # fmt: skip
    tape = tape_of(run, publish)
    tape.rows = [row for row in tape.rows if row.kind != Kind.CONFIRMED
                 or (row.channel, row.tag) != (publish.channel, publish.tag)
                 or row.flags or row.time_ns < publish.time_ns]  # fmt: skip
    tape.add(Kind.NACKED, publish.time_ns + 1, channel=publish.channel, tag=publish.tag)
    drop(run, lambda row: row.message == publish.message and row.attempt == publish.attempt
          and row.kind in {Kind.DELIVERED, Kind.HANDLED})  # fmt: skip


def publish_without_a_word(run: FakeRun) -> None:
    """A publish got no tag and no ending: the client forgot it, and nobody would miss it."""
    publish = plain(run)
    tape_of(run, publish).add(
        Kind.INVOKE, publish.time_ns + 1, sequence=888_888, producer=1, attempt=publish.attempt,
        queue=publish.queue, priority=publish.priority, flags=publish.flags,
    )  # fmt: skip
