"""Scenarios of nodes that go away."""

from scenarios.scenario import Scenario

KILL_LEADER = Scenario(
    name="kill-leader",
    claim="The node that leads the queues is killed as by kill -9 and started again: nothing that "
    "was confirmed is lost, and clients are back in time.",
    for_s=5,
    recover_s=14,
    faults=lambda cast: (cast.entry("kill_node", cast.leader),),
)

OUTAGE = Scenario(
    name="outage",
    claim="The broker is gone, for longer than clients wait: callers go on without it, what they "
    "could not send is lost aloud, and when it is back all resume by themselves.",
    for_s=12,
    recover_s=25,
    faults=lambda cast: (cast.entry("kill_all_nodes", None),),
)

KILL_ALL = Scenario(
    name="kill-all",
    claim="All nodes are killed at once and started again together: what was confirmed is still "
    "there.",
    for_s=5,
    recover_s=25,
    faults=lambda cast: (cast.entry("kill_all_nodes", None),),
)
