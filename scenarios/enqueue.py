"""`gameday enqueue`: one valid job request, published and confirmed, as a developer tries a system.

Names and the broker come from flags, then the environment, then the contract, as everywhere.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gameday.contracts.load import find_file, load, read_contract, read_text
from gameday.errors import UsageError
from gameday.traffic.address import broker_url
from gameday.traffic.enqueueing import Errand, enqueue
from gameday.traffic.request import make_request

VARIABLES = {
    "--exchange": "AMQP_EXCHANGE",
    "--queue": "AMQP_QUEUE",
    "--routing-key": "AMQP_ROUTING_KEY",
    "--dlx": "AMQP_DLX",
    "--dlq": "AMQP_DLQ",
}
"""The flags that stand for variables of the contract."""


@dataclass(frozen=True)
class Wanted:
    """What the command line says: fields of the body, and names by their flags."""

    system: str
    fields: Mapping[str, str]
    names: Mapping[str, str | None]
    amqp_url: str | None
    receive: bool


def enqueue_one(wanted: Wanted) -> None:
    """Make the request, send it, and say what became of it."""
    contract = load(wanted.system, _variables(wanted)).contract
    request = make_request(contract, wanted.fields)
    url = broker_url(wanted.amqp_url)
    enqueue(Errand(url, request, wanted.receive), _log)


def _variables(wanted: Wanted) -> dict[str, str]:
    """Return the contract's variables that flags set; one that it does not have is a mistake."""
    given = {flag: value for flag, value in wanted.names.items() if value is not None}
    path = find_file(wanted.system)
    known = {value.name for value in read_contract(path, read_text(path)).resolved.values}
    for flag in given:
        if VARIABLES[flag] not in known:
            raise UsageError(
                f"{flag}: the contract {wanted.system} has no variable {VARIABLES[flag]}; declare "
                "it there, or leave the flag out"
            )
    return {VARIABLES[flag]: value for flag, value in given.items()}


def _log(sentence: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(f"{now} {sentence}\n")
    sys.stdout.flush()
