"""What a worker's handler makes of a delivery: it stands for the application.

It validates the body, then fails as the message says that it shall. Pure but for the contract:
waiting for the service time, and settling, are its consumer's business.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gameday.contracts import model
from gameday.history.records import Result
from gameday.traffic.deliveries import Delivery
from gameday.traffic.identity import PERMANENT

Validate = Callable[[str, bytes], bool]
"""Whether a body fits the schema of its message type."""


@dataclass(frozen=True)
class Handler:
    """The handler of one consuming service."""

    contract: model.Consumer
    validate: Validate

    def handle(self, delivery: Delivery) -> Result:
        """Return how handling a delivery ends."""
        who = delivery.who
        if who is None or who.fail == PERMANENT:
            return Result.PERMANENT
        if not self.validate(delivery.properties.type or "", delivery.body):
            return Result.PERMANENT
        return Result.TRANSIENT if self.tries(delivery) <= who.fail else Result.DONE

    def tries(self, delivery: Delivery) -> int:
        """Count the tries of a message, this one included."""
        if self.contract.retry == "requeue":
            return delivery.delivery_count + 1
        headers = delivery.properties.headers or {}
        return int(headers.get(self.contract.retry_header, 0)) + 1

    def is_last_try(self, delivery: Delivery) -> bool:
        """Whether a message that fails now is given up."""
        return self.tries(delivery) >= self.contract.attempts

    def is_used_up(self, delivery: Delivery) -> bool:
        """Whether a message that never succeeds comes back beyond its limit: no further try."""
        fails = delivery.who is not None and delivery.who.fail >= self.contract.attempts
        return fails and self.tries(delivery) > self.contract.attempts
