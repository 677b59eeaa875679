"""What each queue of a contract is for, as far as judging copies needs it.

A *work* queue has consumers. A *wait* queue has none, and its time to live leads back to a work
queue. A *dead-letter* queue is where the dead letters of any other queue go. A copy that nobody can
consume and nothing moves simply *rests* where it is. Controls have no contract: theirs are work
queues.
"""

from dataclasses import dataclass
from functools import cached_property

from gameday.contracts.model import Contract, Queue
from gameday.contracts.topology import dead_letter_targets, setting_of


@dataclass(frozen=True)
class Roles:
    """The queues of a contract by role; without a contract every queue is a work queue."""

    contract: Contract | None

    @cached_property
    def queues(self) -> dict[str, Queue]:
        """The declared queues by name."""
        return {queue.name: queue for queue in self.contract.topology.queues} if (
            self.contract
        ) else {}  # fmt: skip

    @cached_property
    def consumed(self) -> frozenset[str]:
        """The queues that the contract gives a consumer."""
        if self.contract is None:
            return frozenset()
        return frozenset(consumer.queue for consumer in self.contract.consumers)

    @cached_property
    def passing(self) -> dict[str, str]:
        """The queues that nobody consumes and whose time to live moves all on, and where to."""
        found = {}
        for name in self.queues:
            targets = self.targets(name)
            if name not in self.consumed and targets and self._setting(name, "message-ttl"):
                found[name] = targets[0]
        return found

    @cached_property
    def passing_s(self) -> float:
        """How long a message can take at most to pass through all of them, one after another."""
        times_ms = [float(str(self._setting(name, "message-ttl"))) for name in self.passing]
        return sum(times_ms) / 1000

    @cached_property
    def waits(self) -> dict[str, str]:
        """The wait queues, and where each leads back to: in the end to a queue with consumers."""
        return {name: to for name, to in self.passing.items() if self._leads_back(name)}

    def _leads_back(self, queue: str) -> bool:
        seen: set[str] = set()
        while queue in self.passing and queue not in seen:
            seen.add(queue)
            queue = self.passing[queue]
        return queue in self.consumed

    @cached_property
    def dead(self) -> frozenset[str]:
        """The dead-letter queues: where a queue that is no wait queue sends what dies in it."""
        targets = {
            target
            for name in self.queues
            if name not in self.waits
            for target in self.targets(name)
        }
        return frozenset(targets - self.consumed)

    def targets(self, queue: str) -> tuple[str, ...]:
        """Return where the dead letters of a queue go."""
        if self.contract is None or queue not in self.queues:
            return ()
        return dead_letter_targets(self.contract.topology, queue, queue)

    def dead_letter_exchange(self, queue: str) -> str | None:
        """Return the exchange to which a queue's dead letters go, if it names one."""
        name = self._setting(queue, "dead-letter-exchange")
        return None if name is None else str(name)

    def final(self, queue: str) -> str:
        """Return the queue where a copy is consumed in the end: past its wait queues."""
        seen = set()
        while queue in self.waits and queue not in seen:
            seen.add(queue)
            queue = self.waits[queue]
        return queue

    def rests(self, queue: str) -> bool:
        """Whether the contract gives a queue no consumer, so that what lies there may lie."""
        return self.contract is not None and self.final(queue) not in self.consumed

    def is_quorum(self, queue: str) -> bool:
        """Whether a queue is replicated by Raft, and so may not lose what it confirmed."""
        return queue in self.queues and self.queues[queue].type == "quorum"

    def may_discard(self, queue: str) -> bool:
        """Whether the contract lets a queue drop messages without a trace."""
        if queue not in self.queues or self.targets(queue):
            return False
        limited = self._setting(queue, "max-length") or self._setting(queue, "max-length-bytes")
        drops = limited and self._setting(queue, "overflow") in {None, "drop-head"}
        return bool(drops or self._setting(queue, "message-ttl"))

    def at_least_once(self, queue: str) -> bool:
        """Whether a queue dead-letters at least once, and so may do it twice."""
        return self._setting(queue, "dead-letter-strategy") == "at-least-once"

    def _setting(self, queue: str, name: str) -> object:
        if self.contract is None or queue not in self.queues:
            return None
        return setting_of(self.contract.topology, self.queues[queue], name)
