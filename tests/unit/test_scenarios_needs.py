"""What a plan needs of a cluster from its start: clocks, plugins, feature flags that are off."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from chaos.plan import Entry, Episode, Plan
from gameday.clusters.settings import BrokerSettings, advanced_config
from gameday.errors import HarnessError, PrepareError, UsageError
from scenarios.needs import Needs, enable_other_flags, needs_of, with_needs

if TYPE_CHECKING:
    from gameday.clusters.local import LocalCluster


def plan_of(*entries: Entry) -> Plan:
    """Return a plan of one episode with these faults."""
    return Plan(seed=1, episodes=(Episode(id="e", name="e", at_s=0, for_s=1, faults=entries),))


@dataclass
class Flags:
    """A cluster that answers what the harness asks about feature flags, and enables them."""

    known: tuple[str, ...]
    on: set[str] = field(default_factory=set)
    brings: tuple[str, str] = ("", "")
    """A flag that another one is enabled with."""
    version: str = "3.10.8"
    nodes: tuple[str, ...] = ("r1", "r2", "r3")

    def evaluate(self, node: str, expression: str, timeout_s: float = 10) -> str:
        """Answer as a node does."""
        assert node == "r1"
        assert timeout_s > 0
        if "list(all)" in expression:
            return "[" + ",".join(f'"{name}"' for name in reversed(self.known)) + "]"
        flag = expression.split("'")[1]
        if ":enable(" in expression:
            self.on |= {flag} | ({self.brings[1]} if flag == self.brings[0] else set())
            return "ok"
        return str(flag in self.on).lower()


def enabled(cluster: Flags, *flags: str) -> set[str]:
    """Return what is on once all but these were enabled."""
    enable_other_flags(cast("LocalCluster", cluster), Needs(flags=flags))
    return cluster.on


def test_most_plans_need_nothing() -> None:
    """A kill is played on the broker as it is installed, with the settings of the contract."""
    settings = BrokerSettings(advanced="{aten, []}")

    needs = needs_of(plan_of(Entry(kind="kill_node", target="r1")))

    assert needs == Needs()
    assert with_needs(settings, needs) == settings


def test_a_plan_needs_what_its_faults_take_away() -> None:
    """A jump needs clocks, a disabled plugin one that is enabled, once, a flag one that is off."""
    plugin = Entry(kind="disable_plugin", target="rabbitmq_prometheus")
    flag = Entry(kind="enable_feature", target="user_limits")
    needs = needs_of(plan_of(plugin, plugin, flag, Entry(kind="jump_clock", target="r1")))

    settings = with_needs(BrokerSettings(advanced="{aten, []}"), needs)

    assert needs == Needs(clocks=True, plugins=("rabbitmq_prometheus",), flags=("user_limits",))
    assert settings.plugins == ("rabbitmq_management", "rabbitmq_prometheus")
    assert with_needs(settings, Needs(plugins=needs.plugins)) == settings
    assert advanced_config(settings) == (
        "[\n{aten, []},\n{rabbit, [{forced_feature_flags_on_init, []}]}\n].\n"
    )


def test_all_other_flags_are_enabled() -> None:
    """Only what the plan will enable stays off; without such a plan nobody is asked."""
    assert enabled(Flags(("user_limits", "tracking", "old"), {"old"}), "user_limits") == {
        "old", "tracking",
    }  # fmt: skip
    assert enabled(Flags(("user_limits",))) == set()


def test_a_flag_that_cannot_be_off_is_told() -> None:
    """A flag that nobody knows is a mistake in the plan; one that is on all the same is no run."""
    with pytest.raises(UsageError, match=r"has no feature flag 'user_limit'; there are user_lim"):
        enabled(Flags(("user_limits",)), "user_limit")
    with pytest.raises(PrepareError, match="does not run without the feature flag old"):
        enabled(Flags(("old", "user_limits"), {"old"}), "old")
    with pytest.raises(HarnessError, match="another one needs it"):
        enabled(Flags(("a", "b"), brings=("a", "b")), "b")
