"""Copies: every attempt in every queue that the bindings take it to, and what became of it.

A sight belongs to the copy of its attempt in the queue where it was seen or, if it had died, where
it died first: a message that comes back from a wait queue is no second copy. A sight in a queue
that the attempt was never routed to makes a copy of its own, which the verdict calls a phantom.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.attempts import Attempts
from gameday.history.deliveries import Deliveries
from gameday.history.gather import Names
from gameday.history.join import Finder
from gameday.history.outcomes import Outcome
from gameday.history.records import Death, Disposition, Kind, Result
from gameday.history.roles import Roles

Array = npt.NDArray[Any]


ENDED = (Result.DONE, Result.TIMED_OUT)
"""Results after which a message is done with: it succeeded, or was stopped and reported so."""


@dataclass(frozen=True)
class Copies:
    """One row a copy; `attempt` is a row of `Attempts`, times are -1 where nothing happened.

    The first twelve facts are all that the verdict goes by. `served_ns` is the first delivery that
    was handled or settled; `settled_ns` the first settlement by a consumer.
    """

    attempt: Array
    queue: Array
    routed: Array
    status: Array
    superseded: Array
    disposition: Array
    seen: Array
    acked: Array
    rejected: Array
    drained: Array
    dead_lettered: Array
    death_as_expected: Array
    may_be_discarded: Array
    rests: Array
    handled: Array
    delivered: Array
    delivered_ns: Array
    served_ns: Array
    settled_ns: Array
    newest_reason: Array
    verdict: Array

    def __len__(self) -> int:
        return len(self.attempt)


@dataclass(frozen=True)
class CopyIndex:
    """Which copies there are, and which copy each delivery is a sight of (-1: a foreign one)."""

    attempt: Array
    queue: Array
    routed: Array
    of_delivery: Array


def index_copies(attempts: Attempts, deliveries: Deliveries, names: Names) -> CopyIndex:
    """List the copies: those that the routes make, and those that were seen beside them."""
    numbers = [
        sorted({names.number("queue", queue) for queue in route.get("queues", ())})
        for route in names.list("route")
    ]
    attempt, queue = _routed(attempts.route, numbers)
    died = (deliveries.deaths > 0) & (deliveries.first_death_queue >= 0)
    origin = np.where(died, deliveries.first_death_queue, deliveries.queue).astype(np.int64)
    width = len(names.list("queue")) + 1
    finder = Finder(attempt * width + queue)
    wanted = deliveries.attempt * width + origin
    known = deliveries.attempt >= 0
    of_delivery = np.where(known, finder.find(wanted), -1)
    strays = np.unique(wanted[known & (of_delivery < 0)])
    if len(strays):
        stray = Finder(strays)
        lost = known & (of_delivery < 0)
        of_delivery[lost] = stray.find(wanted[lost]) + len(attempt)
    routed = np.arange(len(attempt) + len(strays)) < len(attempt)
    return CopyIndex(
        np.concatenate([attempt, strays // width]),
        np.concatenate([queue, strays % width]).astype(np.int32),
        routed,
        of_delivery,
    )


def _routed(route: Array, numbers: list[list[int]]) -> tuple[Array, Array]:
    """Repeat each attempt for each queue of its route."""
    if numbers and all(len(each) == 1 for each in numbers) and (route >= 0).all():
        only = np.array([each[0] for each in numbers], np.int32)
        return np.arange(len(route), dtype=np.int64), only[route]
    lengths = np.array([*map(len, numbers), 0], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.array([number for each in numbers for number in each], np.int32)
    repeat = lengths[route]
    attempt = np.repeat(np.arange(len(route), dtype=np.int64), repeat)
    first = np.repeat(np.cumsum(repeat) - repeat, repeat)
    place = np.repeat(starts[route], repeat) + np.arange(len(attempt)) - first
    return attempt, flat[place] if len(flat) else np.empty(0, np.int32)


def build_copies(
    index: CopyIndex, attempts: Attempts, deliveries: Deliveries, names: Names, roles: Roles
) -> Copies:
    """Gather the facts about each copy; the verdict is left open."""
    facts = _Facts(index, deliveries, names, roles)
    count = len(index.attempt)
    settled = deliveries.settled
    acked = (settled == Kind.ACKED) | deliveries.no_ack
    in_dead = facts.table(roles.dead)[deliveries.queue] & (deliveries.deaths > 0)
    own = ~in_dead
    fate = attempts.disposition[index.attempt]
    dead_lettered = facts.any(in_dead)
    kept = (settled == Kind.ACKED) | (settled == Kind.REJECTED)  # To requeue is not to serve.
    served = own & ~deliveries.drained & ((deliveries.handled_ns >= 0) | kept)
    newest_reason = np.full(count, -1, np.int16)
    newest_reason[index.of_delivery[in_dead & facts.known]] = deliveries.newest_reason[
        in_dead & facts.known
    ]
    return Copies(
        attempt=index.attempt,
        queue=index.queue,
        routed=index.routed,
        status=attempts.outcome[index.attempt],
        superseded=facts.any(_superseded(attempts, deliveries, facts.known, index)),
        disposition=fate,
        seen=facts.any(np.ones(len(deliveries), bool)),
        acked=facts.any(acked & own & ~deliveries.drained),
        rejected=facts.any((settled == Kind.REJECTED) & own),
        drained=facts.any(deliveries.drained & own),
        dead_lettered=dead_lettered,
        death_as_expected=~facts.any(in_dead & ~facts.as_expected(fate)),
        may_be_discarded=facts.by_queue(roles.may_discard)[index.queue],
        rests=facts.by_queue(roles.rests)[index.queue],
        handled=facts.any(own & np.isin(deliveries.result, ENDED)),
        delivered=facts.count(own & ~deliveries.drained),
        delivered_ns=facts.first(own & ~deliveries.drained, deliveries.time_ns),
        served_ns=facts.first(served, deliveries.time_ns),
        settled_ns=facts.first(own & (settled > 0), deliveries.settled_ns),
        newest_reason=newest_reason,
        verdict=np.zeros(count, np.uint8),
    )


def _superseded(
    attempts: Attempts, deliveries: Deliveries, known: Array, index: CopyIndex
) -> Array:
    """Tell which deliveries a later attempt truly replaced: one confirmed, or seen somewhere.

    A consumer that acks the old message although the new one never arrived has lost it.
    """
    replaced = deliveries.replacement >= 0
    seen = np.zeros(len(attempts) + 1, bool)
    seen[index.attempt[index.of_delivery[known]]] = True
    arrived = seen | np.append(attempts.outcome == Outcome.OK, False)
    gone = deliveries.settled == Kind.ACKED
    found: Array = replaced & (arrived[deliveries.replacement] | ~gone)
    return found


class _Facts:
    """Turns facts about deliveries into facts about copies."""

    def __init__(
        self, index: CopyIndex, deliveries: Deliveries, names: Names, roles: Roles
    ) -> None:
        self.index, self.deliveries, self.roles = index, deliveries, roles
        self.queues = [str(name) for name in names.list("queue")]
        self.known = index.of_delivery >= 0
        self.size = len(index.attempt)

    def table(self, chosen: frozenset[str]) -> Array:
        """Return for each queue number whether it is chosen; the last place is for none."""
        return np.array([*(queue in chosen for queue in self.queues), False])

    def by_queue(self, question: Any) -> Array:
        """Return the answer to a question for each queue number."""
        return np.array([*(bool(question(queue)) for queue in self.queues), False])

    def any(self, which: Array) -> Array:
        """Return for each copy whether it has such a delivery."""
        found = np.zeros(self.size, bool)
        found[self.index.of_delivery[which & self.known]] = True
        return found

    def count(self, which: Array) -> Array:
        """Return for each copy how many such deliveries it has."""
        chosen = self.index.of_delivery[which & self.known]
        return np.bincount(chosen, minlength=self.size).astype(np.uint16)

    def first(self, which: Array, time: Array) -> Array:
        """Return for each copy the earliest time among such deliveries, -1 for none."""
        chosen = np.flatnonzero(which & self.known)
        copy = self.index.of_delivery[chosen]
        found = np.full(self.size, np.iinfo(np.int64).max, np.int64)
        np.minimum.at(found, copy, time[chosen])
        found[found == np.iinfo(np.int64).max] = -1
        return found

    def as_expected(self, disposition: Array) -> Array:
        """Tell which deliveries from a dead-letter queue died where and as they should."""
        deliveries, roles = self.deliveries, self.roles
        copy = np.where(self.known, self.index.of_delivery, 0)
        fate = disposition[copy] if self.size else np.zeros(len(deliveries), np.uint8)
        reasons = np.array(
            [Death.REJECTED, Death.REJECTED, Death.EXPIRED, Death.MAXLEN, Death.DELIVERY_LIMIT]
        )
        reason = reasons[np.minimum(fate, Disposition.DELIVERY_LIMIT)]
        origin = self.index.queue[copy] if self.size else np.zeros(len(deliveries), np.int32)
        finals = [roles.final(queue) for queue in self.queues]
        number = {queue: place for place, queue in enumerate(self.queues)}
        final = np.array([*(number.get(queue, -2) for queue in finals), -2])[origin]
        right = np.array(
            [[seen in roles.targets(last) for seen in self.queues] for last in finals], bool
        ).reshape(len(finals), len(self.queues))
        place = right[origin, deliveries.queue] if finals else np.zeros(0, bool)
        newest = np.where(deliveries.newest_queue < 0, final, deliveries.newest_queue)
        why = np.where(deliveries.newest_reason < 0, reason, deliveries.newest_reason)
        found: Array = place & (newest == final) & (why == reason)
        return found
