"""A contract's clients, as values: message types, producers and consumers.

What they send and handle, how often, and what they do when something goes wrong. `model.py` puts
them into the whole contract; `gameday/traffic/` behaves as they say.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from gameday.contracts.parts import Part


class MessageType(Part):
    """A message type: its JSON Schema, and the size of its body in bytes."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    """Its name; it becomes the property `type` of a message."""
    version: str = "1"
    """The version of the schema."""
    body_schema: dict[str, Any] = Field(alias="schema")
    """The JSON Schema of its body."""
    size_bytes: PositiveInt = 1000
    """About how large a body is; long free text in it is padded to this size."""
    most_bytes: PositiveInt | None = None
    """The largest body that a consumer takes; a larger one is refused."""
    correlation: str | None = None
    """The body's field that carries the correlation id, such as `correlation_id`, if one does."""


class Mix(Part):
    """Shares, from 0 to 1, of messages whose handling fails; the rest succeed at once."""

    transient: NonNegativeFloat = 0
    """Fails once or more, within the consumer's limit, then succeeds."""
    exhausted: NonNegativeFloat = 0
    """Fails transiently until the limit: must end in the DLQ."""
    permanent: NonNegativeFloat = 0
    """Fails permanently: must end in the DLQ."""
    invalid: NonNegativeFloat = 0
    """Breaks its schema: must end in the DLQ."""
    timed_out: NonNegativeFloat = 0
    """Takes longer than its consumer's `timeout_ms`: reported as timed out, then acknowledged."""

    @property
    def dead(self) -> float:
        """The share that must end in the DLQ."""
        return self.exhausted + self.permanent + self.invalid


class Sending(Part):
    """A further message type that a producer sends over the same pool, and where it goes."""

    message: str
    """The message type."""
    exchange: str = ""
    """The exchange that it is published to; empty is the default exchange."""
    routing_key: str = ""
    """The routing key; on the default exchange, the queue's name."""
    weight: PositiveFloat = 1
    """How often it is sent, beside the producer's own `weight`."""


class Reconnect(Part):
    """How a client comes back: a fixed pause between tries, and after how many it tells."""

    every_ms: PositiveInt
    """The pause between two tries to connect."""
    attempts: PositiveInt
    """After how many failed tries in a row callers are told; the next call begins a new row."""
    timeout_ms: PositiveInt = 3000
    """After how long without an answer a try has failed."""


class Degraded(Part):
    """What an event bus does when the broker stays away: it gives events up, aloud."""

    after_ms: PositiveInt
    """Its backoff grows up to this; an event that has waited so long is dropped, and the bus is
    degraded: until the broker is back each call returns at once, and its event is dropped."""
    log_level: Literal["warn", "error"] = "warn"
    """How loud each drop is in the service's log."""


class Tick(Part):
    """A job that publishes once a tick; what failed is tried again at the next tick, once."""

    every_s: PositiveFloat
    """How long a tick is, as played."""


class Producer(Part):
    """A producing service: its pool, what it sends, how often, and what it does on errors."""

    name: str
    """Its name."""
    message: str
    """The message type that it sends."""
    exchange: str = ""
    """The exchange that it publishes to; empty is the default exchange."""
    routing_key: str
    """The routing key; on the default exchange, the queue's name."""
    pool: PositiveInt = 10
    """How many connections it keeps."""
    heartbeat_s: PositiveInt = 60
    """The heartbeat that it asks for."""
    confirms: bool = True
    """Whether it waits for publisher confirms."""
    mandatory: bool = True
    """Whether the broker must return what no queue takes."""
    persistent: bool = True
    """Whether its messages are persistent (delivery mode 2)."""
    weight: PositiveFloat = 1
    """How often `message` is sent, beside what `also` sends."""
    also: tuple[Sending, ...] = ()
    """Further message types over the same pool."""
    rate_per_s: PositiveFloat
    """How many messages fall due each second, of all its types together."""
    expects: Literal["handled", "expired", "maxlen"] = "handled"
    """What becomes of its messages: handled by a consumer, or dead-lettered for that reason."""
    declares: bool = False
    """Whether each connection declares the topology that it uses, idempotently, when it opens."""
    priorities: dict[int, PositiveFloat] = Field(default_factory=dict)
    """Weight by priority; none: no priority is set."""
    attempts: PositiveInt = 3
    """Tries of one message, the first included; after the last the caller is told."""
    backoff_ms: PositiveInt = 100
    """The wait before the second try."""
    backoff_factor: PositiveFloat = 2.0
    """By how much each further wait is longer."""
    backoff_most_ms: PositiveInt | None = None
    """The longest such wait, if there is one."""
    confirm_timeout_ms: PositiveInt = 5000
    """After how long without an answer a try is given up."""
    reconnect: Reconnect | None = None
    """How it reconnects; none: at once, then after 0.1 to 2 s, for as long as it takes."""
    degraded: Degraded | None = None
    """An event bus in front of the pool: the call returns at once, whatever the broker does."""
    tick: Tick | None = None
    """A job that publishes once a tick, in place of a rate."""
    surge: int = Field(default=0, ge=0)
    """Messages sent at once before a fault, so that a backlog stands."""
    mix: Mix = Mix()
    """What share of its messages fails, and how."""


