"""A contract with hardly a finding for tests to damage, and the linting of what they made of it."""

from dataclasses import dataclass
from pathlib import Path

from gameday.contracts.lint.linting import lint_file
from gameday.contracts.lint.rule import Finding

OLD, TWO_CLASSES, NEW = "3.10.8", "4.0.5", "4.3.6"

SHOP = """\
system: shop
title: A shop
topology:
  exchanges:
    - {name: shop, type: topic}
    - {name: dead, type: direct}
  queues:
    - name: orders
      type: quorum
      arguments:
        x-dead-letter-exchange: dead
        x-dead-letter-routing-key: orders
        x-dead-letter-strategy: at-least-once
        x-overflow: reject-publish
    - name: rush
      type: classic
      arguments:
        x-max-priority: 5
        x-dead-letter-exchange: dead
        x-dead-letter-routing-key: rush
    - {name: orders.dead, type: quorum}
    - {name: rush.dead, type: classic}
  bindings:
    - {exchange: shop, queue: orders, routing_key: "order.*"}
    - {exchange: dead, queue: orders.dead, routing_key: orders}
    - {exchange: dead, queue: rush.dead, routing_key: rush}
  policies:
    - {name: mirror, pattern: ^rush, definition: {ha-mode: all}, until: "4.0"}
messages:
  - {name: order, schema: {type: object}}
producers:
  - name: till
    message: order
    exchange: shop
    routing_key: order.new
    rate_per_s: 5
  - name: courier
    message: order
    routing_key: rush
    rate_per_s: 5
    priorities: {1: 1, 5: 1}
consumers:
  - name: packer
    queue: orders
    retry: requeue
  - name: rider
    queue: rush
    prefetch: 11
    service_ms: 10
    cancel_on_failover: true
broker_settings:
  - where: rabbitmq.conf
    versions: "<4.3"
    value: cluster_partition_handling = pause_minority
    reason: one side goes on
  - where: advanced.config
    versions: "<3.12"
    value: "{aten, [{poll_interval, 500}]}"
    reason: notice soon
  - where: rabbitmq.conf
    versions: ">=3.12"
    value: raft.adaptive_failure_detector.poll_interval = 500
    reason: notice soon
  - where: erlang
    versions: ">=3.8"
    value: -kernel net_ticktime 3
    reason: notice soon
requirements:
  - id: shop-01
    statement: All are served in time.
    criteria:
      - {check: sla, parameters: {queue: orders, limit_ms: 5000}}
      - {check: sla, parameters: {queue: rush, limit_ms: 5001}}
    suites: [full]
"""


@dataclass(frozen=True)
class Change:
    """Changes of the shop's text, and the broker that it is then linted for."""

    pairs: tuple[tuple[str, str], ...]
    version: str
    nodes: int

    def text(self) -> str:
        """Return the shop's text with the changes."""
        text = SHOP
        for old, new in self.pairs:
            assert old in text, f"not in the shop: {old}"
            text = text.replace(old, new, 1)
        return text


def change(*pairs: tuple[str, str], version: str = OLD, nodes: int = 3) -> Change:
    """Return changes, each an old and a new text, for a broker."""
    return Change(pairs, version, nodes)


def lint_text(folder: Path, text: str, version: str = OLD, nodes: int = 3) -> list[Finding]:
    """Return what linting a contract finds."""
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return list(lint_file(str(path), version, nodes).findings)


def lint_change(folder: Path, changed: Change) -> list[Finding]:
    """Return what linting the changed shop finds."""
    return lint_text(folder, changed.text(), changed.version, changed.nodes)


def told(findings: list[Finding], rule: str) -> list[str]:
    """Return severity and field of a rule's findings."""
    return [f"{each.severity} {each.place.field}" for each in findings if each.id == rule]
