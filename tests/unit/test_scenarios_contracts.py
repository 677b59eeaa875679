"""The commands about contracts: import, definitions, schema, and variables on a command line."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from gameday.contracts.load import load_contract
from scenarios.cli import main

EXPORT = Path(__file__).parents[1] / "exports" / "4.3.6.json"
TAKING_A_SYSTEM = ("run", "up", "definitions")


def code_of(*words: str) -> int:
    """Run a command line; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def test_import_writes_a_contract_once_and_names_what_is_not_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system is called by its file, notes are on stderr, a file that is there stays."""
    path = tmp_path / "my-shop.yaml"
    words = ("import", str(EXPORT), "--vhost", "/", "--output", str(path))

    assert code_of(*words) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "gameday: queue audit.log is left out: it is a stream" in said.err
    assert f"gameday run {path}" in said.err
    assert load_contract(path).system == "my-shop"

    assert code_of(*words) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no queues, so it is no export"),
        ('{"users": []}', "rabbitmqctl export_definitions"),
    ],
)
def test_what_is_no_export_is_one_sentence(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to do instead; so it does for several virtual hosts."""
    path = tmp_path / "d.json"
    path.write_text(text)

    assert code_of("import", str(path)) == 2
    assert words in capsys.readouterr().err
    assert code_of("import", str(EXPORT)) == 2
    assert "--vhost: / or billing" in capsys.readouterr().err


def test_definitions_hold_the_hash_of_a_password_that_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's own salted hash: whoever has the password can compute it."""
    monkeypatch.delenv("GAMEDAY_DEFINITIONS_PASSWORD", raising=False)
    assert code_of("definitions", "sparki", "--broker", "4.3", "--with-user", "maria") == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    password = said.err.split("password of maria is ")[1].split(";")[0]
    (user,) = found["users"]
    raw = base64.b64decode(user["password_hash"])

    assert raw[4:] == hashlib.sha256(raw[:4] + password.encode()).digest()
    assert password not in said.out
    assert [(row["user"], row["vhost"]) for row in found["permissions"]] == [("maria", "/")]
    assert found["policies"] == [], "4.3 refuses mirroring"


@pytest.mark.parametrize("command", TAKING_A_SYSTEM)
def test_a_variable_that_nobody_declared_is_one_sentence(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that takes a system takes its variables, and refuses others."""
    assert code_of(command, "sparki", "--set", "NOBODY=1") == 2
    assert "found NOBODY" in capsys.readouterr().err
    assert code_of(command, "sparki", "--set", "NOBODY") == 2
    assert "write NAME=VALUE" in capsys.readouterr().err


def test_lint_takes_variables_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody declared is an error of the file, among whatever else it meets."""
    monkeypatch.setenv("COLUMNS", "300")

    assert code_of("lint", "sparki", "--broker", "4.3", "--set", "NOBODY=1") == 1
    assert "NOBODY" in capsys.readouterr().out


def test_schema_prints_where_editors_find_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Its path alone is on stdout, and there is a schema."""
    assert code_of("schema") == 0

    assert json.loads(Path(capsys.readouterr().out.strip()).read_text())["title"] == "Contract"
