"""A rolling upgrade: the same cluster goes on, one node after another on the new version.

Each node is stopped in good order, started again on its data by the new release, and waited for
until it is well in every node's view and every copy is in step; then the next one. Feature flags
come last, when no old node is left that could not read what they change: from there on no node can
go back. Which versions allow it: `gameday.contracts.upgrades`.
"""

from collections.abc import Callable, Mapping
from functools import partial

from gameday.clusters.broker import Broker
from gameday.clusters.wait import NotYet
from scenarios.upgrade.move import Move
from scenarios.upgrade.sides import Side

HEALTHY_WITHIN_S = 90.0
IN_STEP_WITHIN_S = 90.0
STANDS_S = 5.0
"""How long the load goes on after each node, so that trouble shows before the next one."""
VERSION = "list_to_binary(rabbit_misc:version())"
FLAGS = "rabbit_feature_flags:enable_all()"


def roll(node: str, move: Move) -> None:
    """Stop a node and start it on its data by the new release; wait until all is in step."""
    side = move.blue
    with move.step(f"roll_{node}") as found:
        found.update(node=node, before=version_of(side, node), pid_before=_pid(side, node))
        side.cluster.stop(node)
        side.cluster.take_release(move.ready.new)
        side.cluster.start(node)
        side.broker = Broker(side.cluster)
        side.broker.wait_healthy(HEALTHY_WITHIN_S)
        move.until(lambda: _in_step(side), IN_STEP_WITHIN_S, "every copy of every queue in step")
        found.update(after=version_of(side, node), pid_after=_pid(side, node))
    move.wait(STANDS_S, f"{node} carries its share")


def enable_flags(move: Move) -> None:
    """Enable what only the new version knows: from here on no node can go back."""
    side = move.blue
    with move.step("enable_flags") as found:
        found["answer"] = side.cluster.evaluate("r1", FLAGS, timeout_s=60)


def version_of(side: Side, node: str) -> str:
    """Return which version a node runs, by its own word."""
    return side.cluster.evaluate(node, VERSION).strip('<>"')


def _pid(side: Side, node: str) -> int | None:
    return side.cluster.process_id(node)


def _in_step(side: Side) -> bool | NotYet:
    behind = [name for name, state in side.broker.queues(side.vhost).items()
              if state.members != state.in_step]  # fmt: skip
    return NotYet(behind) if behind else True


ROLLED: Mapping[str, Callable[[Move], None]] = {
    **{f"roll_{node}": partial(roll, node) for node in ("r1", "r2", "r3")},
    "enable_flags": enable_flags,
}
"""Every step of a rolling upgrade by its name."""
