"""Where the one Celery application is connected, as a value, and what Celery is told of it.

Everything that is not in `Wiring` is the same on both brokers: tasks, late acks, a prefetch of
what a worker handles at once. Priorities are *meant* from 0 to 10, 10 the most urgent, and have a
number for each broker: kombu on Redis pops from four lists (0, 3, 6, 9), 0 first, the reverse of
AMQP. A wiring that leaves them unmapped sends RabbitMQ the numbers that Redis wants: the mistake
that a cut-over invites.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kombu import Exchange, Queue

BrokerName = Literal["redis", "rabbitmq"]

QUEUE = "evaluations"
TIMEOUTS = "evaluation:timeout"
MOST_URGENT = 10
REDIS_MOST = 9
REDIS_STEPS = (0, 3, 6, 9)
PATIENT = {"max_retries": 40, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5}
"""How a worker publishes a retry; Celery's own three tries take less than a second."""


@dataclass(frozen=True)
class Wiring:
    """One broker for the application: its addresses (passwords included) and how it is used.

    `arguments` are those of the queue; `options` are the transport's own; `own` are settings of a
    user's application for this broker, under ours.
    """

    broker: BrokerName
    urls: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    heartbeat_s: int = 0
    results: str = ""
    is_mapped: bool = True
    own: Mapping[str, Any] = field(default_factory=dict)

    def number(self, meant: int) -> int:
        """Return the number that the broker is given for a priority from 0 to 10."""
        if self.broker == "rabbitmq" and self.is_mapped:
            return meant
        return REDIS_MOST - min(meant, REDIS_MOST)

    def queue(self) -> Queue:
        """Return the queue of the tasks, as Celery declares it."""
        arguments = dict(self.arguments) if self.broker == "rabbitmq" else None
        return Queue(QUEUE, Exchange(""), routing_key=QUEUE, queue_arguments=arguments)

    def settings(self) -> dict[str, Any]:
        """Return Celery's settings for this broker."""
        found: dict[str, Any] = {
            "broker_url": ";".join(self.urls),
            "broker_transport_options": dict(self.options),
            "broker_connection_retry_on_startup": True,
            "broker_connection_max_retries": None,
            "broker_connection_timeout": 2,
            "broker_channel_error_retry": True,
            "task_acks_late": True,
            "task_reject_on_worker_lost": True,
            "worker_prefetch_multiplier": 1,
            "worker_hijack_root_logger": False,
            "task_queues": [self.queue()],
            "task_default_queue": QUEUE,
            "task_default_exchange": "",
            "task_default_routing_key": QUEUE,
            "task_ignore_result": not self.results,
            # A task that retries is rejected for good when its broker is away for longer than this.
            "task_publish_retry_policy": PATIENT,
        }
        if self.heartbeat_s:
            found["broker_heartbeat"] = self.heartbeat_s
        if self.results:
            found["result_backend"] = self.results
            # Else a task whose result cannot be stored is settled all the same.
            found["result_backend_always_retry"] = True
            found["result_backend_max_sleep_between_retries_ms"] = 1000
        return found

    def scratch(self) -> dict[str, Any]:
        """Return what a user's application is told: its own settings, and our brokers for its own.

        Its queues, routes, acks and time limits are what is compared; every address is ours.
        """
        urls = ";".join(self.urls)
        return {
            **self.own,
            "broker_url": urls,
            "broker_read_url": urls,
            "broker_write_url": urls,
            "result_backend": self.results,
            "broker_connection_retry_on_startup": True,
            "broker_connection_max_retries": None,
            "broker_connection_timeout": 2,
            "worker_hijack_root_logger": False,
        }

    def as_json(self) -> str:
        """Return it as text, for an environment variable."""
        return json.dumps(asdict(self))


def from_json(values: Mapping[str, Any]) -> Wiring:
    """Return a wiring that was handed down."""
    return Wiring(**{**values, "urls": tuple(values["urls"])})


def redis_lists(queue: str) -> tuple[str, ...]:
    """Return the lists in which kombu keeps one queue, the most urgent first."""
    return tuple(queue if step == 0 else f"{queue}\x06\x16{step}" for step in REDIS_STEPS)
