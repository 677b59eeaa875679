"""What somebody asked of an upgrade, as a value, refused before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gameday.clusters.release import Release, find_release
from gameday.contracts.definitions import for_one_vhost, to_definitions
from gameday.contracts.load import Loaded, load
from gameday.contracts.model import Contract
from gameday.contracts.topology import with_alternative
from gameday.contracts.upgrades import MIRRORING, translated
from gameday.contracts.versions import release
from gameday.errors import UsageError
from scenarios.options import one_of, parse_variables

DRAIN, SHOVEL, UNREAD, ROLLING = "drain", "shovel", "unread", "rolling"
WAYS = (DRAIN, SHOVEL, UNREAD, ROLLING)
SHOVEL_PLUGIN = "rabbitmq_shovel_management"
"""With it comes `rabbitmq_shovel`; it tells why a shovel ended."""
AS_IT_IS = "none"
"""The name for no alternative: the design as it stands, less what the new broker refuses."""

_BEGIN = ("start_green", "declare_green", "rehearse_way_back", "harm_control", "make_backlog")
STEPS: Mapping[str, tuple[str, ...]] = {
    DRAIN: (*_BEGIN, "move_publishers", "drain_blue", "move_consumers", "move_rest", "retire_blue"),
    SHOVEL: (*_BEGIN, "move_publishers", "move_consumers", "shovel_blue", "retire_blue"),
    # Consumers first, or on a quick machine they have read it all before the queues are emptied.
    UNREAD: (*_BEGIN, "move_consumers", "move_publishers", "drop_blue", "retire_blue"),
    ROLLING: ("harm_control", "roll_r1", "roll_r2", "roll_r3", "enable_flags"),
}
"""The steps of each way, in order. After `move_consumers` has begun there is no way back."""


@dataclass(frozen=True)
class Asked:
    """One upgrade: whose, from which broker to which, how, and where its folder goes."""

    system: str = "sparki"
    old: str | None = None
    new: str | None = None
    how: str = DRAIN
    alternative: str | None = None
    nodes: int = 1
    seed: int = 1
    out: Path | None = None
    variables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ready:
    """What was asked for, both brokers, and the system's design on each."""

    asked: Asked
    loaded: Loaded
    old: Release
    new: Release
    alternative: str | None

    @property
    def contract(self) -> Contract:
        """The system as it is on the old broker: where that one itself rolls, as it shall be."""
        found = self.loaded.contract.model_copy(update={"nodes": self.asked.nodes})
        if self.asked.how == ROLLING and self.alternative is not None:
            return with_alternative(found, self.alternative)
        return found

    @property
    def shape(self) -> Contract:
        """The system as it shall be on the new one."""
        if self.alternative is None or self.asked.how == ROLLING:
            return self.contract
        return with_alternative(self.contract, self.alternative)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps to be played."""
        return STEPS[self.asked.how]


def ready(asked: Asked) -> Ready:
    """Find everything that an upgrade needs, or say what is missing."""
    one_of("--how", asked.how, WAYS)
    if asked.nodes not in {1, 3}:
        raise UsageError(f"--nodes: {asked.nodes} is neither 1 nor 3.")
    if asked.how == ROLLING and asked.nodes != 3:
        raise UsageError("--how rolling: one node cannot roll; give it --nodes 3.")
    loaded = load(asked.system, parse_variables(asked.variables))
    old, new = brokers(asked)
    if asked.how != ROLLING and not new.has_plugin(SHOVEL_PLUGIN):
        raise UsageError(
            f"RabbitMQ {new.version} has no plugin {SHOVEL_PLUGIN}, by which messages are moved to "
            "it: name a release that brings it along."
        )
    if asked.how != ROLLING and not any(each.surge for each in loaded.contract.producers):
        raise UsageError(
            f"{loaded.contract.system}: no producer has a surge, so nothing would wait on the old "
            "broker when its publishers leave; give one a `surge`."
        )
    return Ready(asked, loaded, old, new, _alternative(asked, loaded.contract, old, new))


def brokers(asked: Asked) -> tuple[Release, Release]:
    """Return both brokers; the new one is not the older."""
    if asked.new is None:
        raise UsageError("--to: name the version to move to, such as 4.3, or a path.")
    old, new = find_release(asked.old), find_release(asked.new)
    if release(new.version) < release(old.version):
        raise UsageError(
            f"--to {new.version} is older than --from {old.version}: an upgrade goes forward."
        )
    return old, new


def _alternative(asked: Asked, contract: Contract, old: Release, new: Release) -> str | None:
    """Return the design for the new broker: as named, else one that needs nothing it refuses."""
    if asked.alternative is not None:
        if asked.alternative == AS_IT_IS:
            return None
        with_alternative(contract, asked.alternative)
        return asked.alternative
    exported = for_one_vhost(to_definitions(contract, "/", old.version))
    if not translated(exported, new.version).changes:
        return None
    for each in contract.alternatives:
        policies = with_alternative(contract, each.name).topology.policies
        if not any(MIRRORING & policy.definition.keys() for policy in policies):
            return each.name
    return None
