"""The broker of the fakes: queues with priorities, leaders, dead letters, alarms; one event loop.

Time is simulated in ns and everything is decided by one seeded generator, so that a history can
be had again. It knows nothing of ledgers: `fake_clients.py` records what the clients see. It
models what the checks look at and no more.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gameday.history.records import NO_PRIORITY

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
ZERO_NS = 1_000 * SECOND
NODES = ("r1", "r2", "r3")


class Clock:
    """A heap of what happens next."""

    def __init__(self) -> None:
        self.now = ZERO_NS
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, time_ns: int, action: Callable[..., None], *arguments: Any) -> None:
        """Do something at a time, or now if that has passed."""
        self._count += 1
        heapq.heappush(self._heap, (max(time_ns, self.now), self._count, action, arguments))

    def after(self, delay_ns: int, action: Callable[..., None], *arguments: Any) -> None:
        """Do something after a delay."""
        self.at(self.now + delay_ns, action, *arguments)

    def run(self, until_ns: int) -> None:
        """Let everything happen that is due until a time."""
        while self._heap and self._heap[0][0] <= until_ns:
            self.now, _, action, arguments = heapq.heappop(self._heap)
            action(*arguments)
        self.now = until_ns


@dataclass(frozen=True)
class Message:
    """What the plan says of one message; `fate` is ok, transient, exhausted or permanent."""

    producer: int
    sequence: int
    due_ns: int
    queue: str
    type: str
    priority: int
    fate: str


@dataclass
class Copy:
    """One attempt of a message while it lies in a queue."""

    message: Message
    attempt: int
    tries: int = 0
    priority: int = NO_PRIORITY
    redelivered: bool = False
    deaths: list[dict[str, Any]] = field(default_factory=list)
    body_differs: bool = False
    foreign: bool = False


@dataclass
class Queue:
    """A queue: what waits (highest first), who consumes, where it is led."""

    name: str
    type: str
    max_priority: int | None
    dead_letters_to: str | None
    leader: str = "r1"
    ready_at: int = 0
    waiting: list[tuple[int, int, Copy]] = field(default_factory=list)
    consumers: deque[Any] = field(default_factory=deque)

    def effective(self, copy: Copy, *, ignore: bool) -> int:
        """Return the priority that the queue goes by."""
        if self.max_priority is None or ignore or copy.priority == NO_PRIORITY:
            return 0
        return min(copy.priority, self.max_priority)


class Broker:
    """Three nodes that hold the queues of one vhost."""

    def __init__(self, clock: Clock, random_: random.Random, bug: str | None) -> None:
        self.clock = clock
        self.random = random_
        self.bug = bug
        self.queues: dict[str, Queue] = {}
        self.alarmed = False
        self.down: set[str] = set()
        self._order = 0
        self.accepted = 0
        self.stuck = False

    def put(self, copy: Copy, queue: Queue, *, front: bool = False) -> None:
        """Enqueue a copy, or put a returned one back where it came from."""
        self._order += 1
        order = self._order - (1 << 40 if front else 0)
        rank = queue.effective(copy, ignore=self.bug == "ignore_priority")
        if self.bug == "swap_order" and not front and self._order % 97 == 0:
            order -= 5
        heapq.heappush(queue.waiting, (-rank, order, copy))
        self.deliver(queue)

    def accept(self, copy: Copy, name: str) -> None:
        """Take a publish; a broker with a bug may lose, double or spoil it here."""
        self.accepted += 1
        nth = self.accepted
        if self.bug == "lose_confirmed" and nth == 500:
            return
        if self.bug == "lose_one_in_ten_thousand" and nth % 10_000 == 4_321:
            return
        if self.bug == "corrupt_body" and nth == 333:
            copy.body_differs = True
        if self.bug == "change_priority" and nth % 200 == 0 and copy.priority != NO_PRIORITY:
            copy.priority = (copy.priority + 1) % 11
        if self.bug == "foreign" and nth == 700:
            stray = Message(999, 7, 0, name, copy.message.type, copy.priority, "ok")
            self.put(Copy(stray, 999 << 6, priority=copy.priority), self.queues[name])
        self.put(copy, self.queues[name])
        if self.bug == "duplicate_unflagged" and nth % 250 == 0:
            self.put(copy, self.queues[name])

    def deliver(self, queue: Queue) -> None:
        """Hand out what waits to the consumers with room, in turn."""
        if self.clock.now < queue.ready_at:
            self.clock.at(queue.ready_at, self.deliver, queue)
            return
        for _ in range(len(queue.consumers)):
            while queue.waiting and queue.consumers and queue.consumers[0].has_room():
                queue.consumers[0].receive(heapq.heappop(queue.waiting)[2])
                queue.consumers.rotate(-1)
            queue.consumers.rotate(-1)

    def requeue(self, copies: list[Copy], queue: Queue) -> None:
        """Put back what a lost consumer held, flagged, in its old order."""
        for copy in reversed(copies):
            copy.redelivered = True
            self.put(copy, queue, front=True)

    def reject(self, copy: Copy, queue: Queue) -> None:
        """Dead-letter a rejected copy, by at-most-once as brokers do by default."""
        target = queue.dead_letters_to
        if target is None or (self.bug == "dlq_drop" and self.random.random() < 0.3):
            return
        if self.bug == "dlq_wrong":
            target = next(
                name for name in self.queues if name.endswith("failed") and name != target
            )
        reason = "expired" if self.bug == "dlq_reason" else "rejected"
        death = {"queue": queue.name, "reason": reason, "count": 1}
        copy.deaths = [death, *copy.deaths]
        copy.redelivered = False
        self.put(copy, self.queues[target])

    def strike(self, node: str, unavailable_ns: int) -> None:
        """Take a node away; its queues are led elsewhere after a while, and hold what they held."""
        for queue in self.queues.values():
            if queue.leader == node:
                queue.leader = NODES[(NODES.index(node) + 1) % 3]
                queue.ready_at = self.clock.now + unavailable_ns
                if self.bug == "lose_on_kill" and queue.type == "classic":
                    del queue.waiting[: len(queue.waiting) // 2]
                    heapq.heapify(queue.waiting)
        self.down.add(node)

    def restore(self, node: str) -> None:
        """Bring a node back; it leads nothing yet."""
        self.down.discard(node)

    def lead(self, node: str) -> None:
        """Move all leaders to one node, as before an episode."""
        for queue in self.queues.values():
            queue.leader = node

    def sticks(self, role: str) -> bool:
        """Whether a broker with a stuck confirm forgets to answer this one, the first late one."""
        late = self.clock.now > ZERO_NS + 74 * SECOND
        self.stuck, before = self.stuck or (late and role == "publisher"), self.stuck
        return self.stuck and not before

    def answers_at(self, name: str) -> int:
        """Return when a publish to a queue can be confirmed: at once, or after an election."""
        return max(self.clock.now, self.queues[name].ready_at)
