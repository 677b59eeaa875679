"""Mistakes in what a contract says: names that are not there, and what a broker would refuse."""

from pathlib import Path

import pytest
from contracts_shop import sentences_of_change

MISTAKES = {
    "unknown message": (
        "message: order\n    routing_key: mail",
        "message: letter\n    routing_key: mail",
        (
            "shop.yaml:30: producers[1].message: expected the message order, found "
            '"letter"; use order'
        ),
    ),
    "unknown exchange": (
        "    routing_key: mail",
        "    exchange: deed\n    routing_key: mail",
        (
            "shop.yaml:31: producers[1].exchange: expected the exchange dead, found "
            '"deed"; did you mean dead?'
        ),
    ),
    "unroutable": (
        "    routing_key: mail",
        "    exchange: dead\n    routing_key: mail",
        (
            "shop.yaml:32: producers[1].routing_key: expected a key that reaches a queue,"
            ' found none; on the exchange "dead" use orders.# or orders'
        ),
    ),
    "unknown queue": (
        "    queue: orders\n",
        "    queue: order\n",
        (
            "shop.yaml:35: consumers[0].queue: expected one of the queues orders, mail or"
            ' orders.dead, found "order"; did you mean orders?'
        ),
    ),
    "unknown end of a binding": (
        "queue: orders.dead, routing_key: orders}",
        "queue: orders.deed, routing_key: orders}",
        (
            "shop.yaml:16: topology.bindings[1].queue: expected one of the queues orders,"
            ' mail or orders.dead, found "orders.deed"; did you mean orders.dead?'
        ),
    ),
    "binding of the default exchange": (
        "{exchange: dead, queue: orders.dead, routing_key: orders}",
        '{exchange: "", queue: orders.dead, routing_key: orders}',
        (
            "shop.yaml:16: topology.bindings[1].exchange: expected an exchange, found the"
            " default one, which binds every queue; remove it"
        ),
    ),
    "twice the same name": (
        "- name: postman",
        "- name: till",
        (
            'shop.yaml:29: producers[1].name: expected each name once, found "till" again; '
            "rename one of them"
        ),
    ),
    "twice the same id": (
        "- id: shop-02",
        "- id: shop-01",
        (
            'shop.yaml:45: requirements[1].id: expected each id once, found "shop-01" '
            "again; rename one of them"
        ),
    ),
    "twice the same binding": (
        "routing_key: orders}",
        'routing_key: "orders.#"}',
        (
            "shop.yaml:16: topology.bindings[1]: expected each binding once, found it "
            "again; remove one of them"
        ),
    ),
    "priority over the queue's": (
        "priorities: {0: 1, 5: 1}",
        "priorities: {0: 1, 6: 1}",
        (
            "shop.yaml:27: producers[0].priorities.6: expected 0 to 5 (x-max-priority of "
            "its queue), found 6; change the number"
        ),
    ),
    "priority is no number": (
        "priorities: {0: 1, 5: 1}",
        "priorities: {low: 1}",
        (
            "shop.yaml:27: producers[0].priorities.low: expected a whole number, found "
            '"low"; change the value'
        ),
    ),
    "priorities on a quorum queue": (
        "{name: orders, type: quorum}",
        "{name: orders, type: quorum, arguments: {x-max-priority: 5}}",
        (
            "shop.yaml:52: alternatives[0].queues[0].arguments.x-max-priority: expected "
            "none, since the broker refuses it (406) on a quorum queue; remove it"
        ),
    ),
    "at least once without its conditions": (
        "{name: orders, type: quorum}",
        "{name: orders, type: quorum, arguments: {x-dead-letter-strategy: at-least-once}}",
        (
            "shop.yaml:52: alternatives[0].queues[0].arguments.x-dead-letter-strategy: "
            "expected it together with x-overflow: reject-publish and x-dead-letter-"
            "exchange, without which the broker falls back to at-most-once; add what is "
            "missing"
        ),
    ),
    "dead letters that reach nothing": (
        "x-dead-letter-exchange: dead}",
        "x-dead-letter-exchange: dead, x-dead-letter-routing-key: other}",
        (
            "shop.yaml:9: topology.queues[0].arguments.x-dead-letter-exchange: expected a"
            ' binding that takes its dead letters (key "other"), found none; bind a queue'
            " to dead"
        ),
    ),
    "failures for good without a DLX": (
        "    routing_key: mail\n    rate_per_s: 1\n",
        "    routing_key: mail\n    rate_per_s: 1\n    mix: {invalid: 0.1}\n",
        (
            "shop.yaml:33: producers[1].mix: expected none that fails for good, since "
            "mail has no dead-letter exchange and would drop it; add one, or leave them "
            "out"
        ),
    ),
    "shares over one": (
        "mix: {permanent: 0.1}",
        "mix: {permanent: 0.6, transient: 0.5}",
        ("shop.yaml:28: producers[0].mix: expected shares up to 1 in all, found 1.1; lower them"),
    ),
    "requeue on a classic queue": (
        "    queue: orders\n",
        "    queue: orders\n    retry: requeue\n",
        (
            "shop.yaml:36: consumers[0].retry: expected republish or none, since a "
            "classic queue keeps no delivery count by which tries could be limited, found"
            " requeue; use republish"
        ),
    ),
    "bad pattern": (
        "pattern: ^orders",
        'pattern: "("',
        (
            "shop.yaml:18: topology.policies[0].pattern: expected a regular expression, "
            'found "("; missing ), unterminated subpattern at position 0'
        ),
    ),
    "bad versions": (
        '">=3.12"',
        "since 3.12",
        (
            "shop.yaml:37: broker_settings[0].versions: expected versions such as "
            '">=3.12,<4", found "since 3.12"; change them'
        ),
    ),
    "bad JSON Schema": (
        "schema: {type: object}",
        "schema: {type: objekt}",
        (
            "shop.yaml:21: messages[0].schema.type: expected a JSON Schema, found none; "
            "'objekt' is not valid under any of the given schemas"
        ),
    ),
    "example that its schema refuses": (
        "schema: {type: object}",
        "schema: {type: object, properties: {n: {maximum: 3, examples: [1, 4]}}}",
        (
            "shop.yaml:21: messages[0].schema.properties.n.examples[1]: expected an example that "
            "its schema takes, found 4; 4 is greater than the maximum of 3"
        ),
    ),
    "judged by nothing": (
        "    not_tested: {reason: no prices, how: ask}\n",
        "",
        (
            "shop.yaml:45: requirements[1]: expected criteria or not_tested, found "
            "neither; say how it is judged, or why not"
        ),
    ),
    "claimed and judged by nothing": (
        "how: ask}",
        "how: ask}\n    suites: [full]",
        (
            "shop.yaml:48: requirements[1].suites: expected no suites, since nothing "
            "judges this requirement; add criteria"
        ),
    ),
    "smoke alone": (
        "suites: [smoke, full]",
        "suites: [smoke]",
        (
            "shop.yaml:44: requirements[0].suites: expected full too, since full claims "
            "whatever smoke does; add it"
        ),
    ),
    "misspelt parameter": (
        "parameters: {queues: [orders]}",
        "parameters: {queue: orders}",
        (
            "shop.yaml:43: requirements[0].criteria[0].parameters.queue: expected a "
            "parameter of loss: queues, found queue; did you mean queues?"
        ),
    ),
    "parameter that names nothing": (
        "parameters: {queues: [orders]}",
        "parameters: {queues: [order]}",
        (
            "shop.yaml:43: requirements[0].criteria[0].parameters.queues[0]: expected "
            'orders, mail or orders.dead, found "order"; did you mean orders?'
        ),
    ),
    "a handler that hangs and is never stopped": (
        "mix: {permanent: 0.1}",
        "mix: {timed_out: 0.1}",
        (
            "shop.yaml:28: producers[0].mix.timed_out: expected a timeout_ms of the consumer of "
            "orders, without which a handler that hangs is never stopped; add one"
        ),
    ),
    "more at once than may be held": (
        "    queue: orders\n",
        "    queue: orders\n    prefetch: 4\n    parallel: 5\n",
        (
            "shop.yaml:37: consumers[0].parallel: expected at most its prefetch, 4, since it never "
            "holds more; lower it, or raise prefetch"
        ),
    ),
    "unknown consumer of an alternative": (
        "    reason: It survives.\n",
        "    reason: It survives.\n    consumers:\n      - {name: paker, queue: orders}\n",
        (
            "shop.yaml:52: alternatives[0].consumers[0].name: expected the consumer packer, found "
            '"paker"; did you mean packer?'
        ),
    ),
    "unknown queue of an alternative": (
        "{name: orders, type: quorum}",
        "{name: order, type: quorum}",
        (
            "shop.yaml:52: alternatives[0].queues[0].name: expected one of the queues "
            'orders, mail or orders.dead, found "order"; did you mean orders?'
        ),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, name: str) -> None:
    """Each of these mistakes is told in one line that names file, line, field and remedy."""
    old, new, expected = MISTAKES[name]
    assert sentences_of_change(tmp_path, old, new) == [expected]
