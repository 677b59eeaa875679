"""An exported definitions.json: what only exports have, and where in the file it is."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_shop import NEW, OLD, told

from gameday.contracts.definitions import to_definitions
from gameday.contracts.lint.linting import Linted, lint_file
from gameday.contracts.load import load_contract
from gameday.errors import UsageError

QUORUM = {"x-queue-type": "quorum"}


def queue(name: str, **fields: Any) -> dict[str, Any]:
    """Return a queue as brokers export it."""
    return {"name": name, "durable": True, "auto_delete": False, "arguments": {}, **fields}


def binding(source: str, destination: str, key: str, kind: str = "queue") -> dict[str, Any]:
    """Return a binding as brokers export it."""
    return {
        "source": source,
        "destination": destination,
        "destination_type": kind,
        "routing_key": key,
        "arguments": {},
    }


def exchange(name: str, kind: str, **arguments: str) -> dict[str, Any]:
    """Return an exchange as brokers export it."""
    return {"name": name, "type": kind, "durable": True, "arguments": arguments}


def lint(folder: Path, data: dict[str, Any], version: str = OLD, nodes: int = 3) -> Linted:
    """Lint an export."""
    path = folder / "definitions.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return lint_file(str(path), version, nodes)


def places(linted: Linted, rule: str) -> list[str]:
    """Return severity and path of a rule's findings."""
    return told(list(linted.findings), rule)


HITS: dict[str, tuple[dict[str, Any], str]] = {
    "auto-delete-queue": (
        {"queues": [queue("a"), queue("b", auto_delete=True)]},
        "warning $.queues[1].auto_delete",
    ),
    "exclusive-queue": (
        {"queues": [queue("a", exclusive=True)]},
        "warning $.queues[0].exclusive",
    ),
    "declaration-refused": (
        {"queues": [queue("a", auto_delete=True, arguments=QUORUM)]},
        "error $.queues[0].auto_delete",
    ),
    "no-alternate-exchange": (
        {
            "exchanges": [exchange("shop", "topic")],
            "queues": [queue("a", arguments=QUORUM)],
            "bindings": [binding("shop", "a", "#")],
        },
        "note $.exchanges[0]",
    ),
    "expiring-queue": (
        {"queues": [queue("a", arguments={"x-expires": 9})]},
        'warning $.queues[0].arguments["x-expires"]',
    ),
    "dead-letter-key-unroutable": (
        {
            "exchanges": [exchange("jobs", "direct"), exchange("dead", "direct")],
            "queues": [
                queue("jobs.v1", arguments={"x-dead-letter-exchange": "dead"}),
                queue("jobs.dead"),
            ],
            "bindings": [
                binding("jobs", "jobs.v1", "job"),
                binding("dead", "jobs.dead", "jobs.v1"),
            ],
        },
        'error $.queues[0].arguments["x-dead-letter-exchange"]',
    ),
    "expiry-discards": (
        {
            "queues": [queue("a")],
            "parameters": [
                {
                    "component": "operator_policy",
                    "name": "tidy",
                    "value": {
                        "pattern": "",
                        "apply-to": "queues",
                        "definition": {"message-ttl": 9},
                    },
                },
            ],
        },
        'warning $.parameters[0].value.definition["message-ttl"]',
    ),
}

