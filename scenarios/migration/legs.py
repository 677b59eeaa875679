"""Playing one leg: a load on one row, perhaps with a fault in it, to its drain."""

from contextlib import suppress
from dataclasses import replace
from time import monotonic_ns
from typing import Any

from gameday.errors import HarnessError
from scenarios.migration.faults import FAULTS, Stage, struck
from scenarios.migration.plans import LegPlan
from scenarios.migration.scene import Scene
from scenarios.migration.sides import Side
from scenarios.migration.stand import Stand


def play_leg(stand: Stand, plan: LegPlan) -> dict[str, Any]:
    """Play a leg and return it for the manifest; a failure of ours leaves its losses unknown."""
    side = stand.sides[plan.row]
    scene = Scene(stand, plan.id)
    multiplier = 1 if stand.own is None else stand.own.prefetch
    leg: dict[str, Any] = {
        "id": plan.id, "row": plan.row, "kind": plan.kind, "fault": plan.fault,
        "fault_ns": None, "evidence": {}, "begin_ns": monotonic_ns(), "end_ns": monotonic_ns(),
        "offered": 0, "workers": plan.workers, "concurrency": plan.concurrency,
        "prefetch": plan.concurrency * multiplier, "mapped": plan.is_mapped,
    }  # fmt: skip
    try:
        _play(scene, side, plan, leg)
    except HarnessError as error:
        stand.journal.append("harness_failed", leg=plan.id, reason=str(error))
        leg["evidence"]["failed"] = str(error)
        leg["end_ns"] = monotonic_ns()
        with suppress(HarnessError):
            scene.close()
        _put_right(stand, scene, side, error)
    leg["offered"] = scene.offered
    if scene.restarted:
        leg["evidence"]["workers_started_again"] = scene.restarted
    return leg


def _play(scene: Scene, side: Side, plan: LegPlan, leg: dict[str, Any]) -> None:
    wiring = side.wiring(is_mapped=plan.is_mapped)
    at_their_door = replace(wiring, urls=side.worker_urls())
    scene.hire(side, plan.workers, plan.concurrency, at_their_door)
    scene.publish(plan.load, {plan.row: wiring})
    scene.ready()
    leg["begin_ns"] = scene.go()
    if plan.fault is not None:
        scene.wait(plan.at_s, f"until {plan.fault}")
        _strike(scene, side, plan.fault, leg)
    scene.published(plan.load)
    left = scene.settle(side)
    leg["end_ns"] = monotonic_ns()
    scene.close()
    found = scene.read_out(side)
    leg["evidence"] |= {"left": found.get(plan.row, {}).get("left", {}), "kept": left}


def _strike(scene: Scene, side: Side, name: str, leg: dict[str, Any]) -> None:
    """Let a fault be in force for its time, and note what was seen of it."""
    fault = FAULTS[name]
    stage = Stage(side, scene.stand.crew, scene.workers[side.row.id])
    with struck(fault, stage, scene.scope, scene.stand) as done:
        scene.wait(fault.lasts_s, name)
    leg["fault_ns"] = done.fault_ns
    leg["evidence"] |= done.evidence


def _put_right(stand: Stand, scene: Scene, side: Side, why: HarnessError) -> None:
    """Bring a side back to where the next leg can use it."""
    if stand.over.is_set():
        return
    side.restore()
    scene.read_out(side)
    stand.journal.append("drain", gate=scene.scope, ok=False, detail=f"the harness failed: {why}")
