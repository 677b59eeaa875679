"""Where a message goes by the topology alone, as the broker's own rules have it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.contracts.load import load_contract
from gameday.contracts.model import Alternative, Contract
from gameday.contracts.parts import (
    Binding,
    Exchange,
    ExchangeBinding,
    Policy,
    Queue,
    Topology,
)
from gameday.contracts.topology import (
    dead_letter_targets,
    policy_of,
    route,
    setting_of,
    topic_matches,
    with_alternative,
)
from gameday.errors import UsageError

WORDS = st.lists(st.sampled_from(["", "a", "b", "builds"]), max_size=5)
PARTS = st.lists(st.sampled_from(["*", "#", "a", "b", "builds"]), max_size=5)


def topology_of(kind: str, *bindings: Binding) -> Topology:
    """Return a topology of the queues a, b and c behind one exchange x."""
    return Topology(
        exchanges=(Exchange.model_validate({"name": "x", "type": kind}),),
        queues=tuple(Queue(name=name, type="classic") for name in "abc"),
        bindings=bindings,
    )


def bind(queue: str, key: str = "") -> Binding:
    """Return a binding of a queue to x."""
    return Binding(exchange="x", queue=queue, routing_key=key)


def matches_by_regular_expression(pattern: list[str], key: str) -> bool:
    """Match as a regular expression over words, each ended by a comma, would: a second opinion."""
    words = key.split(".") if key else []
    text = "".join(f"{word}," for word in words)
    one = {"*": "[^,]*,", "#": "(?:[^,]*,)*"}
    expression = "".join(one.get(part, f"{re.escape(part)},") for part in pattern)
    return re.fullmatch(expression, text) is not None


@given(pattern=PARTS, words=WORDS)
def test_topic_patterns_match_as_a_regular_expression_over_words(
    pattern: list[str], words: list[str]
) -> None:
    """For any pattern and key the answer is that of an independent matcher."""
    key = ".".join(words)
    assert topic_matches(".".join(pattern), key) == matches_by_regular_expression(pattern, key)


@given(words=WORDS)
def test_a_hash_takes_every_key_and_a_key_without_wildcards_itself(words: list[str]) -> None:
    """`#` alone matches anything, and each key matches itself."""
    key = ".".join(words)
    assert topic_matches("#", key)
    assert topic_matches(key, key)


@pytest.mark.parametrize(
    ("pattern", "key", "taken"),
    [
        ("builds.*", "builds.failed", True),
        ("builds.*", "builds", False),
        ("builds.#", "builds", True),
        ("*.failed", "a.b.failed", False),
        ("#.failed", "a.b.failed", True),
        ("#.a.#", "b.a.b", True),
        ("*", "", False),
        ("#", "", True),
        ("", "", True),
        ("", "a", False),
        ("a.*", "a.", True),
    ],
)
def test_topic_patterns_at_their_edges(pattern: str, key: str, taken: bool) -> None:
    """The corners of the rule, one by one."""
    assert topic_matches(pattern, key) is taken


def test_the_default_exchange_reaches_the_queue_of_that_name_only() -> None:
    """On the default exchange the key is the queue's name, and bindings do not matter."""
    topology = topology_of("fanout", bind("a"), bind("b"))
    assert route(topology, "", "b") == ("b",)
    assert route(topology, "", "none") == ()


@pytest.mark.parametrize(
    ("kind", "key", "reached"),
    [
        ("direct", "one", ("a",)),
        ("direct", "one.two", ()),
        ("fanout", "whatever", ("a", "b", "c")),
        ("topic", "one", ("a", "c")),
        ("topic", "one.two", ("c",)),
        ("topic", "x.two", ("b", "c")),
        ("headers", "one", ("a", "b", "c")),
    ],
)
def test_each_type_of_exchange_routes_by_its_own_rule(
    kind: str, key: str, reached: tuple[str, ...]
) -> None:
    """The same bindings reach different queues behind different exchanges, each queue once."""
    topology = topology_of(
        kind, bind("c", "#"), bind("b", "x.*"), bind("a", "one"), bind("a", "#.q")
    )
    assert route(topology, "x", key) == reached


def test_an_exchange_that_is_not_there_reaches_nothing() -> None:
    """Bindings of another exchange are not taken for this one's."""
    assert route(topology_of("fanout", bind("a")), "y", "k") == ()


def test_the_broker_s_own_exchanges_route_without_being_declared() -> None:
    """amq.topic is a topic exchange, though no contract declares it."""
    binding = Binding(exchange="amq.topic", queue="a", routing_key="k.*")
    topology = Topology(queues=(Queue(name="a", type="quorum"),), bindings=(binding,))
    assert route(topology, "amq.topic", "k.1") == ("a",)
    assert route(topology, "amq.direct", "k.*") == ()


