"""Each rule on a contract: what it finds and where, and the near miss that it leaves alone."""

from pathlib import Path

import pytest
from lint_shop import NEW, OLD, SHOP, TWO_CLASSES, Change, change, lint_change, lint_text, told

ORDERS_DLX = "        x-dead-letter-exchange: dead\n        x-dead-letter-routing-key: orders\n"
RUSH_DLX = "        x-dead-letter-exchange: dead\n        x-dead-letter-routing-key: rush\n"
AT_LEAST_ONCE = (
    "        x-dead-letter-strategy: at-least-once\n        x-overflow: reject-publish\n"
)
DEAD = "- {name: orders.dead, type: quorum}"
RUSH_DEAD = "- {name: rush.dead, type: classic}"
BACK = (
    "- name: rush.dead\n      type: classic\n      arguments: {x-message-ttl: 5000, "
    "x-dead-letter-exchange: '', x-dead-letter-routing-key: rush}"
)
TO_ORDERS = ("message: order\n    routing_key: rush", "message: order\n    routing_key: orders")
HANDLING = "value: cluster_partition_handling = pause_minority"
MIRRORED = "{name: mirror, pattern: ^rush, definition: {ha-mode: all}"
BEFORE = ('versions: "<4.3"', 'versions: ">=4.3"')
FULL = "{name: full, pattern: ^orders$, definition: {overflow: reject-publish}}"
CONFIRMS = "routing_key: order.new"
RUSH_CONFIRMS = "message: order\n    routing_key: rush"


def dead(arguments: str) -> tuple[str, str]:
    """Give the queue of dead orders some arguments."""
    return DEAD, f"- {{name: orders.dead, type: quorum, arguments: {{{arguments}}}}}"


def rush(arguments: str) -> tuple[str, str]:
    """Give the queue rush some arguments in place of its dead-letter exchange."""
    return RUSH_DLX, f"        {arguments}\n"


