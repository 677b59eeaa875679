"""One connection of a client with its channel, opened again on the next node when it is lost.

pika's callbacks run in gevent's hub, where nothing may wait: they note what happened in the ledger
and hand the rest to greenlets. A publisher and a consumer never share a link.
"""

from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Any

import gevent
from gevent.event import Event
from pika.adapters.gevent_connection import GeventConnection

from gameday.history.ledger import LedgerWriter
from gameday.history.records import Kind
from gameday.traffic.closing import abort, reply_code
from gameday.traffic.declaring import Declaring
from gameday.traffic.keys import KEYS
from gameday.traffic.purpose import Purpose, Target, parameters
from gameday.traffic.tolerant import tolerate_cancelled, tolerate_pika

tolerate_pika()
tolerate_cancelled()

DECLARE_WITHIN_S = 6.0
BALANCER = "balancer"
"""The node that a client believes to be connected to, where it knows a balancer alone."""
STOOD_S = 5.0
"""A connection that stood for less (a queue that refuses its consumer) is not opened at once."""


class Link:
    """A connection that comes back. `on_open` and `on_lost` are called in the hub: do not wait."""

    def __init__(
        self,
        ledger: LedgerWriter,
        targets: Sequence[Target],
        first: int,
        purpose: Purpose,
        on_open: Callable[["Link"], None],
        on_lost: Callable[["Link"], None],
    ) -> None:
        self.ledger = ledger
        self.purpose = purpose
        self.channel: Any = None
        self.connection: Any = None
        self.channel_index = 0
        self.connection_index = 0
        self.is_open = False
        self.is_blocked = False
        self.gave_up = False
        self.resumed_ns = 0
        self.node = ""
        self._targets = targets
        self._home = first
        self._next = first
        self._epochs = 0
        self._on_open = on_open
        self._on_lost = on_lost
        self._stopped = False
        self._unsent: list[bytes] = []
        self._is_recorded = False
        self._key = 0
        self._declaring: Declaring | None = None
        self._settled = Event()
        self._asked = Event()
        self._loop = gevent.spawn(self._keep_open)

    def close(self, within_s: float = 5.0) -> None:
        """Close for good; what the other side says after `within_s` finds no ledger any more."""
        self._stopped = True
        self._asked.set()
        self._flush()
        connection = self.connection
        if connection is not None and connection.is_open:
            connection.close()
        self._loop.join(within_s)
        self._loop.kill(block=False)
        if self._is_recorded:
            abort(connection)
            self._lost(connection, 0)

    @property
    def is_home(self) -> bool:
        """Whether it stands on the node that it was given first; none is given by a balancer."""
        home = self._targets[self._home % len(self._targets)].node
        return self.is_open and self.node == home != BALANCER

    @property
    def is_outdated(self) -> bool:
        """Whether another password counts than when it logged in."""
        return self._key != KEYS.number

    def go_home(self) -> None:
        """Close in good order, and open on the node that it was given first."""
        self._next = self._home
        self._flush()
        if self.connection is not None and self.connection.is_open:
            self.connection.close()

    def ask(self) -> None:
        """Begin a new row of tries, where the last one was given up."""
        if self.gave_up:
            self.gave_up = False
            self._asked.set()

    def drop(self) -> None:
        """Give this connection up without asking the other side, and open another."""
        connection = self.connection
        if connection is not None and self.is_open:
            abort(connection)

    def probe(self, answered: Callable[[], None]) -> None:
        """Ask the broker for any answer on this channel: one that it blocks, it does not read."""
        self.channel.basic_qos(prefetch_count=0, callback=lambda _: answered())

    def write(self, frames: bytes) -> None:
        """Send frames of our own making; those of one turn of the loop leave as one."""
        if not self._unsent:
            gevent.get_hub().loop.run_callback(self._flush)
        self._unsent.append(frames)

    def _flush(self) -> None:
        """Hand over what has gathered; what a connection did not take before its loss is lost."""
        frames, self._unsent = self._unsent, []
        if frames and self.is_open:
            # pika offers no public way to send frames that are marshalled already.
            self.connection._output_marshaled_frames([b"".join(frames)])  # noqa: SLF001

    def _keep_open(self) -> None:
        comeback = self.purpose.comeback
        failed = pauses = 0
        while not self._stopped:
            target = self._targets[self._next % len(self._targets)]
            self._next += 1
            begun_s = monotonic_ns() / 1e9
            if self._open(target):
                failed = 0
                self._settled.wait()
                if monotonic_ns() / 1e9 - begun_s > STOOD_S:
                    pauses = 0
                    continue
            elif self.is_outdated:
                self._next -= 1  # No failure of the node's: the same one, with the new password.
                continue
            else:
                failed += 1
                self._note_failure(failed, last=failed == comeback.attempts)
            if failed == comeback.attempts:
                failed = pauses = 0
                self._give_up()
            else:
                gevent.sleep(comeback.pause_s(pauses))
                pauses += 1

    def _note_failure(self, number: int, *, last: bool) -> None:
        purpose = self.purpose
        who = {"client": purpose.client, "role": purpose.role, "node": self.node}
        link = self.ledger.intern("link", {**who, **dict(purpose.details)})
        self.ledger.append(
            Kind.CONNECT_FAILED, monotonic_ns(), tag=number, detail=link, extra=int(last)
        )

    def _give_up(self) -> None:
        """Try no more until somebody asks."""
        self._asked.clear()
        self.gave_up = not self._stopped
        if self.gave_up:
            self._asked.wait()

    def _open(self, target: Target) -> bool:
        opened = Event()
        self._settled.clear()
        self.node = target.node
        self._key = KEYS.number
        connection = GeventConnection(
            parameters(target, self.purpose),
            on_open_callback=lambda c: c.channel(on_open_callback=self._channel_opened(c, opened)),
            on_open_error_callback=lambda *_: opened.set(),
            on_close_callback=lambda c, reason: self._closed(c, reason, opened),
        )
        self.connection = connection
        declares_s = 0.0 if self.purpose.declares is None else DECLARE_WITHIN_S
        opened.wait(self.purpose.comeback.timeout_s + 1 + declares_s)
        if not self.is_open:
            abort(connection)
        return self.is_open

    def _channel_opened(self, connection: Any, opened: Event) -> Callable[[Any], None]:
        def note(channel: Any) -> None:
            if connection is not self.connection or self._stopped:
                return
            self._record_opening(channel)
            connection.add_on_connection_blocked_callback(self._blocked)
            connection.add_on_connection_unblocked_callback(self._unblocked)
            channel.add_on_close_callback(
                lambda _, reason: self._channel_lost(connection, reason, opened)
            )
            self.channel = channel
            if self.purpose.declares is None:
                self._ready(connection, opened)
            else:
                index = self.channel_index
                self._declaring = Declaring(self.ledger, self.purpose.declares, index)
                self._declaring.begin(channel, lambda: self._ready(connection, opened))

        return note

    def _ready(self, connection: Any, opened: Event) -> None:
        """Let the client work: everything that it uses is there.

        Unless the password was renewed while it logged in: it would stand on the old one then.
        """
        if connection is not self.connection or self._stopped:
            return
        self._declaring = None
        if self.is_outdated:
            connection.close()
            return
        self.is_open, self.is_blocked = True, False
        opened.set()
        self._on_open(self)

    def _record_opening(self, channel: Any) -> None:
        purpose = self.purpose
        self._epochs += 1
        self._is_recorded = True
        who = {"client": purpose.client, "role": purpose.role, "epoch": self._epochs}
        who |= dict(purpose.details)
        self.connection_index = self.ledger.intern(
            "connection", {**who, "node": self.node, "heartbeat_s": purpose.heartbeat_s}
        )
        place = {"connection": self.connection_index, "number": channel.channel_number}
        self.channel_index = self.ledger.intern("channel", {**who, **place})
        now = monotonic_ns()
        self.ledger.append(Kind.CONNECTION_OPENED, now, channel=self.connection_index)
        self.ledger.append(Kind.CHANNEL_OPENED, now, channel=self.channel_index)

    def _blocked(self, *_: Any) -> None:
        self.is_blocked = True
        self.ledger.append(Kind.BLOCKED, monotonic_ns(), channel=self.connection_index)

    def _unblocked(self, *_: Any) -> None:
        self.is_blocked = False
        self.resumed_ns = monotonic_ns()
        self.ledger.append(Kind.UNBLOCKED, self.resumed_ns, channel=self.connection_index)

    def _channel_lost(self, connection: Any, reason: Any, opened: Event) -> None:
        """Let a channel that the broker closed take its connection along: both open afresh."""
        if connection is not self.connection or not self._is_recorded:
            return
        code = reply_code(reason)
        self.ledger.append(
            Kind.CHANNEL_CLOSED, monotonic_ns(), channel=self.channel_index, detail=code
        )
        if connection.is_open:
            connection.close()
        self._lost(connection, code)
        opened.set()

    def _closed(self, connection: Any, reason: Any, opened: Event) -> None:
        self._lost(connection, reply_code(reason))
        opened.set()

    def _lost(self, connection: Any, code: int) -> None:
        if connection is not self.connection or not self._is_recorded:
            return
        was_open, self.is_open, self._is_recorded = self.is_open, False, False
        self._unsent.clear()
        if self._declaring is not None:
            self._declaring.refused(code)
            self._declaring = None
        self.ledger.append(
            Kind.CONNECTION_CLOSED, monotonic_ns(), channel=self.connection_index, detail=code
        )
        if was_open:
            self._on_lost(self)
        self._settled.set()
