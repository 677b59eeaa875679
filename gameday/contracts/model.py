"""The contract: what a system on RabbitMQ promises, as values.

One contract is one YAML file beside this module (or anywhere: it can be given by path); `load.py`
reads it, `topology.py` answers where a message goes. Values only: nothing here talks to a broker.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt


class Part(BaseModel):
    """What all parts of a contract share: they never change, and know no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Exchange(Part):
    """An exchange, in the broker's words."""

    name: str
    type: Literal["direct", "topic", "fanout", "headers"]
    durable: bool = True
    arguments: dict[str, Any] = {}


class Queue(Part):
    """A queue, in the broker's words; `arguments` are its x-arguments without x-queue-type."""

    name: str
    type: Literal["classic", "quorum"]
    durable: bool = True
    arguments: dict[str, Any] = {}

    @property
    def max_priority(self) -> int | None:
        """The highest priority that a classic queue was declared with, if any."""
        return self.arguments.get("x-max-priority")


class Binding(Part):
    """A binding of a queue to an exchange."""

    exchange: str
    queue: str
    routing_key: str = ""
    arguments: dict[str, Any] = {}


class Policy(Part):
    """A policy; `until` names the first broker version (such as "4.0") that no longer takes it."""

    name: str
    pattern: str
    apply_to: Literal["queues", "classic_queues", "quorum_queues", "exchanges", "all"] = "queues"
    definition: dict[str, Any]
    priority: int = 0
    until: str | None = None


class Topology(Part):
    """All that the system declares."""

    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...] = ()
    policies: tuple[Policy, ...] = ()


class MessageType(Part):
    """A message type: its JSON Schema, and the size of its body in bytes."""

    name: str
    version: str = "1"
    body_schema: dict[str, Any] = Field(alias="schema")
    size_bytes: PositiveInt = 1000
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Mix(Part):
    """Shares, from 0 to 1, of messages whose handling fails; the rest succeed at once."""

    transient: NonNegativeFloat = 0  # Fails once or more, within the consumer's limit, then succeeds.
    exhausted: NonNegativeFloat = 0  # Fails transiently until the limit: must end in the DLQ.
    permanent: NonNegativeFloat = 0  # Fails permanently: must end in the DLQ.
    invalid: NonNegativeFloat = 0  # Breaks its schema: must end in the DLQ.


class Producer(Part):
    """A producing service: its pool, what it sends, how often, and what it does on errors."""

    name: str
    message: str
    exchange: str = ""
    routing_key: str
    pool: PositiveInt = 10
    heartbeat_s: PositiveInt = 60
    confirms: bool = True
    mandatory: bool = True
    persistent: bool = True
    rate_per_s: PositiveFloat
    priorities: dict[int, PositiveFloat] = {}  # Weight by priority; none: no priority is set.
    attempts: PositiveInt = 3
    backoff_ms: PositiveInt = 100
    backoff_factor: PositiveFloat = 2.0
    confirm_timeout_ms: PositiveInt = 5000
    surge: int = 0  # Messages sent at once before a fault, so that a backlog stands.
    mix: Mix = Mix()


class Consumer(Part):
    """A consuming service: worker processes, each with `concurrency` consumers of `prefetch`."""

    name: str
    queue: str
    workers: PositiveInt = 1
    concurrency: PositiveInt = 1
    prefetch: PositiveInt = 10
    manual_ack: bool = True
    service_ms: NonNegativeFloat = 1
    retry: Literal["republish", "requeue", "none"] = "republish"
    attempts: PositiveInt = 3  # Tries of one message, the first included.
    retry_header: str = "x-retry-count"
    drain_s: PositiveFloat = 10
    heartbeat_s: PositiveInt = 60
    scale_at_depth: PositiveInt | None = None


class BrokerSetting(Part):
    """One setting of the broker that the contract needs, with its reason."""

    where: Literal["rabbitmq.conf", "advanced.config", "erlang"]
    versions: str  # A version specifier such as ">=4.3" or "<4".
    value: str
    reason: str


class Criterion(Part):
    """How a requirement is judged: a check by name, with the check's parameters."""

    check: str
    parameters: dict[str, Any] = {}


class NotTested(Part):
    """Why a requirement is not tested, and how one would test it."""

    reason: str
    how: str


class Requirement(Part):
    """One row of what the system promises."""

    id: str
    statement: str
    criteria: tuple[Criterion, ...] = ()
    suites: tuple[Literal["smoke", "full"], ...] = ()
    needs: tuple[str, ...] = ()  # Powers that the cluster must have, such as "kill_node".
    not_tested: NotTested | None = None


class Alternative(Part):
    """Another shape of some queues, to be run beside the contract's own."""

    name: str
    reason: str
    queues: tuple[Queue, ...]


class Contract(Part):
    """A system's whole contract."""

    system: str
    title: str
    source: str = ""
    topology: Topology
    messages: tuple[MessageType, ...]
    producers: tuple[Producer, ...]
    consumers: tuple[Consumer, ...]
    broker_settings: tuple[BrokerSetting, ...] = ()
    requirements: tuple[Requirement, ...]
    alternatives: tuple[Alternative, ...] = ()
