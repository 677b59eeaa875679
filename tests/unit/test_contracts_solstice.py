"""solstice's contract says what its page says, follows the environment, and holds together."""

import re

import pytest

from gameday.contracts.load import load
from gameday.contracts.model import Contract
from gameday.contracts.schema import body_mistakes
from gameday.contracts.topology import dead_letter_targets, route

CLAIMED = ("01", "02", "03", "04", "05", "06", "07", "08", "09")
FULL_ADDS = ("10",)
NOT_TESTED = ("11", "12")


VARIABLES = ("AMQP_EXCHANGE", "AMQP_QUEUE", "AMQP_ROUTING_KEY", "AMQP_DLX", "AMQP_DLQ",
             "AMQP_PREFETCH")  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the page's variables out of the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def solstice() -> Contract:
    """Return solstice's contract in the environment as it is."""
    return load("solstice").contract


def test_no_row_of_the_page_is_missing() -> None:
    """All 12 rows and the users' own are there, in order, each judged or said why not."""
    rows = [f"solstice-{number:02d}" for number in range(1, 13)]
    found = solstice().requirements

    assert [row.id for row in found] == [*rows, "mission-03", "mission-04"]
    assert all(bool(row.criteria) != bool(row.not_tested) for row in found)


def test_the_suites_claim_exactly_what_they_are_to() -> None:
    """Smoke claims nine rows, full the restarts besides; two rows are not tested, and say why."""
    found = solstice().requirements
    claims = {
        suite: tuple(row.id.removeprefix("solstice-") for row in found if suite in row.suites)
        for suite in ("smoke", "full")
    }

    assert claims == {"smoke": CLAIMED, "full": (*CLAIMED, *FULL_ADDS)}
    untested = [row for row in found if row.not_tested]
    assert tuple(row.id.removeprefix("solstice-") for row in untested) == NOT_TESTED
    for row in untested:
        assert row.not_tested is not None
        assert re.fullmatch(r"[A-Z].{20,}\.", row.not_tested.how, re.DOTALL), row.id


def test_the_pages_defaults_stand() -> None:
    """Without an environment, names, bindings and prefetch are those of the page."""
    contract = solstice()

    assert {exchange.name: exchange.type for exchange in contract.topology.exchanges} == {
        "solstice.jobs": "direct",
        "solstice.dlx": "fanout",
    }
    assert route(contract.topology, "solstice.jobs", "jobrequest.v1") == ("solstice.jobs.v1",)
    assert dead_letter_targets(contract.topology, "solstice.jobs.v1", "x") == (
        "solstice.jobs.v1.dlq",
    )
    assert contract.consumers[0].prefetch == 64


def test_the_contract_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the page's variables moves what it names, and the criteria with it."""
    values = ("ci", "ci.jobs", "job", "ci.dead", "ci.graveyard", "7")
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)
    contract = solstice()
    [limit] = [
        criterion.parameters["limit"]
        for row in contract.requirements
        for criterion in row.criteria
        if criterion.parameters.get("consumer") == "orchestrator"
    ]

    assert route(contract.topology, "ci", "job") == ("ci.jobs",)
    assert dead_letter_targets(contract.topology, "ci.jobs", "x") == ("ci.graveyard",)
    assert (contract.consumers[0].queue, contract.consumers[0].prefetch, limit) == ("ci.jobs", 7, 7)


def test_versions_keep_apart() -> None:
    """Each version has a key and a queue of its own, and its schema takes no other's requests."""
    contract = solstice()
    first, second = contract.messages
    body = {
        "schema_version": "jobrequest.v2",
        "request_id": "00000000-0000-4000-8000-000000000000",
        "source": "forgejo",
        "repo_url": "https://git.example/team/repo.git",
        "commit_sha": "a" * 40,
        "labels": ["illumos"],
        "submitted_at": "2026-01-01T00:00:00Z",
    }

    assert route(contract.topology, "solstice.jobs", "jobrequest.v2") == ("solstice.jobs.v2",)
    assert body_mistakes(second, body) == []
    assert body_mistakes(first, body) != []


def test_a_field_that_was_added_later_is_accepted() -> None:
    """A v1 request with fields that its schema does not know conforms all the same."""
    body = {
        "schema_version": "jobrequest.v1",
        "request_id": "00000000-0000-4000-8000-000000000000",
        "source": "manual",
        "repo_url": "https://git.example/team/repo.git",
        "commit_sha": "b" * 40,
        "submitted_at": "2026-01-01T00:00:00Z",
        "something_new": {"nested": [1, 2]},
    }

    assert body_mistakes(solstice().messages[0], body) == []


def test_both_sides_declare() -> None:
    """Every publisher and every consumer declares what it uses."""
    contract = solstice()

    assert all(each.declares for each in contract.producers)
    assert all(each.declares for each in contract.consumers)


@pytest.mark.parametrize("name", ["AMQP_QUEUE", "AMQP_PREFETCH"])
def test_flags_come_before_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set on the command line wins over the environment."""
    values = {"AMQP_QUEUE": ("from.env", "from.flag"), "AMQP_PREFETCH": ("5", "6")}[name]
    monkeypatch.setenv(name, values[0])
    consumer = load("solstice", {name: values[1]}).contract.consumers[0]

    assert (
        str({"AMQP_QUEUE": consumer.queue, "AMQP_PREFETCH": consumer.prefetch}[name]) == values[1]
    )
