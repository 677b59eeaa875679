"""What a contract declares on the broker: exchanges, queues, bindings, policies, settings.

Values, in the broker's own words; `model.py` puts them into the whole contract. They say nothing
of who sends or receives.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """What all parts of a contract share: they never change, and know no unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Exchange(Part):
    """An exchange, in the broker's words."""

    name: str = Field(min_length=1)
    """Its name; the default exchange, whose name is empty, is never declared."""
    type: Literal["direct", "topic", "fanout", "headers"]
    """How it routes."""
    durable: bool = True
    """Whether it survives a restart of the broker."""
    auto_delete: bool = False
    """Whether the broker deletes it when its last binding goes."""
    arguments: dict[str, Any] = {}
    """Its arguments, such as alternate-exchange."""


class Queue(Part):
    """A queue, in the broker's words."""

    name: str = Field(min_length=1)
    """Its name, which is also its routing key on the default exchange."""
    type: Literal["classic", "quorum"]
    """Its type; it becomes the argument x-queue-type."""
    durable: bool = True
    """Whether it survives a restart of the broker."""
    arguments: dict[str, Any] = {}
    """Its x-arguments, without x-queue-type."""

    @property
    def max_priority(self) -> int | None:
        """The highest priority that a classic queue was declared with, if any."""
        return self.arguments.get("x-max-priority")


class Binding(Part):
    """A binding of a queue to an exchange."""

    exchange: str
    """The exchange that it leads from."""
    queue: str
    """The queue that it leads to."""
    routing_key: str = ""
    """The key or, on a topic exchange, the pattern: `*` is one word, `#` is any number."""
    arguments: dict[str, Any] = {}
    """Its arguments, as a headers exchange takes them."""


class ExchangeBinding(Part):
    """A binding of an exchange to another exchange."""

    source: str
    """The exchange that it leads from."""
    destination: str
    """The exchange that it leads to."""
    routing_key: str = ""
    """The key or, on a topic exchange, the pattern: `*` is one word, `#` is any number."""
    arguments: dict[str, Any] = {}
    """Its arguments, as a headers exchange takes them."""


class Policy(Part):
    """A policy, in the broker's words."""

    name: str
    """Its name."""
    pattern: str
    """A regular expression over the names of queues or exchanges."""
    apply_to: Literal["queues", "classic_queues", "quorum_queues", "exchanges", "all"] = "queues"
    """What it applies to; `classic_queues` and `quorum_queues` need RabbitMQ 3.12."""
    definition: dict[str, Any]
    """Its keys, such as ha-mode."""
    priority: int = 0
    """Of two policies that match, the one of higher priority counts."""
    until: str | None = None
    """The first broker version, such as "4.0", that no longer takes it."""


class Topology(Part):
    """All that the system declares."""

    exchanges: tuple[Exchange, ...] = ()
    """The exchanges, without the broker's own."""
    queues: tuple[Queue, ...]
    """The queues."""
    bindings: tuple[Binding, ...] = ()
    """The bindings of queues, without those of the default exchange."""
    exchange_bindings: tuple[ExchangeBinding, ...] = ()
    """The bindings of exchanges to exchanges."""
    policies: tuple[Policy, ...] = ()
    """The policies."""
    operator_policies: tuple[Policy, ...] = ()
    """The operator's policies, which limit what arguments and policies ask for."""


class BrokerSetting(Part):
    """One setting of the broker that the contract needs, with its reason."""

    where: Literal["rabbitmq.conf", "advanced.config", "erlang"]
    """Where it is set; `erlang` is the arguments of the node's Erlang machine."""
    versions: str
    """The broker versions that it is for, such as ">=4.3", "<4" or ">=3.12,<4"."""
    value: str
    """The line, the application entry or the arguments, as they are written there."""
    reason: str
    """What it is for, and what it costs."""
    stock: bool = False
    """Whether it is set under `--broker-settings stock` too."""
