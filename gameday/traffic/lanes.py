"""What a sender keeps for each link, and how it writes a publish down.

A *lane* is a link with the publishes that wait for their answer on it. `Manners` is how a service
publishes, by its contract; `Tally` what it has done so far.
"""

from dataclasses import dataclass
from time import monotonic_ns
from typing import Literal

from gameday.contracts.parts import Topology
from gameday.history.ledger import LedgerWriter
from gameday.history.records import DETAIL_MAX, NO_PRIORITY, Flag, Kind
from gameday.traffic.comeback import FOR_EVER, Comeback
from gameday.traffic.frames import Template
from gameday.traffic.messages import Outgoing

# Plain numbers: joining flags of an enumeration takes longer than writing the record.
MANDATORY = int(Flag.PUBLISH_MANDATORY)
PERSISTENT = int(Flag.PUBLISH_PERSISTENT)


@dataclass(frozen=True)
class Manners:
    """How a producing service publishes (its contract)."""

    client: str
    pool: int
    heartbeat_s: int = 60
    attempts: int = 3
    backoff_ms: int = 100
    backoff_factor: float = 2.0
    backoff_most_ms: int | None = None
    confirm_timeout_ms: int = 5000
    comeback: Comeback = FOR_EVER
    believes: Literal["broker", "socket"] = "broker"  # Only a control takes the socket's word.
    declares: Topology | None = None

    def pause_s(self, tries: int) -> float:
        """Return how long to wait after so many tries before the next."""
        pause_ms = self.backoff_ms * self.backoff_factor ** (tries - 1)
        return min(pause_ms, self.backoff_most_ms or pause_ms) / 1000


@dataclass(slots=True)
class Tally:
    """What the sender has done so far, for progress and for Locust's statistics."""

    sent: int = 0
    confirmed: int = 0
    returned: int = 0
    told: int = 0  # Given up after the last attempt: the caller was told.
    held: int = 0
    retried: int = 0


class Lane:
    """A link with what it has not confirmed yet, by publish tag, oldest first."""

    def __init__(self) -> None:
        self.leaving = False
        self.begin()

    def begin(self) -> None:
        """Begin anew, on a fresh channel: tags count from 1, and nothing waits."""
        self.pending: dict[int, tuple[Outgoing, int]] = {}
        self.returned: set[tuple[int, int]] = set()
        self.templates: dict[tuple[int, str], Template] = {}
        self.tag = 0
        self.suspect_since_ns = 0

    def template(self, channel_number: int, message: Outgoing) -> Template:
        """Return the prepared frames of a message's route and type, made once for a channel."""
        route = message.route
        message_type = message.type or route.message_type
        template = self.templates.get((route.index, message_type))
        if template is None:
            template = self.templates[route.index, message_type] = Template(
                channel_number, route.exchange, route.routing_key,
                message_type=message_type, mandatory=route.mandatory, persistent=route.persistent,
            )  # fmt: skip
        return template


def settled(
    pending: dict[int, tuple[Outgoing, int]], tag: int, *, multiple: bool
) -> list[Outgoing]:
    """Take out the publishes that an answer names; a late answer may name none."""
    if not multiple:
        found = pending.pop(tag, None)
        return [found[0]] if found else []
    named = []
    for each in pending:
        if each > tag:
            break
        named.append(each)
    return [pending.pop(each)[0] for each in named]


def unanswered_since(pending: dict[int, tuple[Outgoing, int]], limit_ns: int) -> list[int]:
    """Return the tags of the publishes that have waited since that time or longer."""
    late = []
    for tag, (_, since_ns) in pending.items():
        if since_ns > limit_ns:
            break
        late.append(tag)
    return late


def finish(message: Outgoing, *, arrived: bool) -> None:
    """Tell whoever waits for a message how it ended, once."""
    message.arrived |= arrived
    if message.done is not None:
        done, message.done = message.done, None
        done(arrived)


def record(
    ledger: LedgerWriter,
    kind: Kind,
    message: Outgoing,
    route: int,
    now: int | None = None,
    tag: int = 0,
    channel: int = 0,
    attempt: int = 0,
) -> None:
    """Write what is about to happen to a message; of one broken on purpose, first how."""
    now = monotonic_ns() if now is None else now
    if message.poison and message.count == 1:
        way = ledger.intern("poison", message.poison)
        ledger.append(Kind.POISONED, now, message.sequence, 0, way, message.producer)
    lag_us = min(max(0, now - message.due_ns) // 1000, DETAIL_MAX)
    flags = message.held
    flags |= MANDATORY if message.route.mandatory else 0
    flags |= PERSISTENT if message.route.persistent else 0
    priority = NO_PRIORITY if message.priority is None else message.priority
    ledger.append(
        kind, now, message.sequence, tag, lag_us, message.producer, channel, route, attempt,
        priority, flags, message.expect,
    )  # fmt: skip


def record_reason(
    ledger: LedgerWriter,
    kind: Kind,
    message: Outgoing,
    why: str,
    now: int,
    tag: int = 0,
    channel: int = 0,
    attempt: int = 0,
) -> None:
    """Write down that an attempt ended without the broker's word, and why."""
    reason = ledger.intern("reason", why)
    ledger.append(
        kind, now, message.sequence, tag, reason, message.producer, channel, message.route.index,
        attempt,
    )  # fmt: skip
