"""Bodies: what is sent as valid fits its schema, what is sent as poison does not."""

import json
import re

import jsonschema
import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import MessageType
from gameday.traffic.bodies import SAMPLES, prepare
from gameday.traffic.validation import validator

CONTRACT = load_contract("sparki")
TYPES = pytest.mark.parametrize("message", CONTRACT.messages, ids=lambda each: each.name)
IDENTIFIER = "0000002a-0000-4000-8000-00000000002a"


@TYPES
def test_every_sample_fits_its_schema(message: MessageType) -> None:
    """Each prepared sample validates, formats included, with an identifier put in."""
    schema = jsonschema.Draft202012Validator(
        message.body_schema, format_checker=jsonschema.FormatChecker()
    )
    bodies = prepare(message, seed=1)

    for number in range(SAMPLES):
        schema.validate(json.loads(bodies.body(number, IDENTIFIER)))


@TYPES
def test_bodies_have_the_contracts_size(message: MessageType) -> None:
    """A valid body has the size that the contract says, to the byte."""
    bodies = prepare(message, seed=3)

    assert {len(bodies.body(number, IDENTIFIER)) for number in range(SAMPLES)} == {
        message.size_bytes
    }


@TYPES
def test_the_identifier_is_in_the_body(message: MessageType) -> None:
    """Two messages of one sample differ in their identifier and in nothing else."""
    bodies = prepare(message, seed=1)
    other = IDENTIFIER.replace("2a", "2b")

    one, two = bodies.body(5, IDENTIFIER).decode(), bodies.body(5, other).decode()

    assert one != two
    assert re.sub(re.escape(IDENTIFIER), other, one) == two


def test_seeds_decide() -> None:
    """The same seed prepares the same bodies, another one others."""
    message = CONTRACT.messages[0]

    assert prepare(message, 1) == prepare(message, 1)
    assert prepare(message, 1) != prepare(message, 2)


def test_an_unknown_type_is_refused() -> None:
    """A body of a type that the contract does not have is invalid, whatever it holds."""
    assert not validator(CONTRACT)("no_such_type", b"{}")
