"""Scenarios of the balancer before the nodes."""

from scenarios.scenario import Scenario

BALANCER_RESTART = Scenario(
    name="balancer-restart",
    claim="The balancer dies under load and is started again: all clients come back through it, "
    "and nothing that was confirmed is lost.",
    for_s=3,
    recover_s=8,
    faults=lambda cast: (cast.entry("restart_balancer", "balancer"),),
)
