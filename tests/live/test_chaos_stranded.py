"""A node whose application is down, and whom nobody starts: healing restarts it, and says so.

A minority that paused starts by itself when its peers are back. Where that start fails, since a
peer was still away with the tables, say, RabbitMQ tries no second time.
"""

import time

import pytest
from chaos_stand import evidence, healthy

from chaos import probes
from chaos.fault import Fault, Site
from chaos.links import Isolate
from chaos.nodes import KillNode
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

pytestmark = pytest.mark.live

NOBODY_STARTS_IT = (
    "case whereis(rabbit_outside_app_process) of"
    " undefined -> none; Process -> exit(Process, kill) end"
)
"""What waits to start a paused node is gone, as after a start that failed."""
SOONER_THAN_S = 60.0


def strand(site: Site, node: str) -> None:
    """Leave a node with its Erlang running, its application down, and nobody to start it."""
    site.cluster.ctl(node, "stop_app", timeout_s=40)
    site.cluster.evaluate(node, NOBODY_STARTS_IT)
    wait_until(
        lambda: probes.stranded(site.cluster) == [node], 20, f"{node} is stranded",
        errors=(HarnessError,),
    )  # fmt: skip


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Isolate("r3"), id="struck"),
        pytest.param(KillNode("r2"), id="another", marks=pytest.mark.nightly),
    ],
)
def test_a_stranded_node_is_restarted(site: Site, fault: Fault) -> None:
    """Whether it was struck itself or not, long before the time is up in which it might come."""
    before = {node: site.cluster.process_id(node) for node in site.cluster.nodes}
    assert probes.stranded(site.cluster) == []
    with fault.inject(site):
        strand(site, "r3")
        begun = time.monotonic()

    assert time.monotonic() - begun < SOONER_THAN_S
    healthy(site, measured=False)
    assert evidence(site, "restored")["not_by_itself"]["stranded"] == ["r3"]
    after = {node: site.cluster.process_id(node) for node in site.cluster.nodes}
    assert after["r3"] != before["r3"]
    assert after["r1"] == before["r1"]
