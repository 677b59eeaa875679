"""Scenarios of one host that is wrong about the broker, while everybody else goes on."""

from scenarios.scenario import Scenario

WRONG_NAME = Scenario(
    name="wrong-name",
    claim="One host's name for the broker resolves nowhere: that is told apart from a broker that "
    "is down.",
    for_s=1,
    recover_s=1,
    faults=lambda cast: (cast.entry("wrong_name", cast.nodes[0]),),
)

CREDENTIALS_ROTATED = Scenario(
    name="credentials-rotated",
    claim="A password was changed at the broker, and one host has the old one: that is told apart "
    "from a broker that is down.",
    for_s=1,
    recover_s=1,
    faults=lambda cast: (cast.entry("rotate_credentials", cast.nodes[0]),),
)
