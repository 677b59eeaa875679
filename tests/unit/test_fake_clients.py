"""The fakes' own clients: a confirm that comes after its publisher gave up is written down."""

import random

from gameday.history.records import Flag, Kind
from tests.fake_broker import MILLISECOND, SECOND, Broker, Clock, Copy, Message, Queue
from tests.fake_clients import TIMEOUT_NS, Publisher
from tests.fake_tape import Tape


def test_a_late_confirm_is_recorded_for_its_own_publish() -> None:
    """Given up while the broker was electing, a publish is confirmed when that is over.

    A later confirm never speaks for it as one of many before it is answered itself.
    """
    clock = Clock()
    broker = Broker(clock, random.Random(3), None)
    queue = broker.queues["work"] = Queue("work", "classic", None, None)
    tape = Tape(1, "publisher")
    publisher = Publisher(tape, broker, "boss", "r1")
    begun = clock.now
    queue.ready_at = begun + TIMEOUT_NS + SECOND
    ends: list[bool] = []

    def publish(number: int) -> None:
        message = Message(1, number, clock.now, "work", "job", 0, "ok")
        publisher.publish(Copy(message, 64), "work", ends.append)

    publish(1)
    clock.run(queue.ready_at - 10 * MILLISECOND)
    for number in range(2, 12):
        publish(number)
    clock.run(queue.ready_at + SECOND)

    confirms = tape.of(Kind.CONFIRMED)
    first = next(row for row in confirms if row.tag == 1)
    assert ends[0] is False
    assert ends[1:] == [True] * 10
    assert first.time_ns == queue.ready_at + MILLISECOND
    assert not first.flags & Flag.MULTIPLE
    assert min(row.time_ns for row in confirms) == first.time_ns
