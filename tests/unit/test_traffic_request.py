"""A developer's job request: valid by its schema, and what is wrong is said by its flag."""

import json
import uuid
from datetime import datetime

import pytest

from gameday.contracts.load import load_contract
from gameday.errors import UsageError
from gameday.traffic.request import make_request
from gameday.traffic.validation import validator
from scenarios.cli import main

URL, SHA = "https://github.com/example/repo", "0123456789abcdef0123456789abcdef01234567"
GIVEN = {"repo_url": URL, "commit_sha": SHA}
NOBODY = "amqp://guest:secret@127.0.0.1:1/%2f"


def run(*words: str) -> int | str | None:
    """Run the command line, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["enqueue", *words])
    return ended.value.code


def test_it_fits_its_schema_and_says_what_was_given() -> None:
    """The request is valid, by hand, of now, of a fresh id, and holds nothing optional."""
    contract = load_contract("solstice", {})
    request = make_request(contract, GIVEN)
    body = json.loads(request.body)

    assert validator(contract)("jobrequest.v1", request.body)
    assert GIVEN.items() <= body.items()
    assert body["source"] == "manual"
    assert str(uuid.UUID(body["request_id"])) == request.identifier
    assert datetime.fromisoformat(body["submitted_at"]).tzinfo is not None
    assert not {"runs_on", "workflow_path", "trace_context"} & set(body)
    assert make_request(contract, GIVEN).identifier != request.identifier


def test_an_optional_field_is_sent_when_it_is_given() -> None:
    """--runs-on is in the body when it is given."""
    request = make_request(load_contract("solstice", {}), {**GIVEN, "runs_on": "illumos"})

    assert json.loads(request.body)["runs_on"] == "illumos"


def test_it_goes_where_the_variables_say() -> None:
    """Names that flags set are those of the route and of what is declared."""
    given = {"AMQP_EXCHANGE": "jobs", "AMQP_QUEUE": "mine", "AMQP_ROUTING_KEY": "k"}
    request = make_request(load_contract("solstice", given), GIVEN)

    assert (request.exchange, request.routing_key, request.queues) == ("jobs", "k", ("mine",))
    assert {queue.name for queue in request.declares.queues} == {"mine", "solstice.jobs.v1.dlq"}
    assert {each.name for each in request.declares.exchanges} == {"jobs", "solstice.dlx"}


def test_a_wrong_commit_names_its_flag() -> None:
    """A commit that is no SHA is refused with the flag that gave it."""
    with pytest.raises(UsageError, match=r"commit_sha: 'main' does not match .*; correct --commit"):
        make_request(load_contract("solstice", {}), {**GIVEN, "commit_sha": "main"})


def test_a_system_without_such_requests_is_refused() -> None:
    """A system whose messages have no such fields is named, with what to do."""
    with pytest.raises(UsageError, match="no message that sparki sends has the fields repo_url"):
        make_request(load_contract("sparki", {}), GIVEN)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--commit-sha", SHA], "Missing option '--repo-url'"),
        (["--repo-url", URL, "--commit-sha", SHA, "--amqp-url", "http://h"], "no amqp:// URL"),
        (
            ["--repo-url", URL, "--commit-sha", SHA, "--system", "sparki", "--dlq", "x"],
            "--dlq: the contract sparki has no variable AMQP_DLQ",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong on the command line ends with 2 and one line that names it."""
    code = run(*words)
    printed = capsys.readouterr().err

    assert (code, printed.count("\n")) == (2, 1)
    assert said in printed


def test_without_a_broker_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens: 4, the place is named, the password is not."""
    code = run("--repo-url", URL, "--commit-sha", SHA, "--amqp-url", NOBODY)
    printed = capsys.readouterr().err

    assert code == 4
    assert "no broker serves at 127.0.0.1:1 " in printed
    assert "secret" not in printed
