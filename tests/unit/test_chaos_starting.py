"""Who is restarted when a cluster is not whole again: whoever does not serve, else the struck."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from chaos import probes
from chaos.mending import rejoin
from chaos.starting import nodes_back, restart_nodes
from gameday.errors import HarnessError

if TYPE_CHECKING:
    from chaos.revert import Target

NODES = ("r1", "r2", "r3")


@dataclass
class Cluster:
    """Three nodes in memory: some are stranded, some idle and boot, some do not answer."""

    stranded: tuple[str, ...] = ()
    booting: tuple[str, ...] = ()
    dumb: tuple[str, ...] = ()
    running: set[str] = field(default_factory=lambda: set(NODES))
    did: list[str] = field(default_factory=list)
    nodes: tuple[str, ...] = NODES
    version: str = "3.10.8"

    def addresses(self, node: str) -> Any:
        """Return a node's name."""
        return SimpleNamespace(erlang_name=f"{node}@mq")

    def evaluate(self, node: str, expression: str, timeout_s: float = 10) -> str:
        """Answer the two questions that are asked."""
        assert timeout_s > 0
        if node in self.dumb or node not in self.running:
            raise HarnessError(f"{node} does not answer")
        if expression == probes.STRANDED:
            return str(node in self.stranded).lower()
        idle = {*self.stranded, *self.booting}
        serving = [f"{each}@mq" for each in self.nodes if each not in idle]
        return json.dumps({
            "serving": node not in idle, "seen": [], "running": serving, "partitions": [],
            "alarms": [],
        })  # fmt: skip

    def process_id(self, node: str) -> int | None:
        """Return any number for a node that runs."""
        return 7 if node in self.running else None

    def is_running(self, node: str) -> bool:
        """Whether its process is there."""
        return node in self.running

    def kill(self, node: str) -> None:
        """Note it."""
        self.running.discard(node)
        self.did.append(f"kill {node}")

    def stop(self, node: str) -> None:
        """Note it."""
        self.running.discard(node)
        self.did.append(f"stop {node}")

    def start(self, node: str, *, wait: bool = True) -> None:
        """Note it."""
        assert not wait, "who restarts several waits for none"
        self.running.add(node)
        self.did.append(f"start {node}")

    def resume(self, node: str) -> None:
        """Let it go on."""

    def mend_all(self) -> None:
        """Mend nothing."""


@pytest.mark.parametrize(
    ("cluster", "restarted"),
    [
        (Cluster(), "r2"),
        (Cluster(stranded=("r3",)), "r3"),
        (Cluster(booting=("r3",)), "r3"),
        (Cluster(dumb=("r1",)), "r1"),
        (Cluster(stranded=("r3",), booting=("r2",)), "r3"),
    ],
    ids=["all serve", "stranded", "boots for ever", "does not answer", "one waits for another"],
)
def test_who_is_restarted(cluster: Cluster, restarted: str) -> None:
    """The struck node only where every node serves; of those that do not, the stranded first."""
    target = cast("Target", cluster)

    restart_nodes(target, {"nodes": ["r2"]})

    assert cluster.did == [f"kill {restarted}", f"start {restarted}"]
    cluster.did.clear()
    rejoin(target, {"node": "r2"})
    assert cluster.did == [f"stop {restarted}", f"start {restarted}"]


def test_a_stranded_node_is_hopeless_and_one_that_boots_is_not() -> None:
    """Whoever boots may still come; for the other no look is of use, and it is named."""
    values = {"nodes": ["r2"]}
    stranded = nodes_back(cast("Target", Cluster(stranded=("r3",))), values)
    booting = nodes_back(cast("Target", Cluster(booting=("r3",))), values)
    whole = nodes_back(cast("Target", Cluster()), values)

    assert (stranded.yes, stranded.hopeless, stranded.evidence["stranded"]) == (False, True, ["r3"])
    assert (booting.yes, booting.hopeless) == (False, False)
    assert (whole.yes, whole.hopeless) == (True, False)