MISSES: dict[str, list[dict[str, Any]]] = {
    "auto-delete-queue": [{"queues": [queue("a")]}],
    "exclusive-queue": [{"queues": [queue("a", exclusive=False)]}],
    "declaration-refused": [{"queues": [queue("a", auto_delete=True)]}],
    "no-alternate-exchange": [
        {
            "exchanges": [
                exchange("shop", "topic", **{"alternate-exchange": "rest"}),
                exchange("rest", "fanout"),
                exchange("later", "direct"),
            ],
            "queues": [queue("a", arguments=QUORUM)],
            "bindings": [binding("shop", "a", "#"), binding("rest", "a", "")],
        },
    ],
    "dead-letter-key-unroutable": [
        {  # The keys of a topic's messages are not known.
            "exchanges": [exchange("jobs", "topic"), exchange("dead", "direct")],
            "queues": [queue("a", arguments={"x-dead-letter-exchange": "dead"}), queue("b")],
            "bindings": [binding("jobs", "a", "job.#"), binding("dead", "b", "any")],
        },
        {  # Over another exchange.
            "exchanges": [exchange("dead", "direct"), exchange("far", "fanout")],
            "queues": [queue("a", arguments={"x-dead-letter-exchange": "dead"}), queue("b")],
            "bindings": [binding("dead", "far", "a", "exchange"), binding("far", "b", "")],
        },
    ],
}


@pytest.mark.parametrize("rule", HITS)
def test_hit(rule: str, tmp_path: Path) -> None:
    """The rule finds it, and names its place as JSONPath does."""
    data, expected = HITS[rule]

    assert [expected] == places(lint(tmp_path, data), rule)


@pytest.mark.parametrize(
    ("rule", "data"),
    [(rule, data) for rule, cases in MISSES.items() for data in cases],
)
def test_near_miss(rule: str, data: dict[str, Any], tmp_path: Path) -> None:
    """The rule leaves alone what only looks like it."""
    assert places(lint(tmp_path, data), rule) == []


def test_virtual_hosts_are_apart(tmp_path: Path) -> None:
    """An exchange of another virtual host is not there for a queue's dead letters."""
    work = queue("a", vhost="one", arguments={**QUORUM, "x-dead-letter-exchange": "dead"})
    there = {**exchange("dead", "fanout"), "vhost": "two"}

    linted = lint(tmp_path, {"queues": [work], "exchanges": [there]})

    assert places(linted, "dead-letter-exchange-missing")
    assert not places(
        lint(tmp_path, {"queues": [work], "exchanges": [{**there, "vhost": "one"}]}),
        "dead-letter-exchange-missing",
    )


def test_a_queue_without_a_type_is_of_its_hosts(tmp_path: Path) -> None:
    """Where the virtual host's default is quorum, a queue that names none is no classic one."""
    rows = {"queues": [queue("a", vhost="v")], "vhosts": [{"name": "v"}]}
    default = {**rows, "vhosts": [{"name": "v", "default_queue_type": "quorum"}]}

    assert places(lint(tmp_path, rows), "classic-on-one-node") == ["warning $.queues[0]"]
    assert places(lint(tmp_path, default), "classic-on-one-node") == []


def test_the_smallest_of_argument_and_policies_counts(tmp_path: Path) -> None:
    """Argument, policy and operator's policy may all set a time to live; the broker's is least."""
    row = queue("a", arguments={"x-message-ttl": 500})
    policy = {
        "name": "p",
        "pattern": "^a$",
        "apply-to": "classic_queues",
        "definition": {"message-ttl": 400},
        "priority": 1,
    }

    linted = lint(tmp_path, {"queues": [row], "policies": [policy]})

    assert places(linted, "expiry-discards") == ['warning $.policies[0].definition["message-ttl"]']


def test_the_contracts_own_export_has_no_error(tmp_path: Path) -> None:
    """What sparki's contract declares on a version is not refused and loses nothing there."""
    contract = load_contract("sparki")
    for version in (OLD, NEW):
        linted = lint(tmp_path, to_definitions(contract, "v", version), version)
        assert linted.kind == "definitions"
        assert linted.count("error") == 0


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"queues": [queue("a"), {"durable": True}]}, "$.queues[1].name"),
        ({"queues": 5}, "$.queues"),
        ({"queues": [], "bindings": [{"source": "x"}]}, "$.bindings[0].destination"),
        (
            {"queues": [], "parameters": [{"component": "operator_policy", "name": "p"}]},
            "$.parameters[0].value",
        ),
    ],
)
def test_a_row_that_is_none_is_named(data: dict[str, Any], where: str, tmp_path: Path) -> None:
    """What no broker exports is refused in one sentence with its path."""
    with pytest.raises(UsageError) as raised:
        lint(tmp_path, data)
    assert len(str(raised.value).splitlines()) == 1
    assert f": {where}: " in str(raised.value)


