"""The manifest of an upgrade: a run's own, and beside it what it moves from and to, and how."""

from pathlib import Path

from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract
from gameday.history.folder import build_manifest, write_manifest
from gameday.history.sides import UPGRADE
from scenarios.settings import settings_used
from scenarios.upgrade.options import Ready


def write_upgrade_manifest(
    ready: Ready, contract: Contract, folder: Path, cluster: LocalCluster
) -> None:
    """Write the manifest of an upgrade that begins now; its cluster is the old one."""
    facts = {
        "kind": "local",
        "version": cluster.version,
        "erlang": cluster.evaluate("r1", "erlang:system_info(otp_release)").strip('"'),
        "nodes": list(cluster.nodes),
        "powers": sorted(cluster.powers),
    }
    manifest = build_manifest(
        folder,
        contract,
        seed=ready.asked.seed,
        suite=UPGRADE,
        cluster=facts,
        claimed=tuple(each.id for each in contract.requirements if each.criteria),
        variables=ready.loaded.values,
        broker_settings="tuned",
        settings_used=settings_used(contract, cluster.version, "tuned"),
    )
    about = {
        "how": ready.asked.how, "from": ready.old.version, "to": ready.new.version,
        "alternative": ready.alternative, "steps": list(ready.steps),
    }  # fmt: skip
    write_manifest(folder, {**manifest, "episodes": 0, UPGRADE: about})
