"""Faults of an administrator at work: definitions imported, a plugin disabled, a flag enabled."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from gameday.clusters import declared, plugins
from gameday.clusters.declared import Thing, path_of
from gameday.errors import HarnessError

NEEDED = frozenset({"rabbitmq_management", "rabbitmq_management_agent"})


@dataclass(frozen=True)
class ImportDefinitions(Single):
    """Import an exchange and so many bound queues at once, under load; remove them at the end.

    Every queue is a write to the metadata of every node, and others' declarations wait for it.
    """

    name: str = "imported"
    count: int = 40
    kind: ClassVar[str] = "import_definitions"
    fault_class: ClassVar[str] = "operator"

    def _names(self) -> list[str]:
        return [f"{self.name}.{number}" for number in range(self.count)]

    def _paths(self, site: Site) -> list[str]:
        queues = [path_of("queues", site.vhost, name) for name in self._names()]
        return [*queues, path_of("exchanges", site.vhost, self.name)]

    def capture(self, site: Site) -> Revert:
        """Name what will be there, and see that nothing of it is there yet."""
        node = site.broker.serving_node()
        paths = self._paths(site)
        taken = [each for each in (paths[0], paths[-1]) if declared.read(site.cluster, node, each)]
        if taken:
            raise HarnessError(f"{taken[0]} is there already: import under another name.")
        return Revert("declare_again", {"things": dict.fromkeys(paths), "bindings": []})

    def apply(self, site: Site) -> None:
        """Import the definitions."""
        api = site.cluster.management(site.broker.serving_node())
        api.post(f"/api/definitions/{quote(site.vhost, safe='')}", self._definitions())

    def _definitions(self) -> dict[str, list[Thing]]:
        named = {"durable": True, "auto_delete": False, "arguments": {}}
        return {
            "exchanges": [{**named, "name": self.name, "type": "topic", "internal": False}],
            "queues": [{**named, "name": name} for name in self._names()],
            "bindings": [
                {"source": self.name, "destination": name, "destination_type": "queue",
                 "routing_key": name, "arguments": {}}
                for name in self._names()
            ],
            "policies": [], "parameters": [],
        }  # fmt: skip

    def observe(self, site: Site) -> Seen:
        """Every node knows the first and the last queue, and the exchange."""
        paths = self._paths(site)
        known = {path: declared.everywhere(site.cluster, path) for path in (paths[0], *paths[-2:])}
        missing = [f"{path} on {node}" for path, nodes in known.items()
                   for node, thing in nodes.items() if thing is None]  # fmt: skip
        return Seen(not missing, {"queues": self.count, "missing": missing})


@dataclass(frozen=True)
class DisablePlugin(Single):
    """Disable a plugin on every node, and enable it again at the end.

    Whoever uses it (a scrape of metrics, another protocol) is refused; AMQP 0-9-1 goes on.
    """

    plugin: str = "rabbitmq_prometheus"
    kind: ClassVar[str] = "disable_plugin"
    fault_class: ClassVar[str] = "operator"

    def capture(self, site: Site) -> Revert:
        """Record what is enabled on purpose, node by node."""
        enabled = {node: plugins.enabled_plugins(site.cluster, node) for node in site.cluster.nodes}
        if self.plugin in NEEDED:
            raise HarnessError(f"{self.plugin} is what this run looks and heals by: it stays.")
        if not all(self.plugin in names for names in enabled.values()):
            raise HarnessError(f"{self.plugin} is not enabled on every node, but {enabled}.")
        return Revert("enable_plugins", {"plugin": self.plugin, "enabled": enabled})

    def apply(self, site: Site) -> None:
        """Disable it, one node after another."""
        for node in site.cluster.nodes:
            names = plugins.enabled_plugins(site.cluster, node)
            left = [name for name in names if name != self.plugin]
            plugins.set_plugins(site.cluster, node, left)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """See it run on no node."""
        active = {node: plugins.active_plugins(site.cluster, node) for node in site.cluster.nodes}
        return Seen(not any(self.plugin in names for names in active.values()), {"active": active})


@dataclass(frozen=True)
class EnableFeature(Single):
    """Enable a feature flag that is off, under load. Nothing undoes it, for as long as it lives.

    The nodes change their tables, or their protocol between each other, while clients go on. For
    its finality it is never drawn at random.
    """

    flag: str
    kind: ClassVar[str] = "enable_feature"
    fault_class: ClassVar[str] = "operator"

    def capture(self, site: Site) -> Revert:
        """See that it is off; a feature flag that is on stays on."""
        if all(self._enabled(site).values()):
            raise HarnessError(f"the feature flag {self.flag} is enabled already, and stays so.")
        return Revert("nothing", {"flag": self.flag})

    def _enabled(self, site: Site) -> dict[str, bool]:
        nodes = site.cluster.nodes
        return {node: plugins.flag_is_enabled(site.cluster, node, self.flag) for node in nodes}

    def apply(self, site: Site) -> None:
        """Enable it on the whole cluster."""
        plugins.enable_flag(site.cluster, site.broker.serving_node(), self.flag)

    def observe(self, site: Site) -> Seen:
        """See it enabled on every node."""
        enabled = self._enabled(site)
        return Seen(all(enabled.values()), {"enabled": enabled})
