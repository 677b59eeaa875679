"""Scenarios of a broker that runs out of something and says so."""

from scenarios.scenario import Scenario

DISK_ALARM = Scenario(
    name="disk-alarm",
    claim="A node runs out of disk: publishers are blocked, consumers go on, nothing is lost, and "
    "publishers resume when the alarm clears.",
    for_s=6,
    recover_s=6,
    faults=lambda cast: (cast.entry("disk_alarm", cast.leader),),
)

MEMORY_ALARM = Scenario(
    name="memory-alarm",
    claim="A node runs out of memory: publishers are blocked, consumers go on, nothing is lost, "
    "and publishers resume when the alarm clears.",
    for_s=6,
    recover_s=6,
    faults=lambda cast: (cast.entry("memory_alarm", cast.leader),),
)
