"""Lint against mirrored queues: what an acknowledgement settles after their leader has changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest
from lint_stand import PERSISTENT, Stand, contract, stopped

from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import UnansweredError

pytestmark = [pytest.mark.live, pytest.mark.nightly]

RULE = "late-acks-settle-others"
ALL, HELD, BEFORE = 40, 10, 5
"""Messages that count, how many of them a consumer holds, and how many came and went before."""


@pytest.fixture
def stand(mnesia: None, cluster: LocalCluster, vhost: str, tmp_path: Path) -> Stand:
    """Give a virtual host whose queues are mirrored, on a cluster that is put right afterwards."""
    found = Stand(cluster, vhost, tmp_path)
    found.policy("ha-all", "", ha_mode="all", ha_sync_mode="automatic")
    return found


class Holder:
    """A consumer that settles nothing by itself."""

    def __init__(self, stand: Stand, node: str, arguments: dict[str, Any]) -> None:
        url = stand.cluster.amqp_url(node, stand.vhost)
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.tags: dict[int, int] = {}
        self.has: list[int] = []
        self.cancelled = False
        self.channel.add_on_cancel_callback(self._cancelled)
        self.channel.basic_qos(prefetch_count=HELD)
        self.channel.basic_consume("work", self._delivered, arguments=arguments)

    def _delivered(self, _: Any, method: Any, __: Any, body: bytes) -> None:
        self.tags.setdefault(int(body), method.delivery_tag)
        self.has.append(int(body))

    def _cancelled(self, _: Any) -> None:
        self.cancelled = True

    def wait_deliveries(self, count: int) -> None:
        """Wait until so many have come in all, and no more come for a second."""

        def come() -> bool | NotYet:
            before = len(self.has)
            self.connection.process_data_events(1)
            settled = len(self.has) == before >= count
            return settled or NotYet(f"{self.has}")

        wait_until(come, 60, f"{count} deliveries came")


def fill(stand: Stand, arguments: dict[str, Any]) -> None:
    """Fill a queue of r1 that the others joined after some messages had come and gone."""
    with stand.channel("r1") as channel:
        channel.queue_declare("work", durable=True, arguments=arguments)
        for _ in range(BEFORE):
            channel.basic_publish("", "work", b"old", PERSISTENT, mandatory=True)
        for _ in range(BEFORE):
            assert channel.basic_get("work", auto_ack=True)[0] is not None
    for node in ("r2", "r3"):
        with stopped(stand.cluster, node):
            pass
        stand.broker.wait_healthy(60)
    wait_until(lambda: len(state(stand).in_step) == 3, 30, "all are in step")
    with stand.channel("r1") as channel:
        for each in range(ALL):
            channel.basic_publish("", "work", b"%d" % each, PERSISTENT, mandatory=True)


def state(stand: Stand) -> Any:
    """Return what the broker says of the queue."""
    return stand.broker.queues(stand.vhost)["work"]


@contextmanager
def held_over(stand: Stand, **arguments: Any) -> Iterator[Holder]:
    """Let a consumer hold what a leader delivered that is then killed; close it at the end."""
    leader = state(stand).leader
    stand.node = next(node for node in stand.cluster.nodes if node != leader)
    named = {name.replace("_", "-"): value for name, value in arguments.items()}
    holder = Holder(stand, stand.node, named)
    holder.wait_deliveries(HELD)
    stand.cluster.kill(leader)
    wait_until(lambda: not stand.cluster.is_running(leader), 10, f"{leader} is gone")
    yield holder
    if holder.connection.is_open:
        holder.connection.close()


def left(stand: Stand) -> list[int]:
    """Return what is in the queue, once nobody holds any of it."""

    def nobody() -> bool | NotYet:
        _, unacknowledged = stand.broker.message_counts(stand.vhost)["work"]
        return unacknowledged == 0 or NotYet(unacknowledged)

    # Who has just lost the leader may not know of the new one yet.
    wait_until(nobody, 30, "nobody holds any", errors=(UnansweredError,))
    with stand.channel() as channel:
        got = [channel.basic_get("work", auto_ack=True) for _ in range(ALL + BEFORE)]
    return [int(body) for method, _, body in got if method is not None]


def test_late_acks_settle_other_messages(stand: Stand) -> None:
    """Acks of what the first leader delivered remove others at the second: nobody acked those."""
    fill(stand, {"x-max-priority": 5})
    assert RULE in stand.found()
    with held_over(stand) as holder:
        holder.wait_deliveries(2 * HELD)
        for each in range(HELD):
            holder.channel.basic_ack(holder.tags[each])
            holder.connection.process_data_events(0.3)
        holder.wait_deliveries(3 * HELD)
        assert len(holder.has) == 3 * HELD, "as many more as it acknowledged, beyond its prefetch"
    there = left(stand)
    assert len(there) == ALL - HELD
    assert set(range(ALL)) - set(there) == set(range(BEFORE, HELD + BEFORE))


def design(consumer: str) -> str:
    """Return a contract of the same queue with a consumer that says so."""
    plain = contract("{name: work, type: classic}", "", consumer)
    policy = '{name: ha-all, pattern: "", definition: {ha-mode: all}, until: "4.0"}'
    return plain.replace("topology: {", f"topology: {{policies: [{policy}], ")


def test_who_is_cancelled_and_settles_nothing_loses_nothing(stand: Stand) -> None:
    """A consumer that asks to be cancelled is told, and all that it held is there for the next."""
    fill(stand, {})
    assert RULE in stand.found_in(design(""))
    assert RULE not in stand.found_in(design("cancel_on_failover: true"))
    with held_over(stand, x_cancel_on_ha_failover=True) as holder:
        wait_until(
            lambda: holder.connection.process_data_events(0.2) or holder.cancelled, 60, "cancelled"
        )
    assert sorted(left(stand)) == list(range(ALL))


def test_a_quorum_queue_takes_late_acks_as_they_were_meant(stand: Stand) -> None:
    """After its leader was killed, exactly what the consumer acknowledged is gone."""
    fill(stand, {"x-queue-type": "quorum"})
    with held_over(stand) as holder:
        for each in range(HELD):
            holder.channel.basic_ack(holder.tags[each])
        holder.wait_deliveries(2 * HELD)
    assert sorted(left(stand)) == list(range(HELD, ALL))
