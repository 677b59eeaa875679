"""What a plan needs of a cluster from its start, beyond what its contract says.

A node loads a clock of its own only when it starts, a plugin that is to be disabled must be
enabled, and a feature flag that is to be enabled must be off, which it is on no new cluster.
Everything else is measured on the broker as it is installed.
"""

from dataclasses import dataclass, replace

from chaos.plan import Plan
from gameday.clusters import plugins
from gameday.clusters.compose import ComposeCluster
from gameday.clusters.local import LocalCluster
from gameday.clusters.settings import BrokerSettings
from gameday.errors import PrepareError, UsageError

NO_FLAGS = "{rabbit, [{forced_feature_flags_on_init, []}]}"
"""A new node then enables no feature flag but those that its version requires."""


@dataclass(frozen=True)
class Needs:
    """Clocks of their own for the nodes, plugins to be enabled, and feature flags to be off."""

    clocks: bool = False
    plugins: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def needs_of(plan: Plan) -> Needs:
    """Return what a plan's faults need."""
    entries = [entry for episode in plan.episodes for entry in episode.faults]

    def targets(kind: str) -> tuple[str, ...]:
        return tuple(sorted({str(each.target) for each in entries if each.kind == kind}))

    clocks = any(each.kind == "jump_clock" for each in entries)
    return Needs(clocks, targets("disable_plugin"), targets("enable_feature"))


def with_needs(settings: BrokerSettings, needs: Needs) -> BrokerSettings:
    """Return the settings with the plugins enabled, and with no feature flag where one is off."""
    more = [name for name in needs.plugins if name not in settings.plugins]
    advanced = settings.advanced
    if needs.flags:
        advanced = ",\n".join(each for each in (advanced, NO_FLAGS) if each)
    return replace(settings, plugins=(*settings.plugins, *more), advanced=advanced)


def enable_other_flags(cluster: LocalCluster | ComposeCluster, needs: Needs) -> None:
    """Enable every feature flag of a new cluster but those that the plan will enable."""
    if not needs.flags:
        return
    node = cluster.nodes[0]
    known = plugins.known_flags(cluster, node)
    for flag in needs.flags:
        if flag not in known:
            raise UsageError(
                f"plan: target: RabbitMQ {cluster.version} has no feature flag {flag!r}; there are "
                f"{', '.join(known)}."
            )
    for flag in known:
        if flag not in needs.flags and not plugins.flag_is_enabled(cluster, node, flag):
            plugins.enable_flag(cluster, node, flag)
    on = [flag for flag in needs.flags if plugins.flag_is_enabled(cluster, node, flag)]
    if on:
        raise PrepareError(
            f"RabbitMQ {cluster.version} does not run without the feature flag {', '.join(on)}, or "
            "another one needs it: enable one that can be off."
        )