def test_dead_letters_go_by_the_replaced_key_or_else_their_own() -> None:
    """The queue's dead-letter routing key wins over the key the message came with."""
    plain = Queue(name="a", type="classic", arguments={"x-dead-letter-exchange": "x"})
    replaced = plain.model_copy(
        update={"arguments": {**plain.arguments, "x-dead-letter-routing-key": "c"}}
    )
    behind = topology_of("direct", bind("b", "b"), bind("c", "c"))
    rest = behind.queues[1:]
    for dying, reached in ((plain, ("b",)), (replaced, ("c",))):
        topology = behind.model_copy(update={"queues": (dying, *rest)})
        assert dead_letter_targets(topology, "a", "b") == reached


def test_a_policy_sets_dead_lettering_unless_the_queue_does() -> None:
    """Of two policies the one of higher priority counts, and an argument wins over both."""
    low = Policy(name="low", pattern="^a$", definition={"dead-letter-exchange": "x"})
    high = Policy(name="high", pattern="a", definition={}, priority=1)
    other = Policy(name="other", pattern="a", definition={}, priority=2, apply_to="quorum_queues")
    topology = topology_of("fanout", bind("b"))
    with_low = topology.model_copy(update={"policies": (low, other)})
    with_both = topology.model_copy(update={"policies": (low, high, other)})
    assert dead_letter_targets(with_low, "a", "k") == ("b",)
    assert dead_letter_targets(with_both, "a", "k") == ()
    assert policy_of(with_both, topology.queues[0]) == high
    assert dead_letter_targets(topology, "a", "k") == ()


@pytest.fixture(scope="module")
def sparki() -> Contract:
    """Return sparki's contract."""
    return load_contract("sparki")


def test_the_alternative_changes_its_queues_and_nothing_else(sparki: Contract) -> None:
    """It makes builds and its DLQ quorum queues, unmirrored, and says so in sparki-02."""
    changed = with_alternative(sparki, "quorum-builds")
    before = {queue.name: queue for queue in sparki.topology.queues}
    after = {queue.name: queue for queue in changed.topology.queues}
    assert list(before) == list(after)
    assert {name for name in before if before[name] != after[name]} == {"builds", "builds.failed"}
    assert after["builds"].type == "quorum"
    assert after["builds"].max_priority is None
    assert [p.name for p in sparki.topology.policies] == ["ha-all"]
    assert changed.topology.policies == ()
    differing = [
        old.id
        for old, new in zip(sparki.requirements, changed.requirements, strict=True)
        if old != new
    ]
    assert differing == ["sparki-02"]
    assert (changed.producers, changed.consumers) == (sparki.producers, sparki.consumers)


def test_an_alternative_may_change_consumers(sparki: Contract) -> None:
    """A consuming service of an alternative takes the place of the one of its name, no other."""
    slow = sparki.consumers[0].model_copy(update={"prefetch": 100})
    other = Alternative(name="greedy", reason="It hides priorities.", consumers=(slow,))
    changed = with_alternative(sparki.model_copy(update={"alternatives": (other,)}), "greedy")

    assert changed.consumers == (slow, *sparki.consumers[1:])
    assert changed.topology == sparki.topology


def test_an_unknown_alternative_is_told_with_the_closest(sparki: Contract) -> None:
    """A misspelt alternative is answered with the one that was meant."""
    with pytest.raises(UsageError, match='no alternative "quorum-build": did you mean "quorum-b'):
        with_alternative(sparki, "quorum-build")


def test_an_alternate_exchange_takes_what_reaches_nobody() -> None:
    """It counts only where neither a queue nor an exchange is bound; cycles end."""
    topology = Topology(
        exchanges=(
            Exchange(name="a", type="direct", arguments={"alternate-exchange": "rest"}),
            Exchange(name="b", type="direct"),
            Exchange(name="rest", type="fanout"),
        ),
        queues=(Queue(name="q", type="classic"), Queue(name="r", type="classic")),
        bindings=(
            Binding(exchange="b", queue="q", routing_key="k"),
            Binding(exchange="rest", queue="r"),
        ),
        exchange_bindings=(
            ExchangeBinding(source="a", destination="b", routing_key="k"),
            ExchangeBinding(source="b", destination="a", routing_key="k"),
            ExchangeBinding(source="a", destination="b", routing_key="deaf"),
        ),
    )

    assert route(topology, "a", "k") == ("q",)
    assert route(topology, "a", "other") == ("r",)
    assert route(topology, "a", "deaf") == ()


def test_of_an_operator_s_limit_and_another_the_smaller_counts() -> None:
    """Other keys come from the argument first, then the operator, then the policy."""
    queue = Queue(name="q", type="classic", arguments={"x-max-length": 10})
    topology = Topology(
        queues=(queue,),
        policies=(
            Policy(name="p", pattern=".", definition={"message-ttl": 5, "overflow": "drop-head"}),
        ),
        operator_policies=(
            Policy(name="o", pattern=".", definition={"max-length": 7, "message-ttl": 9}),
        ),
    )

    assert setting_of(topology, queue, "max-length") == 7
    assert setting_of(topology, queue, "message-ttl") == 5
    assert setting_of(topology, queue, "overflow") == "drop-head"
    assert setting_of(topology, queue, "expires") is None
