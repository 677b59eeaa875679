"""The contract: what a system on RabbitMQ promises, as values.

One contract is one YAML file beside this module (or anywhere: it can be given by path); `load.py`
reads it, `topology.py` answers where a message goes. `parts.py` holds what is declared on the
broker, `clients.py` who sends and handles, `promises.py` what is promised. Values only: nothing
here talks to a broker. The sentence under a field is also its description in
`contract.schema.json`, for editors.
"""

from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from gameday.contracts.clients import (
    Consumer,
    Degraded,
    Emission,
    MessageType,
    Mix,
    Producer,
    Reconnect,
    Sending,
    Step,
    Tick,
)
from gameday.contracts.isolation import Isolation
from gameday.contracts.parts import (
    Binding,
    BrokerSetting,
    Exchange,
    ExchangeBinding,
    Part,
    Policy,
    Queue,
    Topology,
)
from gameday.contracts.promises import (
    CheckName,
    Criterion,
    NotTested,
    Power,
    Requirement,
    Suite,
)

__all__ = [
    "Alternative",
    "Binding",
    "BrokerSetting",
    "CheckName",
    "Consumer",
    "Contract",
    "Criterion",
    "Degraded",
    "Emission",
    "Exchange",
    "ExchangeBinding",
    "Isolation",
    "MessageType",
    "Mix",
    "NotTested",
    "Part",
    "Play",
    "Policy",
    "Power",
    "Producer",
    "Queue",
    "Reconnect",
    "Requirement",
    "Scale",
    "Sending",
    "Step",
    "Suite",
    "Tick",
    "Topology",
]


class Scale(Part):
    """A time that is too long for a run, and how long it is when it is played."""

    name: str
    """What takes so long."""
    promised_s: PositiveFloat
    """What the system's documents say."""
    played_s: PositiveFloat
    """What is played; limits of criteria and times of the topology are given in this."""
    reason: str
    """Why it may be scaled, and what that cannot show."""


class Play(Part):
    """A scenario in a suite of this system; `gameday list` names the scenarios."""

    scenario: str
    """The scenario's name."""
    for_s: NonNegativeFloat | None = None
    """How long its fault lasts, where the scenario's own time does not suit."""
    recover_s: NonNegativeFloat | None = None
    """How long the system has to recover after it."""
    target: str | None = None
    """What it strikes, where that is not the busiest queue: a queue or a service."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Parameters of its fault, in place of the scenario's own."""
    cluster: Literal["local", "compose", "attached"] | None = None
    """The kind of cluster on which the suite plays it; on others it is left out, aloud."""


class Alternative(Part):
    """Another shape of some queues or clients, to be run beside the contract's own."""

    name: str
    """Its name."""
    reason: str
    """Why one would want it."""
    queues: tuple[Queue, ...] = ()
    """The queues that take the place of those of the same names."""
    nodes: int | None = Field(default=None, ge=1, le=3)
    """How many nodes its broker has then, where that differs."""
    behind: Literal["haproxy"] | None = None
    """What stands before its nodes then."""
    suites: dict[Suite, tuple[Play, ...]] = Field(default_factory=dict)
    """The suites that are played then, in place of the contract's of the same names."""
    consumers: tuple[Consumer, ...] = ()
    """The consuming services that take the place of those of the same names."""
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
    nodes: int = Field(default=3, ge=1, le=3)
    """How many nodes its broker has; the local cluster is started with so many."""
    behind: Literal["haproxy"] | None = None
    """What stands before its nodes and is the only address that clients have; none is the nodes
    themselves."""
    variables: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Names in capitals with their defaults, to be used as `${NAME}` in any value."""
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
    labels: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By queue, what people say of it and the report shows beside its figures, such as a severity;
    none of it is declared on the broker."""
    scales: tuple[Scale, ...] = ()
    """The times that are too long for a run, and how long they are played."""
    suites: dict[Suite, tuple[Play, ...]] = Field(default_factory=dict)
    """The scenarios of each suite, in order; without it the common ones are played."""
    requirements: tuple[Requirement, ...]
    """What is promised, row by row."""
    isolation: Isolation | None = None
    """Which zone of the network reaches which port of the broker."""
    alternatives: tuple[Alternative, ...] = ()
    """Other shapes of some queues or clients, to be run beside this one."""