HITS: dict[str, list[tuple[Change, str]]] = {
    "declaration-refused": [
        (
            change((DEAD, "- {name: orders.dead, type: quorum, durable: false}")),
            "error topology.queues[2].durable",
        ),
        (
            change(("x-max-priority: 5", "x-delivery-limit: 5")),
            "error topology.queues[1].arguments.x-delivery-limit",
        ),
        (
            change(rush("x-dead-letter-routing-key: rush")),
            "error topology.queues[1].arguments.x-dead-letter-routing-key",
        ),
    ],
    "max-priority-refused": [
        (
            change(dead("x-max-priority: 5"), version=NEW),
            "error topology.queues[2].arguments.x-max-priority",
        ),
    ],
    "priority-ignored": [(change(TO_ORDERS), "warning topology.queues[0].type")],
    "priority-two-classes": [
        (change(TO_ORDERS, version=TWO_CLASSES), "warning topology.queues[0].type"),
    ],
    "priority-strict": [
        (change(TO_ORDERS, version=NEW), "note topology.queues[0].type"),
        (
            change(TO_ORDERS, ("{1: 1, 5: 1}", "{1: 1, 32: 1}"), version=NEW),
            "warning topology.queues[0].type",
        ),
    ],
    "priority-without-maximum": [
        (change(("        x-max-priority: 5\n", "")), "warning topology.queues[1].type"),
    ],
    "prefetch-hides-priority": [
        (change(("service_ms: 10", "service_ms: 126")), "warning consumers[1].prefetch"),
        (change(("prefetch: 11", "manual_ack: false")), "warning consumers[1].manual_ack"),
    ],
    "mirroring-refused": [
        (
            change((', until: "4.0"}', "}"), version=TWO_CLASSES),
            "error topology.policies[0].definition.ha-mode",
        ),
    ],
    "mirroring-without-effect": [
        (change(("^rush", "^orders")), "note topology.policies[0].pattern"),
    ],
    "classic-on-one-node": [
        (change(("^rush", "^rush$")), "warning topology.queues[3].type"),
        (
            change((RUSH_DEAD, "- {name: rush.dead, type: quorum}"), version=NEW),
            "warning topology.queues[1].type",
        ),
    ],
    "late-acks-settle-others": [
        (change(("cancel_on_failover: true", "idempotent: true")), "warning consumers[1]"),
    ],
    "at-least-once-falls-back": [
        (
            change(("        x-overflow: reject-publish\n", "")),
            "error topology.queues[0].arguments.x-dead-letter-strategy",
        ),
        (
            change((ORDERS_DLX, "")),
            "error topology.queues[0].arguments.x-dead-letter-strategy",
        ),
        (
            change(
                ("^rush", "^rush$"),
                ("{ha-mode: all}", "{ha-mode: all, dead-letter-strategy: at-least-once}"),
            ),
            "error topology.policies[0].definition.dead-letter-strategy",
        ),
    ],
    "dead-letters-unconfirmed": [
        (change(), "warning topology.queues[1].arguments.x-dead-letter-exchange"),
        (
            change(rush("x-max-length: 9"), (AT_LEAST_ONCE, "")),
            "warning topology.queues[0].arguments.x-dead-letter-exchange",
        ),
    ],
    "dead-letter-exchange-missing": [
        (
            change(("x-dead-letter-exchange: dead\n", "x-dead-letter-exchange: deed\n")),
            "error topology.queues[0].arguments.x-dead-letter-exchange",
        ),
    ],
    "dead-letter-exchange-unbound": [
        (
            change(("x-dead-letter-exchange: dead\n", "x-dead-letter-exchange: amq.fanout\n")),
            "error topology.queues[0].arguments.x-dead-letter-exchange",
        ),
    ],
    "dead-letter-key-unroutable": [
        (
            change(("x-dead-letter-routing-key: orders", "x-dead-letter-routing-key: order")),
            "error topology.queues[0].arguments.x-dead-letter-routing-key",
        ),
        (
            change(("        x-dead-letter-routing-key: orders\n", "")),
            "error topology.queues[0].arguments.x-dead-letter-exchange",
        ),
        (  # The producer's own key is bound; what the consumer republishes has another.
            change(
                ("        x-dead-letter-routing-key: orders\n", ""),
                ("orders.dead, routing_key: orders", "orders.dead, routing_key: order.new"),
                ("retry: requeue", "retry: republish"),
            ),
            "error topology.queues[0].arguments.x-dead-letter-exchange",
        ),
    ],
    "dead-letter-cycle": [
        (
            change(("x-max-priority: 5", "x-message-ttl: 9000"), (RUSH_DEAD, BACK)),
            "error topology.queues[1].arguments.x-dead-letter-exchange",
        ),
        (  # From 4.0 a quorum queue gives up by itself after 20 returns.
            change(
                dead(
                    "x-message-ttl: 9, x-dead-letter-exchange: shop, "
                    "x-dead-letter-routing-key: order.again"
                ),
                version=NEW,
            ),
            "warning topology.queues[0].arguments.x-dead-letter-exchange",
        ),
    ],
    "expiry-discards": [
        (change(rush("x-message-ttl: 9")), "warning topology.queues[1].arguments.x-message-ttl"),
        (change(dead("x-message-ttl: 9")), "note topology.queues[2].arguments.x-message-ttl"),
        (
            change(rush(""), ("^rush", "^rush$"), ("{ha-mode: all}", "{message-ttl: 9}")),
            "warning topology.policies[0].definition.message-ttl",
        ),
    ],
    "length-discards": [
        (change(rush("x-max-length: 9")), "warning topology.queues[1].arguments.x-max-length"),
        (
            change(dead("x-max-length-bytes: 9")),
            "note topology.queues[2].arguments.x-max-length-bytes",
        ),
    ],
    "delivery-limit-discards": [
        (
            change((ORDERS_DLX + AT_LEAST_ONCE, "        x-delivery-limit: 3\n")),
            "warning topology.queues[0].arguments.x-delivery-limit",
        ),
        (
            change((ORDERS_DLX + AT_LEAST_ONCE, "        x-max-length: 9\n"), version=NEW),
            "warning topology.queues[0] | warning topology.queues[2]",
        ),
    ],
    "refusals-unheard": [
        (
            change(
                ("x-max-priority: 5", "x-max-length: 5\n        x-overflow: reject-publish"),
                (RUSH_CONFIRMS, f"{RUSH_CONFIRMS}\n    confirms: false"),
            ),
            "error producers[1].confirms",
        ),
    ],
    "transient-queue": [
        (
            change((RUSH_DEAD, "- {name: rush.dead, type: classic, durable: false}")),
            "warning topology.queues[3].durable",
        ),
        (
            change((RUSH_DEAD, "- {name: rush.dead, type: classic, durable: false}"), version=NEW),
            "error topology.queues[3].durable",
        ),
    ],
    "expiring-queue": [
        (change(dead("x-expires: 9000")), "warning topology.queues[2].arguments.x-expires"),
    ],
    "quorum-below-three": [
        (
            change(dead("x-quorum-initial-group-size: 2")),
            "warning topology.queues[2].arguments.x-quorum-initial-group-size",
        ),
        (
            change(nodes=2),
            "warning topology.queues[0].type | warning topology.queues[2].type",
        ),
    ],
    "requeue-uncounted": [
        (
            change(("queue: rush\n    pre", "queue: rush\n    retry: requeue\n    pre")),
            "error consumers[1].retry",
        ),
    ],
    "nack-uncounted": [(change(version=NEW), "note consumers[0].retry")],
    "partition-ignored": [
        (change((HANDLING, "value: other = 1")), "error broker_settings"),
        (
            change((HANDLING, "value: cluster_partition_handling = ignore")),
            "error broker_settings[0].value",
        ),
        (
            change((HANDLING, "value: other = 1"), ("pattern: ^rush", "pattern: ^none")),
            "warning broker_settings",
        ),
    ],
    "quorum-detector-slow": [
        (change(("poll_interval, 500", "poll_interval, 2500")), "error broker_settings[1].value"),
        (
            change(("poll_interval = 500", "poll_interval = 2500"), version=NEW),
            "error broker_settings[2].value",
        ),
        (
            change(("poll_interval = 500", "other = 500"), version=NEW),
            "error requirements[0].criteria[0].parameters.limit_ms",
        ),
    ],
    "tick-too-slow": [
        (change(("net_ticktime 3", "net_ticktime 5")), "error broker_settings[3].value"),
        (
            change(("net_ticktime 3", "other 3")),
            "error requirements[0].criteria[1].parameters.limit_ms",
        ),
    ],
    "lost-consumer-holds": [
        (change(version=NEW), "error requirements[0].criteria[0].parameters.limit_ms"),
        (
            change((HANDLING, "value: consumer_disconnected_timeout = 5000"), BEFORE, version=NEW),
            "error broker_settings[0].value",
        ),
    ],
    "key-reaches-nothing": [
        (change((CONFIRMS, "routing_key: order")), "error producers[0].routing_key"),
    ],
    "lost-binding-unnoticed": [
        (
            change((CONFIRMS, f"{CONFIRMS}\n    mandatory: false")),
            "warning producers[0].mandatory",
        ),
    ],
    "exchange-leads-nowhere": [
        (
            change(("type: topic}", "type: topic}\n    - {name: idle, type: fanout}")),
            "warning topology.exchanges[1]",
        ),
    ],
    "alternate-exchange-missing": [
        (
            change(("type: topic}", "type: topic, arguments: {alternate-exchange: lost}}")),
            "error topology.exchanges[0].arguments.alternate-exchange",
        ),
    ],
}
"""By rule: changes of the shop, and the one finding of that rule that each makes."""

