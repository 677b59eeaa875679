"""What a load process is given, and what it builds from it.

The run folder holds the manifest with the contract; addresses with their passwords come by the
environment, never by arguments: `GAMEDAY_TARGETS` is JSON, a list of [node, AMQP URL].
"""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema

from gameday.contracts.model import Consumer as ConsumerContract
from gameday.contracts.model import Contract, Producer
from gameday.contracts.topology import route
from gameday.errors import HarnessError
from gameday.history.ledger import LedgerWriter
from gameday.history.records import PROCESS_MAX
from gameday.traffic.arrivals import Poisson
from gameday.traffic.consumer import Consumer
from gameday.traffic.handler import Validate
from gameday.traffic.lanes import Manners
from gameday.traffic.link import Target
from gameday.traffic.messages import Route, Sequences, Source
from gameday.traffic.publisher import Publisher
from gameday.traffic.sender import Sender
from gameday.traffic.settling import Tools


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
        message = next(each for each in self.contract.messages if each.name == producer.message)
        queues = route(self.contract.topology, producer.exchange, producer.routing_key)
        served = [each for each in self.contract.consumers if each.queue in queues]
        source = Source(
            producer, message, served[0] if served else None, self._route(producer, queues),
            process=self.ledger.process, seed=self.seed, sequences=self.sequences,
        )  # fmt: skip
        sender = Sender(self.ledger, self.targets, manners_of(producer), first)
        return Publisher(source, Poisson(producer.rate_per_s, self.seed), sender)

    def consumer(self, contract: ConsumerContract, first: int, number: int) -> Consumer:
        """Build one consumer of a consuming service; `first` is the node it begins with."""
        name = f"{contract.name}-{self.ledger.process}.{number}"
        return Consumer(contract, self.tools, first, name)

    @cached_property
    def tools(self) -> Tools:
        """What the consumers of this process share."""
        retries = any(each.retry == "republish" for each in self.contract.consumers)
        # One attempt, and a long wait: a retried republish would multiply a message that is late.
        manners = Manners(
            f"republish-{self.ledger.process}", pool=2, attempts=1, confirm_timeout_ms=8000
        )
        sender = Sender(self.ledger, self.targets, manners) if retries else None
        return Tools(self.ledger, self.targets, sender, validator(self.contract), {})

    def close(self) -> None:
        """Close what the consumers share, and the ledger."""
        if "tools" in self.__dict__ and self.tools.republish is not None:
            self.tools.republish.close()
        self.ledger.close()

    def _route(self, producer: Producer, queues: tuple[str, ...]) -> Route:
        value = {
            "exchange": producer.exchange,
            "routing_key": producer.routing_key,
            "type": producer.message,
            "queues": list(queues),
            "producer": producer.name,
        }
        index = self.ledger.intern("route", value)
        return Route(
            index, producer.exchange, producer.routing_key, producer.message,
            producer.mandatory, producer.persistent,
        )  # fmt: skip


def manners_of(producer: Producer) -> Manners:
    """Return how a producer publishes, by its contract."""
    return Manners(
        producer.name, producer.pool, producer.heartbeat_s, producer.attempts,
        producer.backoff_ms, producer.backoff_factor, producer.confirm_timeout_ms,
    )  # fmt: skip


def validator(contract: Contract) -> Validate:
    """Return a function that tells whether a body fits the schema of its message type."""
    schemas = {
        each.name: jsonschema.Draft202012Validator(each.body_schema) for each in contract.messages
    }

    def validate(message_type: str, body: bytes) -> bool:
        try:
            value: Any = json.loads(body)
        except ValueError:
            return False
        schema = schemas.get(message_type)
        return schema is not None and schema.is_valid(value)

    return validate


def open_session(folder: Path, role: str, targets: tuple[Target, ...]) -> Session:
    """Join the run in `folder`: take a process number and begin a ledger."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise HarnessError(f"{folder}: no run to join: {error}") from error
    ledger = open_ledger(folder, manifest["run"], role)
    contract = Contract.model_validate(manifest["contract"])
    return Session(folder, contract, manifest["seed"], targets, ledger, Sequences())


def open_ledger(folder: Path, run: str, role: str, scope: str = "work") -> LedgerWriter:
    """Begin a ledger under the next free process number of the run."""
    return LedgerWriter(folder / "history", run, claim_process(folder), role, scope)


def claim_process(folder: Path) -> int:
    """Take the next free process number of a run; two processes never get the same."""
    claims = folder / "history"
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
    raise HarnessError(f"{folder}: more than {PROCESS_MAX} load processes in one run")


def targets_from_environment() -> tuple[Target, ...]:
    """Return the addresses that the run handed down."""
    try:
        pairs = json.loads(os.environ["GAMEDAY_TARGETS"])
    except (KeyError, ValueError) as error:
        raise HarnessError("GAMEDAY_TARGETS does not say where the broker is") from error
    return tuple(Target(node, url) for node, url in pairs)
