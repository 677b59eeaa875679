"""The published schema of contracts, and the messages' own."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gameday.contracts import load, schema
from gameday.contracts.model import Contract, MessageType

UUID = "3f1c9a0b-e57d-4468-8c0a-1d5ef4b7926a"
BUILD: dict[str, Any] = {
    "schema_version": "1",
    "build_id": UUID,
    "project_id": UUID,
    "repository": "https://git.example.com/sparki/api-engine.git",
    "commit_sha": "3f1c9a0be57d24688c0a1d5ef4b7926a08d3c517",
    "branch": "main",
    "trigger": "push",
    "priority": 8,
    "requested_by": "maria",
    "requested_at": "2026-03-01T10:00:00Z",
    "timeout_s": 600,
}


@pytest.fixture(scope="module")
def sparki() -> Contract:
    """Return sparki's contract."""
    return load.load_contract("sparki")


@pytest.fixture(scope="module")
def build_job(sparki: Contract) -> MessageType:
    """Return the message type of a build."""
    return next(message for message in sparki.messages if message.name == "build_job")


def test_the_published_schema_is_the_model_s() -> None:
    """An editor checks what the loader checks; write it anew by `python -m ...schema`."""
    published = json.loads(schema.PUBLISHED.read_text(encoding="utf-8"))
    assert published == schema.contract_schema(), "run: python -m gameday.contracts.schema"


def test_every_field_of_the_schema_has_a_description() -> None:
    """Whoever writes a contract reads what a field means where he writes it."""
    parts = [schema.contract_schema(), *schema.contract_schema()["$defs"].values()]
    bare = [
        f"{part['title']}.{name}"
        for part in parts
        for name, field in part["properties"].items()
        if not field.get("description")
    ]
    assert bare == []


def test_the_published_schema_takes_sparki_and_refuses_a_typing_error() -> None:
    """The schema is one that a validator can use, and it says no where the loader does."""
    validator = Draft202012Validator(schema.contract_schema())
    text = Path(load.FOLDER, "sparki.yaml").read_text(encoding="utf-8")
    # JSON has no numbers for keys; editors turn YAML's into text as JSON does.
    data = json.loads(json.dumps(yaml.safe_load(text)))
    assert list(validator.iter_errors(data)) == []
    data["producers"][0]["rate_per_sec"] = 1
    assert [error.json_path for error in validator.iter_errors(data)] == ["$.producers[0]"]


def test_a_good_body_has_no_mistakes(build_job: MessageType) -> None:
    """A build as the plan describes it conforms, with or without fields that are new."""
    assert schema.body_mistakes(build_job, BUILD) == []
    assert schema.body_mistakes(build_job, {**BUILD, "added_later": True}) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("build_id", "17"),
        ("commit_sha", "main"),
        ("priority", 11),
        ("priority", "8"),
        ("requested_at", "2026-03-01 yesterday"),
        ("requested_at", "2026-03-01T10:00:00"),
        ("trigger", "cron"),
        ("schema_version", "2"),
        ("timeout_s", 0),
    ],
)
def test_each_broken_field_is_named(build_job: MessageType, field: str, value: object) -> None:
    """A body with one broken field has exactly one mistake, at that field."""
    mistakes = schema.body_mistakes(build_job, {**BUILD, field: value})
    assert [mistake.partition(":")[0] for mistake in mistakes] == [f"$.{field}"]


@pytest.mark.parametrize("body", [None, [], "poison", 3, {}])
def test_what_is_no_build_at_all_is_a_mistake(build_job: MessageType, body: object) -> None:
    """Bodies of another kind break the schema instead of the validator."""
    assert schema.body_mistakes(build_job, body)


def test_a_validator_is_made_once(build_job: MessageType) -> None:
    """The second message of a type does not compile its schema again."""
    again = json.loads(json.dumps(build_job.body_schema))
    assert schema.compiled(build_job.body_schema) is schema.compiled(again)


def test_every_example_in_a_schema_conforms_to_it(sparki: Contract) -> None:
    """Examples, from which bodies are made, are good ones."""
    for message in sparki.messages:
        for name, field in message.body_schema["properties"].items():
            for example in field.get("examples", []):
                errors = list(schema.compiled(field).iter_errors(example))
                assert not errors, f"{message.name}.{name}: {example}"
