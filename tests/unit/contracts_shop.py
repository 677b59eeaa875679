"""A small good contract for tests to damage, and the loading of what they made of it."""

from pathlib import Path

import pytest

from gameday.contracts.load import load_contract
from gameday.errors import UsageError

GOOD = """\
system: shop
title: A shop
topology:
  exchanges:
    - {name: dead, type: topic}
  queues:
    - name: orders
      type: classic
      arguments: {x-max-priority: 5, x-dead-letter-exchange: dead}
    - name: mail
      type: quorum
    - name: orders.dead
      type: quorum
  bindings:
    - {exchange: dead, queue: orders.dead, routing_key: "orders.#"}
    - {exchange: dead, queue: orders.dead, routing_key: orders}
  policies:
    - {name: keep, pattern: ^orders, definition: {max-length: 9}}
messages:
  - name: order
    schema: {type: object}
producers:
  - name: till
    message: order
    routing_key: orders
    rate_per_s: 5
    priorities: {0: 1, 5: 1}
    mix: {permanent: 0.1}
  - name: postman
    message: order
    routing_key: mail
    rate_per_s: 1
consumers:
  - name: packer
    queue: orders
broker_settings:
  - {where: rabbitmq.conf, versions: ">=3.12", value: a = 1, reason: speed}
requirements:
  - id: shop-01
    statement: Nothing is lost.
    criteria:
      - check: loss
        parameters: {queues: [orders]}
    suites: [smoke, full]
  - id: shop-02
    statement: It is cheap.
    not_tested: {reason: no prices, how: ask}
alternatives:
  - name: safe
    reason: It survives.
    queues:
      - {name: orders, type: quorum}
"""


def sentences_of(folder: Path, text: str) -> list[str]:
    """Return what loading the text says, line by line, without the folder."""
    path = folder / "shop.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        load_contract(path)
    return str(raised.value).replace(f"{folder}/", "").splitlines()


def sentences_of_change(folder: Path, old: str, new: str) -> list[str]:
    """Return what loading the good contract says after one change of its text."""
    assert old in GOOD
    return sentences_of(folder, GOOD.replace(old, new, 1))
