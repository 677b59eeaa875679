"""Scenarios of links between nodes that break."""

from scenarios.scenario import Scenario

PARTITION_RESET = Scenario(
    name="partition-reset",
    claim="The node that leads the queues is cut off from its peers, and all notice at once: the "
    "majority goes on, and nothing that was confirmed is lost.",
    for_s=9,
    recover_s=12,
    faults=lambda cast: (cast.entry("isolate", cast.leader, how="reset"),),
)

PARTITION_SILENT = Scenario(
    name="partition-silent",
    claim="The same without a word: every byte is swallowed on connections that stay open, and "
    "all must notice by themselves.",
    for_s=14,
    recover_s=14,
    faults=lambda cast: (cast.entry("isolate", cast.leader, how="silent"),),
)