MISSES: dict[str, list[Change]] = {
    "declaration-refused": [change(dead("x-delivery-limit: 5, x-dead-letter-exchange: ''"))],
    "max-priority-refused": [change(version=NEW)],
    "priority-ignored": [
        change(TO_ORDERS, version=TWO_CLASSES),
        change(TO_ORDERS, ("    priorities: {1: 1, 5: 1}\n", "")),
    ],
    "priority-two-classes": [change(TO_ORDERS), change(TO_ORDERS, version="4.3.0-rc.1")],
    "priority-strict": [change(TO_ORDERS, version="4.2.9")],
    "priority-without-maximum": [
        change(("x-max-priority: 5", "x-max-length: 5"), ("    priorities: {1: 1, 5: 1}\n", "")),
    ],
    "prefetch-hides-priority": [
        change(("service_ms: 10", "service_ms: 125")),
        change(("service_ms: 10", "service_ms: 126\n    parallel: 2")),
        change(("service_ms: 10", "service_ms: 900"), ("x-max-priority: 5", "x-max-length: 9")),
        change(("service_ms: 10", "service_ms: 900"), ("{1: 1, 5: 1}", "{5: 1}")),
    ],
    "mirroring-refused": [change(version=TWO_CLASSES), change((', until: "4.0"}', "}"))],
    "mirroring-without-effect": [change(("^rush", "^(rush|orders)"))],
    "classic-on-one-node": [change(), change(version=NEW, nodes=1)],
    "late-acks-settle-others": [
        change(),
        change(("cancel_on_failover: true", "manual_ack: false")),
        change(("cancel_on_failover: true", "idempotent: true"), nodes=1),
        change(("cancel_on_failover: true", "idempotent: true"), version=TWO_CLASSES),
    ],
    "at-least-once-falls-back": [
        change(
            ("        x-overflow: reject-publish\n", ""),
            (
                MIRRORED,
                f"{FULL}\n    - {MIRRORED}",
            ),
        ),
    ],
    "dead-letters-unconfirmed": [change(nodes=1), change(rush("x-max-length: 9"))],
    "dead-letter-exchange-missing": [
        change(("x-dead-letter-exchange: dead\n", "x-dead-letter-exchange: amq.topic\n")),
    ],
    "dead-letter-exchange-unbound": [
        change(("x-dead-letter-exchange: dead\n", "x-dead-letter-exchange: ''\n")),
    ],
    "dead-letter-key-unroutable": [
        change(
            ("        x-dead-letter-routing-key: orders\n", ""),
            ("orders.dead, routing_key: orders", "orders.dead, routing_key: order.new"),
        ),
        change(
            ("        x-dead-letter-routing-key: orders\n", ""),
            ("{name: dead, type: direct}", "{name: dead, type: fanout}"),
        ),
        change(
            ("        x-dead-letter-routing-key: orders\n", ""),
            (
                "{name: dead, type: direct}",
                "{name: dead, type: direct, arguments: {alternate-exchange: shop}}",
            ),
        ),
    ],
    "dead-letter-cycle": [
        change((RUSH_DEAD, BACK)),  # Only a consumer's rejection leads there.
        change(
            ("x-max-priority: 5", "x-max-length: 9\n        x-overflow: reject-publish"),
            (RUSH_DEAD, BACK),
        ),
        change(
            dead(
                "x-message-ttl: 9, x-dead-letter-exchange: shop, "
                "x-dead-letter-routing-key: order.again"
            ),
        ),
    ],
    "expiry-discards": [change(("x-max-priority: 5", "x-message-ttl: 5"))],
    "length-discards": [
        change(("x-max-priority: 5", "x-max-length: 5")),
        change(rush("x-max-length: 5\n        x-overflow: reject-publish")),
    ],
    "delivery-limit-discards": [
        change(version="3.13"),
        change(
            (ORDERS_DLX + AT_LEAST_ONCE, "        x-delivery-limit: -1\n"),
            dead("x-delivery-limit: -1"),
            version=NEW,
        ),
    ],
    "refusals-unheard": [
        change(
            ("x-max-priority: 5", "x-max-length: 5"),
            (RUSH_CONFIRMS, f"{RUSH_CONFIRMS}\n    confirms: false"),
        ),
        change(("x-max-priority: 5", "x-max-length: 5\n        x-overflow: reject-publish")),
    ],
    "transient-queue": [change(version=NEW)],
    "expiring-queue": [change(dead("x-message-ttl: 9000"))],
    "quorum-below-three": [change(dead("x-quorum-initial-group-size: 3"))],
    "requeue-uncounted": [change()],
    "nack-uncounted": [change(), change(("retry: requeue", "retry: republish"), version=NEW)],
    "partition-ignored": [
        change((HANDLING, "value: other = 1"), version=NEW),
        change((HANDLING, "value: other = 1"), nodes=1),
        change((HANDLING, 'value: "{rabbit, [{cluster_partition_handling, autoheal}]}"')),
    ],
    "quorum-detector-slow": [
        change(("poll_interval, 500", "poll_interval, 2499")),
        change(
            ("poll_interval, 500", "other, 500"),
            ("limit_ms: 5000}", "limit_ms: 5000, fault_classes: [node_kill]}"),
        ),
        change(("poll_interval, 500", "other, 5"), ("limit_ms: 5000", "limit_ms: 10001")),
    ],
    "tick-too-slow": [
        change(("net_ticktime 3", "net_ticktime 4")),
        change(("net_ticktime 3", "net_ticktime 60"), version=NEW),
        change(
            ("net_ticktime 3", "net_ticktime 60"),
            ("limit_ms: 5001}", "limit_ms: 5001, phases: [baseline]}"),
        ),
    ],
    "lost-consumer-holds": [
        change(version="4.2.9"),
        change((HANDLING, "value: consumer_disconnected_timeout = 4999"), BEFORE, version=NEW),
        change(("limit_ms: 5000}", "limit_ms: 5000, fault_classes: [disk_alarm]}"), version=NEW),
        change(("limit_ms: 5000", "limit_ms: 60001"), version=NEW),
    ],
    "key-reaches-nothing": [
        change(
            (CONFIRMS, "routing_key: order"),
            ("type: topic}", "type: topic, arguments: {alternate-exchange: amq.fanout}}"),
            ("  policies:", "    - {exchange: amq.fanout, queue: orders}\n  policies:"),
        ),
    ],
    "lost-binding-unnoticed": [
        change(
            (CONFIRMS, f"{CONFIRMS}\n    mandatory: false"),
            ("type: topic}", "type: topic, arguments: {alternate-exchange: amq.fanout}}"),
        ),
    ],
    "exchange-leads-nowhere": [change()],
    "alternate-exchange-missing": [
        change(("type: topic}", "type: topic, arguments: {alternate-exchange: dead}}")),
    ],
}
"""By rule: changes of the shop that come close, and in which the rule finds nothing."""


