"""Moving the leaders of queues to a node, so that a fault strikes where it should.

Quorum queues hand leadership over in milliseconds. A mirrored classic queue (before 4.0) drops
its other replicas, promotes the one on the wanted node and grows new mirrors; that takes some
0.3 s a queue, keeps every message if the wanted mirror was in step, which is waited for, and
requeues what consumers hold. A queue without a copy on the node cannot be moved. Every move is
verified by reading back.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from gameday.clusters import expressions
from gameday.clusters.cluster import ControlledCluster
from gameday.clusters.facts import QueueState
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

MOVE_LIMIT_S = 15.0


class KnowsQueues(Protocol):
    """Whoever can say where queues live, and can be given orders: a `Broker`."""

    cluster: ControlledCluster

    def queues(self, vhost: str) -> dict[str, QueueState]:
        """Return every queue of a virtual host, with its leader and its members."""


def move_leaders(
    broker: KnowsQueues,
    vhost: str,
    queues: Iterable[str],
    node: str,
    *,
    within_s: float = MOVE_LIMIT_S,
    ordered: set[str] | None = None,
) -> None:
    """Make a node the leader of queues, all copies in step before and after.

    Mirrored queues that stand in `ordered` are not ordered (again); those that are join them.
    """
    wanted = tuple(queues)
    before = wait_until(
        lambda: _ready_to_move(broker, vhost, wanted, node),
        within_s,
        f"{node} held {', '.join(wanted)} in step",
        poll_ms=50,
    )
    copies = {name: len(before[name].members) for name in wanted}
    known = set[str]() if ordered is None else ordered
    wait_until(
        lambda: _moved(broker, vhost, copies, node, known),
        within_s,
        f"{node} led {', '.join(wanted)} with every copy in step",
        poll_ms=50,
    )


def _ready_to_move(
    broker: KnowsQueues, vhost: str, queues: tuple[str, ...], node: str
) -> dict[str, QueueState] | NotYet:
    """Return every queue, once the node holds an up-to-date copy of each that is to move."""
    found = broker.queues(vhost)
    for name in queues:
        if name not in found:
            raise HarnessError(f"there is no queue {name} in {vhost}")
        queue = found[name]
        if node not in queue.members and not _is_growing(queue):
            raise HarnessError(
                f"{name} cannot be led by {node}: its copies are on "
                f"{', '.join(sorted(queue.members))}",
            )
        if node not in queue.in_step:
            return NotYet(f"{name} in step on {', '.join(sorted(queue.in_step))}")
    return found


def _is_growing(queue: QueueState) -> bool:
    """Whether a mirrored queue may just be growing its mirrors; a lone copy never will."""
    return queue.type == "classic" and len(queue.members) > 1


def _moved(
    broker: KnowsQueues,
    vhost: str,
    copies: dict[str, int],
    node: str,
    ordered: set[str],
) -> bool | NotYet:
    """Whether all is as wanted, with as many copies as before; orders what is not.

    A mirrored queue is ordered once, never to a node that has fallen behind since, and never while
    it gives no answer: each order drops its other replicas, and what only they hold.
    """
    found = broker.queues(vhost)
    strays = [found[name] for name in copies if found[name].leader != node]
    movable = [queue for queue in strays if _may_order(broker, vhost, queue, node, ordered)]
    if movable:
        ordered.update(queue.name for queue in movable)
        with ThreadPoolExecutor(max_workers=len(movable)) as pool:
            list(pool.map(lambda queue: _order(broker, vhost, queue, node), movable))
    if strays:
        return NotYet({queue.name: queue.leader for queue in strays})
    # A queue that has just moved may have no mirrors yet: it is in step with itself alone.
    behind = [found[name] for name in copies if len(found[name].in_step) < copies[name]]
    for queue in behind:
        if queue.type == "classic":
            broker.cluster.evaluate(node, expressions.synchronise_mirrors(vhost, queue.name))
    return NotYet({queue.name: sorted(queue.in_step) for queue in behind}) if behind else True


def _may_order(
    broker: KnowsQueues, vhost: str, queue: QueueState, node: str, ordered: set[str]
) -> bool:
    """Whether an order to move now costs no message: quorum queues lose none by it."""
    if queue.type == "quorum":
        return True
    if queue.name in ordered or node not in queue.in_step:
        return False
    question = expressions.mirrored_answers(vhost, queue.name)
    return broker.cluster.evaluate(node, question) == "true"


def _order(broker: KnowsQueues, vhost: str, queue: QueueState, node: str) -> None:
    """Order one queue to move; whether it did is read back later."""
    name = broker.cluster.addresses(node).erlang_name
    if queue.type == "quorum":
        order = expressions.transfer_quorum(vhost, queue.name, name)
    else:
        order = expressions.transfer_mirrored(vhost, queue.name, name)
    broker.cluster.evaluate(node, order, timeout_s=MOVE_LIMIT_S)
