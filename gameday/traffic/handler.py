"""What a worker's handler makes of a delivery: it stands for the application.

It works for the contract's service time, unless it is stopped at the contract's timeout; then it
validates the body, and fails as the message says that it shall. Settling is not its business.
"""

from dataclasses import dataclass

import gevent

from gameday.contracts import model
from gameday.contracts.poison import COUNTING
from gameday.history.records import Result
from gameday.traffic.deliveries import Delivery
from gameday.traffic.identity import HANGS, PERMANENT, is_whole
from gameday.traffic.validation import Validate

HANGS_S = 3600.0
"""How long a handler that hangs would take if nobody stopped it."""


@dataclass(frozen=True)
class Handler:
    """The handler of one consuming service."""

    contract: model.Consumer
    validate: Validate

    def work(self, delivery: Delivery, delay_ms: float = 0.0) -> bool:
        """Take the time that a delivery takes; return whether it was stopped at its timeout."""
        limit_ms = self.contract.timeout_ms
        if limit_ms is None:
            gevent.sleep((self.contract.service_ms + delay_ms) / 1000)
            return False
        hangs = delivery.who is not None and delivery.who.fail == HANGS
        with gevent.Timeout(limit_ms / 1000, False):
            gevent.sleep(HANGS_S if hangs else (self.contract.service_ms + delay_ms) / 1000)
            return False
        return True

    def handle(self, delivery: Delivery, *, timed_out: bool = False) -> Result:
        """Return how handling a delivery ends."""
        if timed_out:
            return Result.TIMED_OUT
        who = delivery.who
        if who is None or who.fail == PERMANENT or self._count(delivery) is None:
            return Result.PERMANENT
        if not self.validate(delivery.properties.type or "", delivery.body):
            return Result.PERMANENT
        return Result.TRANSIENT if self.tries(delivery) <= who.fail else Result.DONE

    def tries(self, delivery: Delivery) -> int:
        """Count the tries of a message, this one included; one without a usable count has had all.

        Only so it is never republished, whatever its headers say.
        """
        count = self._count(delivery)
        return self.contract.attempts if count is None else count + 1

    def _count(self, delivery: Delivery) -> int | None:
        """Return how often it was tried before; None for a count that no client of ours wrote."""
        if self.contract.retry not in COUNTING:
            return delivery.delivery_count if self.contract.retry == "requeue" else 0
        headers = delivery.properties.headers or {}
        count = headers.get(self.contract.retry_header, 0)
        if not is_whole(count) or not 0 <= count < self.contract.attempts:
            return None
        return int(count)

    def is_last_try(self, delivery: Delivery) -> bool:
        """Whether a message that fails now is given up."""
        return self.tries(delivery) >= self.contract.attempts

    def is_used_up(self, delivery: Delivery) -> bool:
        """Whether a message that never succeeds comes back beyond its limit: no further try."""
        fails = delivery.who is not None and delivery.who.fail >= self.contract.attempts
        return fails and self.tries(delivery) > self.contract.attempts
