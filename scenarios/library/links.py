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

ONE_LINK = Scenario(
    name="one-link",
    claim="The link between the leader and one of its peers is cut, and a third node still sees "
    "both: nothing that was confirmed is lost.",
    for_s=6,
    recover_s=14,
    faults=lambda cast: (cast.entry("cut_links", cast.leader, shape="single"),),
)

OFF_THE_NETWORK = Scenario(
    name="off-the-network",
    claim="The leader's machine is taken off the network, and its clients and peers are told "
    "nothing: the majority goes on, clients go elsewhere, and nothing that was confirmed is lost.",
    for_s=14,
    recover_s=20,
    faults=lambda cast: (cast.entry("disconnect_network", cast.leader),),
)

SLOW_LINKS = Scenario(
    name="slow-links",
    claim="Every link of the leader to its peers takes longer: confirms do too, and nothing else "
    "changes.",
    for_s=6,
    recover_s=6,
    faults=lambda cast: (cast.entry("slow_links", cast.leader, latency_ms=60, jitter_ms=20),),
)

STALLING_LINKS = Scenario(
    name="stalling-links",
    claim="The leader's links stall and go on, faster than anybody notices: nothing is lost.",
    for_s=1,
    recover_s=8,
    faults=lambda cast: (cast.entry("flap_links", cast.leader),),
)
