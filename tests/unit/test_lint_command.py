"""`gameday lint`: exit codes, output for people and programs, and files that cannot be read."""

import json
from pathlib import Path

import pytest
from lint_shop import SHOP

from gameday.contracts.lint.rules import RULES
from gameday.errors import UsageError
from scenarios import linting
from scenarios.cli import main

REFUSED = SHOP.replace("{name: orders.dead, type: quorum}", "{name: orders.dead, type: stream}")
UNROUTABLE = SHOP.replace("routing_key: order.new", "routing_key: order")


def code_of(*words: str) -> int:
    """Run the command line in this process; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["lint", *words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the clean shop in it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP, encoding="utf-8")
    return path


def test_without_an_error_it_ends_with_0(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings and notes are no errors; the last line says for which broker."""
    assert code_of("shop.yaml", "--broker", "3.10.8", "--nodes", "2") == 0

    said = capsys.readouterr().out
    assert "quorum-below-three" in said
    last = said.strip().splitlines()[-1]
    assert last == (
        "0 errors, 3 warnings, 0 notes: shop.yaml on RabbitMQ 3.10.8 (named by --broker), 2 nodes."
    )


def test_an_error_ends_with_1(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the loader refuses and what a rule finds both count, and a place is said once."""
    shop.write_text(UNROUTABLE, encoding="utf-8")
    assert code_of("shop.yaml", "--broker", "3.10.8", "--json") == 1

    told = json.loads(capsys.readouterr().out)
    finding, _ = told["findings"]
    assert finding["id"] == "key-reaches-nothing"
    assert finding["place"] == {
        "file": "shop.yaml",
        "line": 35,
        "field": "producers[0].routing_key",
    }
    assert told["counts"] == {"error": 1, "warning": 1, "note": 0}
    assert told["broker"] == {"version": "3.10.8", "chosen": "named"}


def test_what_the_loader_refuses_is_a_finding(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contract that gameday would not run is linted all the same, as far as it can be read."""
    shop.write_text(REFUSED, encoding="utf-8")
    assert code_of("shop.yaml", "--broker", "3.10.8", "--json") == 1

    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["id"] == "contract-refused"
    assert finding["place"]["field"] == "topology.queues[2].type"
    assert finding["found"] == 'expected classic or quorum, found "stream"'


def test_a_wrong_entry_does_not_hide_the_rest(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A consumer that cannot be read leaves the others to be linted."""
    text = SHOP.replace("prefetch: 11", "prefetch: none").replace(
        "routing_key: order.new", "routing_key: order.new\n    mandatory: false"
    )
    shop.write_text(text, encoding="utf-8")
    assert code_of("shop.yaml", "--broker", "3.10.8", "--json") == 1

    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each["id"] for each in found] == [
        "contract-refused",
        "dead-letters-unconfirmed",
        "lost-binding-unnoticed",
    ]


def test_settings_that_cannot_be_read_are_not_missed(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a broker setting is wrong, nothing is said of settings that are not there."""
    shop.write_text(SHOP.replace('versions: "<4.3"', "versions: 4"), encoding="utf-8")
    assert code_of("shop.yaml", "--broker", "3.10.8", "--json") == 1

    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each["id"] for each in found] == ["contract-refused", "dead-letters-unconfirmed"]


UNREADABLE = {
    "missing.yaml": None,
    "torn.yaml": "system: [",
    "torn.json": '{"queues": [',
    "list.json": "[]",
    "other.yaml": "name: x",
    "other.json": "{}",
    "empty.yaml": "",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_ends_with_2(
    name: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is neither a contract nor an export gets one sentence that names it."""
    text = UNREADABLE[name]
    if text is not None:
        shop.with_name(name).write_text(text, encoding="utf-8")

    assert code_of(name) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    assert name in said.err


@pytest.mark.parametrize(
    "words", [(), ("shop.yaml", "--nodes", "0"), ("shop.yaml", "--broker", "new")]
)
def test_bad_usage_ends_with_2(
    words: tuple[str, ...], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file, no node, or no version is one sentence."""
    assert code_of(*words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """--rules names every rule, with or without a file, for people and for programs."""
    assert code_of("--rules") == 0
    said = capsys.readouterr().out
    assert all(rule.id in said for rule in RULES)

    assert code_of("--rules", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [rule.id for rule in RULES] == [row["id"] for row in rows]
    assert all(row["looks_for"] and row["consequence"] and row["remedy"] for row in rows)


def test_without_a_broker_a_version_is_assumed_aloud(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine without RabbitMQ the output says which version was assumed."""

    def none_here(wanted: str | None) -> None:
        raise UsageError("no RabbitMQ on this machine")

    monkeypatch.setattr(linting, "find_release", none_here)
    assert code_of("shop.yaml") == 1
    assert "RabbitMQ 4.3 (assumed, since none is installed" in capsys.readouterr().out
