"""Scenarios of troubles that do not come singly."""

from scenarios.scenario import Scenario

ALARM_IN_PARTITION = Scenario(
    name="alarm-in-partition",
    claim="While the node that leads the queues is cut off, a node of the majority runs out of "
    "disk: publishers are blocked, and when both are over nothing that was confirmed is lost.",
    for_s=6,
    recover_s=16,
    faults=lambda cast: (
        cast.entry("isolate", cast.leader, how="reset"),
        cast.entry("disk_alarm", f"follower of {cast.target}").model_copy(update={"after_s": 4.0}),
    ),
)
