"""A contract's variables: where values come from, what type they take, and what is refused."""

import json
from pathlib import Path

import pytest
from contracts_shop import GOOD
from jsonschema import Draft202012Validator

from gameday.contracts.document import read
from gameday.contracts.load import load
from gameday.contracts.model import Contract
from gameday.contracts.schema import contract_schema
from gameday.contracts.variables import Value
from gameday.errors import UsageError

VARIABLES = "variables: {AMQP_QUEUE: mail, AMQP_PREFETCH: 64, FAST: true}\n"
TEXT = VARIABLES + GOOD.replace("- name: mail\n", "- name: ${AMQP_QUEUE}\n").replace(
    "routing_key: mail", "routing_key: ${AMQP_QUEUE}"
).replace("queue: orders\nbroker", "queue: orders\n    prefetch: ${AMQP_PREFETCH}\nbroker")


def loaded(folder: Path, text: str = TEXT, **given: str) -> tuple[Contract, dict[str, Value]]:
    """Return the contract of a text, and its variables by name."""
    path = folder / "shop.yaml"
    path.write_text(text)
    found = load(path, given)
    return found.contract, {value.name: value for value in found.values}


def refused(folder: Path, text: str = TEXT, **given: str) -> list[str]:
    """Return what loading a text says, without the folder."""
    with pytest.raises(UsageError) as raised:
        loaded(folder, text, **given)
    return str(raised.value).replace(f"{folder}/", "").splitlines()


def test_defaults_fill_every_use(tmp_path: Path) -> None:
    """Without anything else the defaults stand, and a number stays one."""
    contract, values = loaded(tmp_path)

    assert [queue.name for queue in contract.topology.queues] == ["orders", "mail", "orders.dead"]
    assert contract.producers[1].routing_key == "mail"
    assert contract.consumers[0].prefetch == 64
    assert contract.variables == {"AMQP_QUEUE": "mail", "AMQP_PREFETCH": 64, "FAST": True}
    assert {value.origin for value in values.values()} == {"the default"}


def test_flags_win_over_the_environment_and_that_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable says where its value came from."""
    monkeypatch.setenv("AMQP_QUEUE", "from.environment")
    monkeypatch.setenv("AMQP_PREFETCH", "7")
    contract, values = loaded(tmp_path, AMQP_PREFETCH="8")

    assert contract.topology.queues[1].name == "from.environment"
    assert contract.consumers[0].prefetch == 8
    assert values == {
        "AMQP_QUEUE": Value("AMQP_QUEUE", "from.environment", "the environment"),
        "AMQP_PREFETCH": Value("AMQP_PREFETCH", 8, "--set"),
        "FAST": Value("FAST", True, "the default"),
    }


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Shop ${AMQP_PREFETCH}", "Shop 64"),
        ('"${AMQP_PREFETCH}"', "64"),
        ('"${FAST}"', "true"),
        ("a ${AMQP_QUEUE} and ${AMQP_QUEUE}", "a mail and mail"),
        ("not $${AMQP_QUEUE}", "not ${AMQP_QUEUE}"),
        ("$AMQP_QUEUE", "$AMQP_QUEUE"),
    ],
)
def test_a_part_of_a_scalar_and_what_is_in_quotes_is_text(
    tmp_path: Path, written: str, title: str
) -> None:
    """Only what stands alone and unquoted takes a type of its own."""
    contract, _ = loaded(tmp_path, TEXT.replace("title: A shop", f"title: {written}"))

    assert contract.title == title


def test_mistakes_after_filling_point_at_the_line_and_name_the_variable(tmp_path: Path) -> None:
    """What the environment spoils is found where it is used."""
    line = TEXT.splitlines().index("    prefetch: ${AMQP_PREFETCH}") + 1
    assert refused(tmp_path, AMQP_PREFETCH="many") == [
        (
            f'shop.yaml:{line}: consumers[0].prefetch: expected a whole number, found "many"; '
            "change the value (${AMQP_PREFETCH} is of --set)"
        )
    ]
    assert refused(tmp_path, AMQP_QUEUE="orders")[0].startswith(
        'shop.yaml:11: topology.queues[1].name: expected each name once, found "orders" again'
    )


@pytest.mark.parametrize(
    ("name", "default", "words"),
    [
        ("RABBITMQ_NODENAME", "a", "configure the broker itself"),
        ("GAMEDAY_SYSTEM", "a", "configure gameday itself"),
        ("AMQP_URL", "a", "it chooses the broker that is talked to"),
        ("amqp_queue", "a", "expected a name of A-Z, 0-9 and _"),
        ("EMPTY", '""', "found an empty one in the default"),
        ("NOTHING", "", "found an empty one in the default"),
        ("LIST", "[a]", "expected text, a number, true or false, found a list"),
    ],
)
def test_names_of_others_and_empty_values_are_refused(
    tmp_path: Path, name: str, default: str, words: str
) -> None:
    """One sentence says where and why."""
    (said,) = refused(tmp_path, f"variables:\n  {name}: {default}\n{GOOD}")

    assert said.startswith(f"shop.yaml:2: variables.{name}: ")
    assert words in said


def test_what_is_not_declared_or_empty_from_outside_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A use, a flag and an environment variable each end in a sentence with a line."""
    assert refused(tmp_path, TEXT.replace("${AMQP_PREFETCH}", "${AMQP_PREFETSH}")) == [
        (
            "shop.yaml:37: consumers[0].prefetch: expected a variable: AMQP_QUEUE, "
            "AMQP_PREFETCH or FAST, found AMQP_PREFETSH; did you mean AMQP_PREFETCH?"
        )
    ]
    assert refused(tmp_path, AMQP_QUEU="x") == [
        (
            "shop.yaml:1: variables: expected AMQP_QUEUE, AMQP_PREFETCH or FAST after --set, found "
            "AMQP_QUEU; did you mean AMQP_QUEUE?"
        )
    ]
    monkeypatch.setenv("AMQP_QUEUE", "")
    assert refused(tmp_path)[0] == (
        "shop.yaml:1: variables.AMQP_QUEUE: expected a value, found an empty one in the "
        "environment; give one, or unset it"
    )
    assert "declare it in variables" in refused(tmp_path, GOOD.replace("A shop", "${X}"))[0]


def test_inside_brackets_a_use_must_be_quoted(tmp_path: Path) -> None:
    """YAML itself cannot read it otherwise; the sentence says so."""
    (said,) = refused(tmp_path, TEXT.replace("{name: keep,", "{name: ${AMQP_QUEUE},"))

    assert "put ${NAME} in quotes" in said
    assert loaded(tmp_path, TEXT.replace("{name: keep,", '{name: "${AMQP_QUEUE}",'))


def test_an_editor_takes_a_variable_where_a_number_belongs() -> None:
    """The published schema does not underline what the loader takes."""
    validator = Draft202012Validator(contract_schema())

    assert list(validator.iter_errors(json.loads(json.dumps(read(TEXT).data)))) == []
