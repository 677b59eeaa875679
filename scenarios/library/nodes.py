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

KILL_FOLLOWER = Scenario(
    name="kill-follower",
    claim="A node that holds a copy of the queue and does not lead it is killed: no failover, so "
    "nobody waits, and nothing that was confirmed is lost.",
    for_s=5,
    recover_s=12,
    faults=lambda cast: (
        cast.entry("kill_follower", f"follower of {cast.target}", queue=cast.target),
    ),
)

KILL_MAJORITY = Scenario(
    name="kill-majority",
    claim="The leader and another node are killed at once: who is left confirms nothing that it "
    "cannot keep, and what was confirmed is still there.",
    for_s=5,
    recover_s=25,
    faults=lambda cast: (
        cast.entry("kill_nodes", f"{cast.leader}, follower of {cast.target}", majority=True),
    ),
)

STOP_LEADER = Scenario(
    name="stop-leader",
    claim="The node that leads the queues is stopped in good order, as for maintenance: nothing is "
    "lost, and clients are back in time.",
    for_s=5,
    recover_s=14,
    faults=lambda cast: (cast.entry("stop_node", cast.leader),),
)

STOP_APP = Scenario(
    name="stop-app",
    claim="Only RabbitMQ is stopped on the node that leads the queues, and its Erlang goes on: the "
    "same holds.",
    for_s=5,
    recover_s=14,
    faults=lambda cast: (cast.entry("stop_app", cast.leader),),
)

PAUSE_LEADER = Scenario(
    name="pause-leader",
    claim="The node that leads the queues stands still for some seconds and goes on, whether its "
    "peers have dropped it meanwhile or not: nothing is lost.",
    for_s=1,
    recover_s=12,
    faults=lambda cast: (cast.entry("pause_node", cast.leader),),
)

CLOCK_JUMP = Scenario(
    name="clock-jump",
    claim="The clock of the node that leads the queues jumps an hour ahead, and back: nothing that "
    "was confirmed expires or is lost.",
    for_s=8,
    recover_s=8,
    faults=lambda cast: (cast.entry("jump_clock", cast.leader, offset_s=3600),),
)

FLAP_LEADER = Scenario(
    name="flap-leader",
    claim="The node that leads the queues dies and comes back, again and again: nothing that was "
    "confirmed is lost.",
    for_s=1,
    recover_s=20,
    faults=lambda cast: (cast.entry("flap_node", cast.leader, times=2),),
)

ROLLING_RESTART = Scenario(
    name="rolling-restart",
    claim="All nodes are restarted one after another, each when all is in step again, as an "
    "upgrade does: nothing is lost, and no message waits for longer than promised.",
    for_s=1,
    recover_s=14,
    faults=lambda cast: (cast.entry("rolling_restart", cast.leader),),
)

WIPE_LEADER = Scenario(
    name="wipe-leader",
    claim="The node that leads the queues loses its disk, and joins again, empty: its copies are "
    "made anew, and nothing that was confirmed is lost.",
    for_s=5,
    recover_s=20,
    faults=lambda cast: (cast.entry("wipe_node", cast.leader),),
)

FORGET_LEADER = Scenario(
    name="forget-leader",
    claim="The node that leads the queues is taken out of the cluster, and joins again, empty: its "
    "copies are made anew, and nothing that was confirmed is lost.",
    for_s=5,
    recover_s=20,
    faults=lambda cast: (cast.entry("forget_node", cast.leader),),
)

RESTART_IN_ORDER = Scenario(
    name="restart-in-order",
    claim="All nodes are stopped in good order and started again, the first to go first, which "
    "waits for the others: when all are back, what was confirmed is still there.",
    for_s=1,
    recover_s=25,
    faults=lambda cast: (cast.entry("restart_in_order", cast.leader),),
)
