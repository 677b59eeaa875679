"""Writing down what a run is, before it begins: its manifest."""

from chaos.plan import Plan
from gameday.clusters.compose import ComposeCluster
from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract
from gameday.history.folder import build_manifest, write_manifest
from scenarios.claims import claims
from scenarios.options import Options
from scenarios.settings import settings_used
from scenarios.stage import Stage


def write_manifest_of(
    stage: Stage,
    contract: Contract,
    options: Options,
    plan: Plan,
    left_out: tuple[tuple[str, str], ...] = (),
) -> None:
    """Write the manifest of a run that begins now; `left_out` has what is not played, and why."""
    cluster = stage.cluster
    claimed, dropped = claims(contract, options, cluster.powers, stage.reasons)
    facts = {
        "kind": options.cluster,
        "version": cluster.version,
        "erlang": _erlang(stage),
        "nodes": list(cluster.nodes),
        "powers": sorted(cluster.powers),
    }
    local = options.cluster != "attached"
    manifest = build_manifest(
        stage.folder,
        contract,
        seed=options.seed,
        suite=options.suite,
        cluster=facts,
        claimed=claimed,
        dropped_claims=dropped,
        alternative=options.alternative,
        variables=stage.values,
        broker_settings=options.broker_settings if local else "the owner's",
        settings_used=settings_used(contract, cluster.version, options.broker_settings)
        if local
        else (),
    )
    not_played = [{"name": name, "reason": reason} for name, reason in left_out]
    more = {"episodes": len(plan.episodes), "not_played": not_played}
    write_manifest(stage.folder, {**manifest, **more})


def _erlang(stage: Stage) -> str:
    if isinstance(stage.cluster, LocalCluster | ComposeCluster):
        return stage.cluster.evaluate("r1", "erlang:system_info(otp_release)").strip('"')
    return str(stage.cluster.management().get("/api/overview")["erlang_version"])
