"""Quorum queues that have no majority to spare."""

from collections.abc import Iterator

from gameday.contracts.lint.design import Design
from gameday.contracts.lint.rule import Hit, Rule

LEAST = 3


def quorum_below_three(design: Design) -> Iterator[Hit]:
    """Find a quorum queue with fewer than three members."""
    for queue in design.queues:
        if queue.type != "quorum":
            continue
        size = queue.arguments.get("x-quorum-initial-group-size", LEAST)
        members = min(size if isinstance(size, int) else LEAST, design.nodes)
        if members < LEAST:
            field = ("type",) if design.nodes < LEAST else ("arguments", SIZE)
            count = "one member" if members == 1 else f"{members} members"
            yield Hit((*queue.path, *field), f"the quorum queue {queue.name} has {count}")


SIZE = "x-quorum-initial-group-size"

RULES = (
    Rule(
        "quorum-below-three",
        "warning",
        "It needs a majority of its members: with two, the loss of either stops it; with one, that "
        "node alone has the messages, and it outlives the loss of no node.",
        "Run three nodes or more, and leave the group size at its default.",
        "https://www.rabbitmq.com/docs/quorum-queues#replication-factor; seen on 3.10.8 and 4.3.6",
        quorum_below_three,
    ),
)
