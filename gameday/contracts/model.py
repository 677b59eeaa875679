"""The contract: what a system on RabbitMQ promises, as values.

One contract is one YAML file beside this module (or anywhere: it can be given by path); `load.py`
reads it, `topology.py` answers where a message goes, `parts.py` holds what is declared on the
broker. Values only: nothing here talks to one. The sentence under a field is also its description
in `contract.schema.json`, for editors.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from gameday.contracts.parts import (
    Binding,
    BrokerSetting,
    Exchange,
    Part,
    Policy,
    Queue,
    Topology,
)

__all__ = [
    "Alternative",
    "Binding",
    "BrokerSetting",
    "CheckName",
    "Consumer",
    "Contract",
    "Criterion",
    "Exchange",
    "MessageType",
    "Mix",
    "NotTested",
    "Part",
    "Policy",
    "Power",
    "Producer",
    "Queue",
    "Requirement",
    "Suite",
    "Topology",
]

CheckName = Literal[
    "topology",
    "loss",
    "dead_letters",
    "order",
    "inversions",
    "sla",
    "recovery",
    "blocked",
    "properties",
    "prefetch",
    "attempts",
    "pool",
    "members",
    "health",
    "schemas",
    "duplicates_flag",
    "effects",
    "graceful_stop",
    "generator",
    "exposure",
    "controls",
    "foreign",
]
"""The checks that a criterion may name; `gameday/history/checks/` holds them."""

Power = Literal[
    "kill_node",
    "stop_node",
    "pause_node",
    "partition",
    "client_link",
    "disk_alarm",
    "memory_alarm",
]
"""What a cluster may be able to do to itself, and a requirement may need."""

Suite = Literal["smoke", "full"]
"""The suites that may claim a requirement; whatever smoke claims, full claims too."""


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

    @property
    def dead(self) -> float:
        """The share that must end in the DLQ."""
        return self.exhausted + self.permanent + self.invalid


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
    rate_per_s: PositiveFloat
    """How many messages fall due each second."""
    priorities: dict[int, PositiveFloat] = Field(default_factory=dict)
    """Weight by priority; none: no priority is set."""
    attempts: PositiveInt = 3
    """Tries of one message, the first included; after the last the caller is told."""
    backoff_ms: PositiveInt = 100
    """The wait before the second try."""
    backoff_factor: PositiveFloat = 2.0
    """By how much each further wait is longer."""
    confirm_timeout_ms: PositiveInt = 5000
    """After how long without an answer a try is given up."""
    surge: int = Field(default=0, ge=0)
    """Messages sent at once before a fault, so that a backlog stands."""
    mix: Mix = Mix()
    """What share of its messages fails, and how."""


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
    manual_ack: bool = True
    """Whether it acknowledges after handling (else the broker takes delivery for success)."""
    service_ms: NonNegativeFloat = 1
    """How long handling one message takes."""
    retry: Literal["republish", "requeue", "none"] = "republish"
    """How a transient failure is tried again: republished with its count raised, or requeued."""
    attempts: PositiveInt = 3
    """Tries of one message, the first included."""
    retry_header: str = "x-retry-count"
    """The header in which a republished message carries how often it was tried before."""
    drain_s: PositiveFloat = 10
    """How long it may take to finish and exit on SIGTERM."""
    heartbeat_s: PositiveInt = 60
    """The heartbeat that it asks for."""
    scale_at_depth: PositiveInt | None = None
    """The queue's depth at which workers are added, if they are."""


class Criterion(Part):
    """How a requirement is judged: a check by name, with the check's parameters."""

    check: CheckName
    """The check."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """The check's parameters: docs/contracts.md lists them by check."""
    versions: str = ""
    """The broker versions that it is judged on; empty is all of them."""


class NotTested(Part):
    """Why a requirement is not tested, and how one would test it."""

    reason: str
    """Why it is not tested."""
    how: str
    """How one would test it."""


class Requirement(Part):
    """One row of what the system promises: judged by criteria, or not tested and why."""

    id: str
    """Its id, which never changes."""
    statement: str
    """What is promised, in one sentence."""
    criteria: tuple[Criterion, ...] = ()
    """How it is judged; all must pass."""
    suites: tuple[Suite, ...] = ()
    """The suites that claim it; with criteria but no suite it is judged where seen, not claimed."""
    needs: tuple[Power, ...] = ()
    """What the cluster must be able to do; on one that cannot, the claim is dropped."""
    not_tested: NotTested | None = None
    """Why it is not tested, for a requirement without criteria."""


class Alternative(Part):
    """Another shape of some queues, to be run beside the contract's own."""

    name: str
    """Its name."""
    reason: str
    """Why one would want it."""
    queues: tuple[Queue, ...]
    """The queues that take the place of those of the same names."""
    requirements: tuple[Requirement, ...] = ()
    """The requirements that read differently then, in place of those of the same ids."""


class Contract(Part):
    """A system's whole contract."""

    system: str
    """The system's name, as `gameday run` takes it."""
    title: str
    """The system in a few words."""
    source: str = ""
    """Where the promises come from."""
    topology: Topology
    """What the system declares on the broker."""
    messages: tuple[MessageType, ...]
    """The message types."""
    producers: tuple[Producer, ...]
    """The producing services."""
    consumers: tuple[Consumer, ...]
    """The consuming services."""
    broker_settings: tuple[BrokerSetting, ...] = ()
    """What the broker must be set to for the promises to hold."""
    requirements: tuple[Requirement, ...]
    """What is promised, row by row."""
    alternatives: tuple[Alternative, ...] = ()
    """Other shapes of some queues, to be run beside this one."""
