"""What a load process is given, and what it builds from it.

The run folder holds the manifest with the contract; addresses with their passwords come by the
environment, never by arguments: `GAMEDAY_TARGETS` is JSON, a list of [node, AMQP URL].
"""

import json
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from gameday.contracts.model import Consumer as ConsumerContract
from gameday.contracts.model import Contract, Emission, Producer, Reconnect, Sending
from gameday.contracts.topology import route
from gameday.contracts.uses import sendings_of, used_by_consumer, used_by_producer
from gameday.errors import HarnessError
from gameday.history.ledger import LedgerWriter
from gameday.history.records import COUNT_MAX, PROCESS_MAX
from gameday.traffic.arrivals import Constant, Poisson, Schedule
from gameday.traffic.breaking import Breaker
from gameday.traffic.comeback import FOR_EVER, Comeback
from gameday.traffic.consumer import Consumer
from gameday.traffic.effects import EffectStore
from gameday.traffic.emitting import Emitter
from gameday.traffic.eventbus import EventBus
from gameday.traffic.lanes import Manners
from gameday.traffic.messages import Blend, Route, Sequences, Source
from gameday.traffic.publisher import Front, Publisher
from gameday.traffic.purpose import Target
from gameday.traffic.sender import Sender
from gameday.traffic.service_log import ServiceLog
from gameday.traffic.settling import Tools
from gameday.traffic.states import StateStore
from gameday.traffic.ticks import TickJob
from gameday.traffic.validation import validator

OWN_CONTRACT = "GAMEDAY_CONTRACT"
"""Names the file with the contract of a process to which the run's own does not apply."""


@dataclass(frozen=True)
class Session:
    """One load process in one run: its ledger, its contract and where the broker is."""

    folder: Path
    contract: Contract
    seed: int
    targets: tuple[Target, ...]
    ledger: LedgerWriter
    sequences: Sequences

    def publisher(self, producer: Producer, first: int = 0) -> Publisher:
        """Build a producing service of the contract, its pool spread over the nodes."""
        sendings = sendings_of(producer)
        sources = [self._source(producer, each, {"producer": producer.name}) for each in sendings]
        blend = Blend(sources, [each.weight for each in sendings], self.seed)
        manners = manners_of(producer)
        if producer.declares:
            used = used_by_producer(self.contract.topology, producer)
            manners = replace(manners, declares=used)
        sender = Sender(self.ledger, targets_of(producer.name, self.targets), manners, first)
        return Publisher(
            blend if len(sources) > 1 else sources[0],
            schedule_of(producer, self.seed),
            sender,
            self._front(producer, sender),
        )

    def _front(self, producer: Producer, sender: Sender) -> Front:
        """Return what a producer puts between its callers and its pool."""
        if producer.degraded is None and producer.tick is None:
            return sender
        log = ServiceLog(self.folder, self.ledger.process, producer.name)
        if producer.degraded is not None:
            return EventBus(sender, producer.degraded, self.ledger, log)
        return TickJob(sender, log)

    def consumer(self, contract: ConsumerContract, first: int, number: int) -> Consumer:
        """Build one consumer of a consuming service; `first` is the node it begins with."""
        name = f"{contract.name}-{self.ledger.process}.{number}"
        declares = used_by_consumer(self.contract.topology, contract) if contract.declares else None
        validate = validator(self.contract, contract.queue)
        sender = self._sender(contract)
        tools = replace(self.tools, republish=sender, validate=validate, declares=declares)
        if contract.tracks or contract.stores:
            tools = replace(tools, states=StateStore(self.folder, self.ledger))
        if contract.idempotent:
            store = EffectStore(self.folder, contract.name, self.ledger)
            tools = replace(tools, effects=store)
        return Consumer(contract, tools, first, name)

    @cached_property
    def tools(self) -> Tools:
        """What the consumers of this process share."""
        emitters = {each.name: self._emitter(each) for each in self.contract.consumers}
        return Tools(self.ledger, self.targets, None, validator(self.contract), {}, emitters)

    @cached_property
    def _senders(self) -> dict[int, Sender]:
        return {}

    def _sender(self, contract: ConsumerContract) -> Sender | None:
        """Return what a consumer publishes by; those that wait alike for a confirm share it.

        One attempt: a retried republish would multiply a message that is late.
        """
        if contract.retry not in {"republish", "ladder"} and not contract.emits:
            return None
        wait_ms = contract.publish_timeout_ms
        if wait_ms not in self._senders:
            name = f"republish-{self.ledger.process}"
            manners = Manners(name, pool=2, attempts=1, confirm_timeout_ms=wait_ms)
            self._senders[wait_ms] = Sender(self.ledger, self.targets, manners)
        return self._senders[wait_ms]

    def renew(self) -> None:
        """Let log in anew what consumers publish by: what they emit, and what they republish."""
        for sender in self._senders.values():
            sender.renew()

    def close(self) -> None:
        """Close what the consumers share, and the ledger."""
        for sender in self._senders.values():
            sender.close()
        self.ledger.close()

    def _emitter(self, consumer: ConsumerContract) -> Emitter:
        """Build what a consuming service emits, each emission a stream of messages of its own."""
        correlations = {
            each.name: each.correlation for each in self.contract.messages if each.correlation
        }
        sources = {each: self._emission(consumer, each) for each in consumer.emits}
        return Emitter(consumer, self.ledger, sources, correlations)

    def _emission(self, consumer: ConsumerContract, emission: Emission) -> Source:
        sending = Sending(
            message=emission.message, exchange=emission.exchange, routing_key=emission.routing_key
        )
        producer = Producer(
            name=consumer.name, message=emission.message, routing_key=emission.routing_key,
            rate_per_s=1,
        )  # fmt: skip
        return self._source(producer, sending, {"emitted_by": consumer.name})

    def _source(self, producer: Producer, sending: Sending, by: dict[str, str]) -> Source:
        """Build the stream of one type of a service's messages; `by` says in the ledger whose."""
        message = next(each for each in self.contract.messages if each.name == sending.message)
        queues = route(self.contract.topology, sending.exchange, sending.routing_key)
        served = [each for each in self.contract.consumers if each.queue in queues]
        return Source(
            producer, message, served[0] if served else None,
            self._route(producer, sending, queues, by), process=self.ledger.process,
            seed=self.seed, sequences=self.sequences, ledger=self.ledger,
            breaker=Breaker(self.contract, sending, message, self.seed),
            validate=validator(self.contract),
        )  # fmt: skip

    def _route(
        self, producer: Producer, sending: Sending, queues: tuple[str, ...], by: dict[str, str]
    ) -> Route:
        value = {
            "exchange": sending.exchange,
            "routing_key": sending.routing_key,
            "type": sending.message,
            "queues": list(queues),
            **by,
        }
        index = self.ledger.intern("route", value)
        return Route(
            index, sending.exchange, sending.routing_key, sending.message,
            producer.mandatory, producer.persistent, queues,
        )  # fmt: skip