@pytest.mark.parametrize(
    ("rule", "changed", "expected"),
    [(rule, *case) for rule, cases in HITS.items() for case in cases],
)
def test_hit(rule: str, changed: Change, expected: str, tmp_path: Path) -> None:
    """The rule finds the change, at its place and no other."""
    assert expected == " | ".join(told(lint_change(tmp_path, changed), rule))


@pytest.mark.parametrize(
    ("rule", "changed"),
    [(rule, each) for rule, cases in MISSES.items() for each in cases],
)
def test_near_miss(rule: str, changed: Change, tmp_path: Path) -> None:
    """The rule leaves alone what only looks like it."""
    assert told(lint_change(tmp_path, changed), rule) == []


@pytest.mark.parametrize("version", [OLD, "3.13.7"])
def test_the_shop_itself_is_clean(version: str, tmp_path: Path) -> None:
    """Before 4.0 it has no finding but the one that no classic queue can heed."""
    (only,) = lint_text(tmp_path, SHOP, version)
    assert only.id == "dead-letters-unconfirmed"


def test_every_hit_is_explained(tmp_path: Path) -> None:
    """A finding says what stands there by name, what follows, what to do, and who says so."""
    finding = lint_change(tmp_path, change(dead("x-expires: 9000")))[1]
    assert finding.found == "the queue orders.dead is deleted after 9000 ms without a consumer"
    assert finding.place.line == 21
    assert all((finding.consequence, finding.remedy, finding.source))
