"""What an operator changes while a node is away is found afterwards, and fails the run.

The fault, the changes, the reading back, the journal and the check are the run's own.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from chaos.fault import Site
from chaos.nodes import KillNode
from gameday.clusters.broker import Broker
from gameday.clusters.management import Management
from gameday.contracts.load import load_contract
from gameday.history.checks.cluster import topology
from gameday.history.finding import Status
from gameday.history.folder import build_manifest, create_run_folder, write_manifest
from gameday.history.run import load_run
from scenarios.prepare import declare, differences

pytestmark = pytest.mark.live

CONTRACT = load_contract("sparki")


def declare_otherwise(api: Management, vhost: str) -> None:
    """Delete a queue and declare it again, with a limit that nobody promised."""
    api.delete(f"/api/queues/{vhost}/notifications", limit_s=60)
    arguments = {"x-queue-type": "quorum", "x-max-length": 10}
    api.put(f"/api/queues/{vhost}/notifications", {"durable": True, "arguments": arguments})


def unbind(api: Management, vhost: str) -> None:
    """Remove the way to a DLQ."""
    api.delete(f"/api/bindings/{vhost}/e/dlx/q/builds.failed/builds.failed")


def change_type(api: Management, vhost: str) -> None:
    """Declare a DLQ again as a queue of the other type."""
    api.delete(f"/api/queues/{vhost}/deployments.failed", limit_s=60)
    arguments = {"x-queue-type": "classic"}
    api.put(f"/api/queues/{vhost}/deployments.failed", {"durable": True, "arguments": arguments})


def limit(api: Management, vhost: str) -> None:
    """Set an operator's policy."""
    body = {"pattern": ".*", "apply-to": "queues", "definition": {"max-length": 5}, "priority": 0}
    api.put(f"/api/operator-policies/{vhost}/cap", body)


GONE = "binding dlx -> {0} with key '{0}' is missing on the broker"
CHANGES: dict[Callable[[Management, str], None], list[str]] = {
    declare_otherwise: ["queue notifications: argument x-max-length is 10, expected none"],
    unbind: [GONE.format("builds.failed")],
    change_type: [
        "queue deployments.failed: type is classic, expected quorum",
        GONE.format("deployments.failed"),
    ],
    limit: ["operator policy cap is on the broker, but not in the contract"],
}


def test_changes_while_a_node_is_away_fail_the_topology(
    site: Site, broker: Broker, vhost: str, tmp_path: Path
) -> None:
    """Every node, also the one that was away, has each changed thing, and the check names each."""
    declare(broker, vhost, CONTRACT)
    journal = site.journal

    def read(at: str) -> None:
        found = differences(broker, vhost, CONTRACT)
        journal.append("topology", episode="e1", at=at, difference=found)

    read("before")
    journal.append("episode", episode="e1", name="kill", at="begin", control=None, faults=["e1.1"])
    with KillNode("r3").inject(site):
        for change in CHANGES:
            change(site.cluster.management("r1"), vhost)
    broker.wait_healthy(60)
    read("after")
    journal.append("episode", episode="e1", name="kill", at="end", control=None, faults=["e1.1"])

    finding = _judged(tmp_path, site)
    named = finding.details["differences"]
    assert finding.status is Status.FAIL
    assert finding.reason.startswith(f"broke Topology-As-Declared: after e1, {named[0]}")
    assert sorted(named) == sorted(each for expected in CHANGES.values() for each in expected)


def _judged(base: Path, site: Site):  # noqa: ANN202  # A finding of the check.
    folder = create_run_folder(base, "sparki", 1)
    cluster = {"kind": "local", "version": site.cluster.version, "nodes": list(site.cluster.nodes)}
    manifest = build_manifest(folder, CONTRACT, seed=1, suite="smoke", cluster=cluster, claimed=())
    write_manifest(folder, manifest)
    (folder / "journal.jsonl").write_bytes(site.journal.path.read_bytes())
    return topology(load_run(folder), {})