class Step(Part):
    """One step of a retry ladder: a queue whose time to live leads back to the work queue."""

    queue: str
    """The wait queue; its x-message-ttl is the delay."""
    delay_ms: PositiveInt
    """How long a message waits there."""


class Emission(Part):
    """A message that a consumer publishes when it has handled one, and lets be confirmed first."""

    when: Literal["done", "failed", "timed_out"]
    """After which ending of the handler."""
    message: str
    """The message type."""
    exchange: str = ""
    """The exchange that it is published to; empty is the default exchange."""
    routing_key: str = ""
    """The routing key; on the default exchange, the queue's name."""
    of: str | None = None
    """Only after messages of this type; none: after every one."""
    share: PositiveFloat = 1
    """After which share of them, from 0 to 1; which ones depends on their ids alone."""


class Consumer(Part):
    """A consuming service: worker processes, each with `concurrency` consumers of `prefetch`."""

    name: str
    """Its name."""
    queue: str
    """The queue that it consumes."""
    workers: PositiveInt = 1
    """How many processes."""
    concurrency: PositiveInt = 1
    """How many consumers, each on a channel of its own, a process has."""
    prefetch: PositiveInt = 10
    """How many unacknowledged messages a consumer may hold."""
    parallel: PositiveInt = 1
    """How many messages each consumer handles at once; at most its prefetch."""
    manual_ack: bool = True
    """Whether it acknowledges after handling (else the broker takes delivery for success)."""
    service_ms: NonNegativeFloat = 1
    """How long handling one message takes."""
    timeout_ms: PositiveInt | None = None
    """After how long a handler is stopped, and its message counted as timed out."""
    cancel_on_failover: bool = False
    """Whether it asks a mirrored queue to cancel it when the leader changes, so that it comes back
    with nothing in hand (`x-cancel-on-ha-failover`)."""
    retry: Literal["republish", "requeue", "ladder", "none"] = "republish"
    """How a transient failure is tried again: republished with its count raised, requeued, or
    republished into the next wait queue of `ladder`."""
    ladder: tuple[Step, ...] = ()
    """The wait queues of `retry: ladder`, one a retry; after the last one it is rejected."""
    emits: tuple[Emission, ...] = ()
    """What it publishes when it has handled a message."""
    publish_timeout_ms: PositiveInt = 8000
    """How long it waits for the confirm of what it publishes, an event or a retry, before it hands
    the message that caused it back to its queue."""
    idempotent: bool = False
    """Whether it takes effect once for each message, whatever is redelivered or replayed."""
    tracks: bool = False
    """Whether it keeps a working state for each message's correlation id from when it begins."""
    stores: str | None = None
    """The status that it stores, once, for the correlation id of each message, whose working
    state it clears."""
    attempts: PositiveInt = 3
    """Tries of one message, the first included."""
    retry_header: str = "x-retry-count"
    """The header in which a republished message carries how often it was tried before."""
    drain_s: PositiveFloat = 10
    """How long it may take to finish and exit on SIGTERM."""
    heartbeat_s: PositiveInt = 60
    """The heartbeat that it asks for."""
    declares: bool = False
    """Whether each connection declares the topology that it uses, idempotently, when it opens."""
    health: bool = False
    """Whether each worker has an HTTP endpoint that says whether it can work."""
    scale_at_depth: PositiveInt | None = None
    """The queue's depth at which a worker is added, if one is."""
    scale_to: PositiveInt | None = None
    """How many workers there may be at most when workers are added."""
