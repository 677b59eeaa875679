"""Mirroring of classic queues: what is left of it from 4.0 on, and what it never did."""

from collections.abc import Iterator

from gameday.contracts.lint.design import Design, PolicyRow
from gameday.contracts.lint.rule import Hit, Rule


def mirroring_refused(design: Design) -> Iterator[Hit]:
    """Find a policy with keys of mirroring, from 4.0."""
    if not design.since("4.0"):
        return
    for policy in design.policies:
        keys = _mirroring(policy)
        if keys:
            path = (*policy.path, "definition", keys[0])
            yield Hit(path, f"the policy {policy.name} sets {' and '.join(keys)}")


def mirroring_without_effect(design: Design) -> Iterator[Hit]:
    """Find a policy of mirroring that takes quorum queues and no classic one, before 4.0."""
    if design.since("4.0"):
        return
    for policy in design.policies:
        if not _mirroring(policy):
            continue
        taken = [queue for queue in design.queues if design.policy_of(queue) == policy]
        if taken and all(queue.type == "quorum" for queue in taken):
            names = " and ".join(queue.name for queue in taken)
            path = (*policy.path, "pattern")
            yield Hit(path, f"the policy {policy.name} mirrors only quorum queues: {names}")


def classic_on_one_node(design: Design) -> Iterator[Hit]:
    """Find a durable classic queue without mirrors, in a cluster."""
    if design.nodes < 2:
        return
    for queue in design.queues:
        shared = queue.durable and not queue.exclusive and not queue.auto_delete
        if queue.type == "classic" and shared and not design.is_mirrored(queue):
            why = "no policy mirrors it" if not design.since("4.0") else "4.0 has no mirroring"
            yield Hit(
                (*queue.path, "type"), f"the classic queue {queue.name} is on one node: {why}"
            )


def late_acks_settle_others(design: Design) -> Iterator[Hit]:
    """Find a mirrored queue whose consumers may settle what a former leader delivered."""
    if design.nodes < 2:
        return
    mirrored = {queue.name: queue for queue in design.queues if design.is_mirrored(queue)}
    if design.clients is None:
        for queue in mirrored.values():
            text = f"the queue {queue.name} is mirrored; what its consumers ask for is not known"
            yield Hit(queue.path, text, "note")
        return
    for path, consumer in design.clients.consumers:
        if consumer.queue in mirrored and consumer.manual_ack and not consumer.cancel_on_failover:
            text = f"{consumer.name} stays on the mirrored queue {consumer.queue} over a failover"
            yield Hit((*path, "cancel_on_failover"), text)


def _mirroring(policy: PolicyRow) -> list[str]:
    return [key for key in policy.definition if key.startswith("ha-")]


RULES = (
    Rule(
        "mirroring-refused",
        "error",
        "The broker refuses the policy (400, not recognised policy settings); an import of "
        "definitions stops there, and no queue of the file is declared. A policy that came along "
        "with an upgrade has no effect: one copy.",
        "Make the queues that must survive a node quorum queues, and leave the policy out (in a "
        'contract: until: "4.0").',
        "https://www.rabbitmq.com/docs/3.13/ha; seen on 4.0.5 and 4.3.6",
        mirroring_refused,
    ),
    Rule(
        "mirroring-without-effect",
        "note",
        "Nothing: quorum queues have their members, whatever a policy of mirroring says.",
        "Take the policy out, so that nobody relies on it.",
        "https://www.rabbitmq.com/docs/3.13/ha; seen on 3.10.8",
        mirroring_without_effect,
    ),
    Rule(
        "classic-on-one-node",
        "warning",
        "While its node is down the queue cannot be used (404, home node is down or inaccessible) "
        "and its messages wait there; new ones are returned or dropped. With that node's disk they "
        "are lost.",
        "Make it a quorum queue, unless waiting for its node is acceptable.",
        "https://www.rabbitmq.com/docs/classic-queues; seen on 3.10.8 and 4.3.6",
        classic_on_one_node,
    ),
    Rule(
        "late-acks-settle-others",
        "warning",
        "After a change of leader the channel consumes again by itself, and acks of what the "
        "former leader delivered go to the new one by their old numbers. There they settle "
        "whatever has that number: messages that nobody acknowledged are gone, acknowledged ones "
        "come again, and each that hits makes room above the prefetch. A reject may crash the "
        "queue.",
        "Make it a quorum queue; or let the consumers ask to be cancelled then "
        "(x-cancel-on-ha-failover; cancel_on_failover in a contract), settle nothing that they "
        "hold, and open a new channel.",
        "https://www.rabbitmq.com/docs/3.13/ha#cancellation; seen on 3.10.8",
        late_acks_settle_others,
    ),
)