def test_rows_of_one_host_belong_together_named_or_not(tmp_path: Path) -> None:
    """Brokers name the virtual host of a policy and not of a queue in the export of one host."""
    policy = {
        "vhost": "v",
        "name": "p",
        "pattern": "",
        "apply-to": "queues",
        "definition": {"expires": 9},
        "priority": 0,
    }

    linted = lint(tmp_path, {"queues": [queue("a")], "policies": [policy]})

    assert places(linted, "expiring-queue") == ["warning $.policies[0].definition.expires"]


NAMES = st.sampled_from(["", "a", "b", "c", "a.b", "amq.topic"])
VALUES = st.one_of(st.integers(-1, 40), NAMES, st.sampled_from(["at-least-once", "reject-publish"]))
KEYS = (
    "message-ttl",
    "expires",
    "max-length",
    "overflow",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
    "delivery-limit",
    "quorum-initial-group-size",
    "max-priority",
    "ha-mode",
    "alternate-exchange",
)
QUEUES = st.builds(
    queue,
    NAMES,
    durable=st.booleans(),
    auto_delete=st.booleans(),
    exclusive=st.booleans(),
    type=st.sampled_from(["classic", "quorum", "stream", None]),
    arguments=st.dictionaries(st.sampled_from([f"x-{key}" for key in KEYS]), VALUES),
)
EXCHANGES = st.builds(
    exchange,
    NAMES,
    st.sampled_from(["direct", "topic", "fanout", "headers", "x-random"]),
    **{"alternate-exchange": NAMES},
)
BINDINGS = st.builds(binding, NAMES, NAMES, NAMES, st.sampled_from(["queue", "exchange"]))
POLICIES = st.fixed_dictionaries(
    {
        "name": NAMES,
        "pattern": st.sampled_from(["", "^a", "(", "b$"]),
        "apply-to": st.sampled_from(["queues", "exchanges", "all", "quorum_queues"]),
        "definition": st.dictionaries(st.sampled_from(KEYS), VALUES),
        "priority": st.integers(0, 2),
    },
)
EXPORTS = st.fixed_dictionaries(
    {
        "queues": st.lists(QUEUES, max_size=4),
        "exchanges": st.lists(EXCHANGES, max_size=3),
        "bindings": st.lists(BINDINGS, max_size=5),
        "policies": st.lists(POLICIES, max_size=2),
    },
)


@given(EXPORTS, st.sampled_from([OLD, "4.0.5", NEW]), st.integers(1, 3))
def test_whatever_brokers_export_is_linted(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any], version: str, nodes: int
) -> None:
    """No topology makes lint fail, every place is in the file, and nothing is said twice."""
    linted = lint(tmp_path_factory.mktemp("export"), data, version, nodes)
    said = [(each.id, each.place.field, each.found) for each in linted.findings]
    assert len(said) == len(set(said))
    assert all(field.startswith("$") and field != "$" for _, field, _ in said)


def test_thousands_of_queues_are_linted_in_seconds(tmp_path: Path) -> None:
    """Two thousand queues take less than ten seconds, and usually half of one."""
    count = 2000
    arguments = {"x-dead-letter-exchange": "dead"}
    rows = {
        "exchanges": [exchange("jobs", "direct"), exchange("dead", "fanout")],
        "queues": [queue(f"q{i}", arguments=arguments) for i in range(count)] + [queue("end")],
        "bindings": [binding("jobs", f"q{i}", f"k{i}") for i in range(count)]
        + [binding("dead", "end", "")],
    }

    begun = time.perf_counter()
    linted = lint(tmp_path, rows)

    assert time.perf_counter() - begun < 10
    assert linted.count("error") == 0
