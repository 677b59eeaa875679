"""Publishing with confirms over a pool of links: attempts, backoff, time-outs, held while blocked.

    due -> choose a link -> INVOKE in the ledger -> bytes -> confirmed | nacked | returned
                 |                                          | no answer in time | link lost
                 +-- none open: FAILED, or held while       +-> backoff -> next attempt -> told
                     a limited row of tries to connect lasts

Nothing is retried silently: each attempt has its own record and its own name.
"""

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic_ns, time
from typing import Any

import gevent

from gameday.history.ledger import LedgerWriter
from gameday.history.records import Flag, Kind, pack_attempt
from gameday.traffic.lanes import (
    Lane,
    Manners,
    Tally,
    finish,
    record,
    record_reason,
    settled,
    unanswered_since,
)
from gameday.traffic.link import Link
from gameday.traffic.messages import Outgoing
from gameday.traffic.moving import go_home, renew_all
from gameday.traffic.naming import Naming
from gameday.traffic.purpose import Purpose, Target

SUSPECT_FOR_NS = 10_000_000_000
SCAN_EVERY_S = 0.05


class Sender:
    """Publishes what it is given; each message's `done` hears once how it ended."""

    def __init__(
        self, ledger: LedgerWriter, targets: Sequence[Target], manners: Manners, first: int = 0
    ) -> None:
        self.tally = Tally()
        self._ledger = ledger
        self._manners = manners
        self._lanes: dict[Link, Lane] = {}
        self._held: deque[Outgoing] = deque()
        self._naming = Naming(ledger)
        self._turn = 0
        self._closing = False
        for number in range(manners.pool):
            details = (("link", number),)
            purpose = Purpose(
                "publish",
                manners.client,
                manners.heartbeat_s,
                details,
                manners.comeback,
                manners.declares,
            )
            link = Link(ledger, targets, first + number, purpose, self._opened, self._lost)
            self._lanes[link] = Lane()
        self._links = tuple(self._lanes)
        self._scanner = gevent.spawn(self._scan)

    @property
    def open_links(self) -> int:
        """How many connections of the pool stand."""
        return sum(link.is_open for link in self._lanes)

    @property
    def nodes(self) -> list[str]:
        """Which node each standing connection of the pool is on."""
        return [link.node for link in self._lanes if link.is_open]

    @property
    def blocked_links(self) -> int:
        """How many connections of the pool the broker has blocked."""
        return sum(link.is_open and link.is_blocked for link in self._lanes)

    @property
    def unanswered(self) -> int:
        """How many publishes wait for their confirm, or to be sent at all."""
        return sum(len(lane.pending) for lane in self._lanes.values()) + len(self._held)

    def send(self, message: Outgoing) -> None:
        """Publish a message now, on the next link that can take it."""
        if message.is_over:
            return
        link = self._choose()
        if link is None and self.open_links:
            self._held.append(message)  # All that stand are on their way home: back in a moment.
        elif link is None and self._manners.comeback.attempts is not None:
            self._wait_for_a_connection(message)
        elif link is None:
            self._refuse(message, "no connection of the pool is open")
            self._again(message)
        elif link.is_blocked:
            message.held |= Flag.PUBLISH_HELD_BLOCKED
            self.tally.held += 1
            self._held.append(message)
        else:
            self._publish(link, message)

    def probe(self, answered: Callable[[], None]) -> None:
        """Ask for a sign of life on every connection that the broker reads."""
        for link in self._links:
            if link.is_open and not link.is_blocked:
                link.probe(answered)

    def rebalance(self) -> None:
        """Bring each connection back to its first node, once nothing waits on it for a confirm."""
        go_home(self._lanes)

    def renew(self) -> None:
        """Open each connection anew, one after another, once nothing waits on it for a confirm."""
        gevent.spawn(renew_all, self._lanes)

    def close(self) -> None:
        """Close all links; what is unanswered stays so in the ledger. Once more does nothing."""
        self._closing = True
        self._scanner.kill(block=False)
        gevent.joinall([gevent.spawn(link.close) for link in self._lanes], timeout=10)
        for message in self._held:
            if not message.is_over:
                record(self._ledger, Kind.DROPPED, message, message.route.index)
        self._held.clear()

    def _choose(self) -> Link | None:
        """Take links in turn; blocked ones only when all are, suspect ones before those."""
        links, count = self._links, len(self._links)
        self._turn += 1
        suspect = blocked = None
        for number in range(self._turn, self._turn + count):
            link = links[number % count]
            if not link.is_open or self._lanes[link].leaving:
                continue
            if link.is_blocked:
                blocked = link
            elif self._lanes[link].suspect_since_ns:
                suspect = link
            else:
                return link
        return suspect or blocked

    def _publish(self, link: Link, message: Outgoing) -> None:
        lane = self._lanes[link]
        lane.tag += 1
        attempt = self._naming.name(message)
        now = monotonic_ns()
        record(
            self._ledger, Kind.INVOKE, message, message.route.index, now,
            tag=lane.tag, channel=link.channel_index, attempt=attempt,
        )  # fmt: skip
        lane.pending[lane.tag] = message, now
        self.tally.sent += 1
        frames = lane.template(link.channel.channel_number, message).publish(
            message.body, self._naming.table(message, attempt), message.message_id,
            int(time()), message.priority, message.extra,
        )  # fmt: skip
        link.write(frames)
        if self._manners.believes == "socket":
            self._answered(link, lane.tag, positive=True, multiple=False)

    def _wait_for_a_connection(self, message: Outgoing) -> None:
        """Hold a message while the pool tries to connect; once all of it gave up, try anew."""
        if all(link.gave_up for link in self._lanes):
            self._tell_if_given_up()
            for link in self._lanes:
                link.ask()
        message.held |= Flag.PUBLISH_HELD_DISCONNECTED
        self.tally.held += 1
        self._held.append(message)

    def _tell_if_given_up(self) -> None:
        """Tell whoever waits for a connection, once every link of the pool has given up."""
        while self._held and all(link.gave_up for link in self._lanes):
            message = self._held.popleft()
            self._refuse(message, "gave up reconnecting")
            self.tally.told += 1
            finish(message, arrived=False)

    def _refuse(self, message: Outgoing, why: str) -> None:
        """No connection stands: the attempt fails before any byte is written."""
        now = monotonic_ns()
        attempt = self._naming.name(message)
        message.held |= Flag.PUBLISH_HELD_DISCONNECTED
        record(self._ledger, Kind.INVOKE, message, message.route.index, now, attempt=attempt)
        record_reason(self._ledger, Kind.FAILED, message, why, now, attempt=attempt)

    def _again(self, message: Outgoing) -> None:
        """Try once more after a backoff, or tell the caller that the attempts are used up."""
        if self._closing or message.is_over:
            return
        if message.tries >= self._manners.attempts:
            self.tally.told += 1
            finish(message, arrived=False)
            return
        self.tally.retried += 1
        # A timer counts from the loop's own time, which stands still while callbacks run.
        gevent.get_hub().loop.update_now()
        gevent.spawn_later(self._manners.pause_s(message.tries), self.send, message)

    def _opened(self, link: Link) -> None:
        lane = self._lanes[link]
        lane.begin()
        link.channel.add_on_return_callback(
            lambda _, method, properties, body: self._returned(lane, method, properties, body)
        )
        if self._manners.believes == "broker":
            link.channel.confirm_delivery(lambda frame: self._heard(link, frame.method))

    def _lost(self, link: Link) -> None:
        lane = self._lanes[link]
        unanswered = [message for message, _ in lane.pending.values()]
        lane.pending = {}
        for message in unanswered:
            self._again(message)

    def _returned(self, lane: Lane, method: Any, properties: Any, body: bytes) -> None:
        producer, sequence, attempt = self._naming.of(properties, body)
        self._ledger.append(
            Kind.RETURNED, monotonic_ns(), sequence, 0, method.reply_code, producer, attempt=attempt
        )
        self.tally.returned += 1
        lane.returned.add((producer, sequence))

    def _heard(self, link: Link, method: Any) -> None:
        positive = method.NAME == "Basic.Ack"
        self._answered(link, method.delivery_tag, positive=positive, multiple=method.multiple)

    def _answered(self, link: Link, tag: int, *, positive: bool, multiple: bool) -> None:
        """Note a confirm or a nack, and settle all publishes that it names."""
        lane = self._lanes[link]
        kind = Kind.CONFIRMED if positive else Kind.NACKED
        flags = Flag.MULTIPLE if multiple else 0
        self._ledger.append(kind, monotonic_ns(), tag=tag, channel=link.channel_index, flags=flags)
        lane.suspect_since_ns = 0
        for message in settled(lane.pending, tag, multiple=multiple):
            self._settle(lane, message, positive=positive)

    def _settle(self, lane: Lane, message: Outgoing, *, positive: bool) -> None:
        if not positive:
            self._again(message)
            return
        name = message.producer, message.sequence
        arrived = name not in lane.returned
        lane.returned.discard(name)
        self.tally.confirmed += arrived
        self.tally.told += not arrived
        finish(message, arrived=arrived)

    def _scan(self) -> None:
        """Find publishes without an answer in time, and send what was held once links unblock."""
        while True:
            gevent.sleep(SCAN_EVERY_S)
            now = monotonic_ns()
            for link, lane in self._lanes.items():
                if link.is_open and not link.is_blocked:
                    self._expire(link, lane, now)
            self._tell_if_given_up()
            self._send_held()

    def _send_held(self) -> None:
        """Send what was held, each once: what finds no link again waits for the next look."""
        for _ in range(len(self._held)):
            link = self._choose()
            if link is None or link.is_blocked:
                break
            self.send(self._held.popleft())

    def _expire(self, link: Link, lane: Lane, now: int) -> None:
        limit = now - self._manners.confirm_timeout_ms * 1_000_000
        if link.resumed_ns > limit:
            return
        late = unanswered_since(lane.pending, limit)
        for tag in late:
            message, _ = lane.pending.pop(tag)
            self._no_answer(link, message, tag, now)
        if late and not lane.suspect_since_ns:
            lane.suspect_since_ns = now
        if lane.suspect_since_ns and now - lane.suspect_since_ns > SUSPECT_FOR_NS:
            link.drop()

    def _no_answer(self, link: Link, message: Outgoing, tag: int, now: int) -> None:
        record_reason(
            self._ledger, Kind.UNKNOWN, message, "no confirm in time", now, tag=tag,
            channel=link.channel_index,
            attempt=pack_attempt(self._ledger.process, message.count - 1),
        )  # fmt: skip
        self._again(message)