def manners_of(producer: Producer) -> Manners:
    """Return how a producer publishes, by its contract.

    Behind an event bus time is the limit, and a tick job tries again at its next tick only.
    """
    attempts = producer.attempts
    if producer.degraded is not None:
        attempts = COUNT_MAX
    elif producer.tick is not None:
        attempts = 1
    return Manners(
        producer.name, producer.pool, producer.heartbeat_s, attempts, producer.backoff_ms,
        producer.backoff_factor, producer.backoff_most_ms,
        confirm_timeout_ms=producer.confirm_timeout_ms, comeback=comeback_of(producer.reconnect),
    )  # fmt: skip


def schedule_of(producer: Producer, seed: int) -> Schedule:
    """Return when a producer's messages fall due."""
    if producer.tick is not None:
        return Constant(1 / producer.tick.every_s)
    return Poisson(producer.rate_per_s, seed)


def comeback_of(reconnect: Reconnect | None) -> Comeback:
    """Return how a client's links come back, by its contract."""
    if reconnect is None:
        return FOR_EVER
    every_s = reconnect.every_ms / 1000
    return Comeback(every_s, every_s, reconnect.timeout_ms / 1000, reconnect.attempts)


def contract_of_run(folder: Path) -> Contract:
    """Return a run's contract, as its manifest or the file that this process is given has it.

    In a run that moves to another cluster the system may have another design there.
    """
    named = os.environ.get(OWN_CONTRACT)
    if named is None:
        return Contract.model_validate(_manifest(folder)["contract"])
    try:
        return Contract.model_validate_json(Path(named).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"{OWN_CONTRACT}: {named} holds no contract: {error}") from error


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise HarnessError(f"{folder}: no run to join: {error}") from error
    return manifest


def open_session(folder: Path, role: str, targets: tuple[Target, ...]) -> Session:
    """Join the run in `folder`: take a process number and begin a ledger."""
    manifest = _manifest(folder)
    ledger = open_ledger(folder, manifest["run"], role)
    return Session(folder, contract_of_run(folder), manifest["seed"], targets, ledger, Sequences())


def open_ledger(folder: Path, run: str, role: str, scope: str = "work") -> LedgerWriter:
    """Begin a ledger under the next free process number of the run."""
    return LedgerWriter(folder / "history", run, claim_process(folder), role, scope)


def claim_process(folder: Path) -> int:
    """Take the next free process number of a run; two processes never get the same."""
    return claim_number(folder / "history")


def claim_number(claims: Path) -> int:
    """Take the next free process number of a folder of ledgers."""
    try:
        claims.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"{claims}: cannot be made: {error.strerror}") from error
    for number in range(1, PROCESS_MAX + 1):
        try:
            os.close(os.open(claims / f".{number:04d}", os.O_CREAT | os.O_EXCL, 0o644))
        except FileExistsError:
            continue
        except OSError as error:
            raise HarnessError(f"{claims}: cannot be written: {error.strerror}") from error
        return number
    raise HarnessError(f"{claims}: more than {PROCESS_MAX} load processes in one run")


def targets_from_environment() -> tuple[Target, ...]:
    """Return the addresses that the run handed down."""
    try:
        pairs = json.loads(os.environ["GAMEDAY_TARGETS"])
    except (KeyError, ValueError) as error:
        raise HarnessError("GAMEDAY_TARGETS does not say where the broker is") from error
    return tuple(Target(node, url) for node, url in pairs)


def targets_of(service: str, otherwise: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return the addresses of a producing service that comes by doors of its own, if it does."""
    pairs = json.loads(os.environ.get("GAMEDAY_TARGETS_OF", "{}")).get(service)
    return otherwise if pairs is None else tuple(Target(node, url) for node, url in pairs)
