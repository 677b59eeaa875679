"""The page on writing contracts tells the truth: its example loads, its table is complete."""

import re
from pathlib import Path
from typing import get_args

import pytest

from gameday.contracts.load import load, load_contract
from gameday.contracts.model import CheckName, Power
from gameday.contracts.parameters import FAULT_CLASSES, PARAMETERS, PHASES, REASONS
from gameday.errors import UsageError

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")


def test_the_example_is_a_contract(tmp_path: Path) -> None:
    """Whoever copies the page's file and runs it meets no mistake."""
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    path = tmp_path / "orders.yaml"
    path.write_text(example[1], encoding="utf-8")
    assert load_contract(path).system == "orders"


def example() -> str:
    """Return the page's whole contract."""
    found = re.search(r"```yaml\n(system|# yaml)(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1] + found[2]


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ("type: topic}", "type: topic, durabel: true}", "topology.exchanges[0].durabel",
         "a known field"),
        ("title: Orders of a shop\n", "", "title", "a value, found nothing"),
        ("type: quorum}", "type: quorom}", "topology.queues[1].type", "classic or quorum"),
        ("size_bytes: 500", "size_bytes: big", "messages[0].size_bytes", "a whole number"),
        ("message: order", "message: odrer", "producers[0].message", "the message order"),
        ("queue: orders\n", "queue: ordes\n", "consumers[0].queue", "one of the queues"),
        ("check: loss", "check: los", "requirements[0].criteria[0].check", "topology, boots"),
        ("least:", "most:", "requirements[1].criteria[0].parameters.most", "a parameter of"),
        ("id: orders-02", "id: orders-01", "requirements[1].id", "each id once"),
        ("x-overflow: reject-publish", "x-max-length: 9",
         "topology.queues[0].arguments.x-dead-letter-strategy", "it together with x-overflow"),
        ("routing_key: order.placed", "routing_key: placed", "producers[0].routing_key",
         "a key that reaches a queue"),
        ("prefetch: 10", "prefetch: ${MANY}", "consumers[0].prefetch", "no variable, found MANY"),
        ("suites: [smoke, full]", "suites: [smoke]", "requirements[0].suites", "full too"),
        ("retry: requeue", "retry: [", "the file", "YAML, found a mistake in its syntax"),
    ],
)  # fmt: skip
def test_each_kind_of_mistake_has_its_file_line_field_and_what_was_expected(
    tmp_path: Path, old: str, new: str, field: str, expected: str
) -> None:
    """Whoever changes the example wrongly reads one line about it, and about nothing else."""
    assert old in example()
    path = tmp_path / "orders.yaml"
    path.write_text(example().replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_contract(path)

    (said,) = str(raised.value).splitlines()
    assert re.match(rf"{re.escape(str(path))}:\d+: {re.escape(field)}: expected {expected}", said)


def test_the_page_s_variables_do_what_it_says(tmp_path: Path) -> None:
    """The block about variables, put into the example, gives its consumer 64 by default."""
    block = re.search(r"```yaml\n(variables: .*)\nconsumers:\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    text = f"{block[1]}\n" + example().replace("queue: orders\n", "queue: ${AMQP_QUEUE}\n", 1)
    text = text.replace("prefetch: 10", "prefetch: ${AMQP_PREFETCH}")
    path = tmp_path / "orders.yaml"
    path.write_text(text, encoding="utf-8")

    found = load(path, {"AMQP_QUEUE": "orders"})
    assert found.contract.consumers[0].prefetch == 64
    assert [value.origin for value in found.values] == ["--set", "the default"]


def test_every_check_is_in_the_table_with_all_its_parameters() -> None:
    """The table has one row a check, in the model's order, each with the parameters it takes."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ?([^|]*) ?\|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == list(get_args(CheckName))
    for name, parameters in rows:
        outside = re.sub(r"\([^)]*\)", "", parameters)  # In brackets are values, not names.
        assert tuple(re.findall(r"`(\w+)`", outside)) == PARAMETERS[name], name


def test_every_word_that_a_contract_may_use_is_on_the_page() -> None:
    """Powers, phases, classes of fault and reasons are all named."""
    for word in (*get_args(Power), *PHASES, *FAULT_CLASSES, *REASONS):
        assert f"`{word}`" in PAGE, word
