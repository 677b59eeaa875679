"""The rehearsal: both brokers at once, the cut-over, and the way back, under load.

    parallel         each task to exactly one broker, then each to both
    cut-over         producers move -> Redis drains -> consumers move
    rollback-midway  producers move, and move back before Redis has drained
    rollback-after   the whole cut-over, and then the whole way back

Results lie in Redis's database 1 throughout: moving the broker does not move them. A fault strikes
while tasks are on both sides.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from gameday.errors import HarnessError
from scenarios.migration.faults import FAULTS, Stage, struck
from scenarios.migration.plans import StepPlan
from scenarios.migration.scene import Scene
from scenarios.migration.sides import RedisSide, Side
from scenarios.migration.stand import Stand

WORKERS, AT_ONCE = 2, 5
"""Workers on each side, and tasks at once in each."""

REDIS, RABBITMQ = "redis", "rabbitmq"

STRIKES: Mapping[str, Mapping[str, str]] = {
    "parallel": {"worker_kill": RABBITMQ, "broker_kill": RABBITMQ, "cut_link": RABBITMQ},
    "cut-over": {"worker_kill": REDIS, "broker_kill": RABBITMQ, "cut_link": REDIS},
    "rollback-midway": {"worker_kill": RABBITMQ, "broker_kill": REDIS, "cut_link": RABBITMQ},
    "rollback-after": {"worker_kill": RABBITMQ, "broker_kill": REDIS, "cut_link": RABBITMQ},
}
"""Whom a fault strikes in each step: links and workers where tasks drain, brokers where they go."""


@dataclass
class Move:
    """One step while it is played: its scene, both sides, and when what was done."""

    scene: Scene
    plan: StepPlan
    redis: RedisSide
    rabbitmq: Side
    marks: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)

    def side(self, name: str) -> Side:
        """Return the side of a broker."""
        return self.redis if name == REDIS else self.rabbitmq

    def hire(self, name: str) -> None:
        """Start the workers of a side."""
        side = self.side(name)
        wiring = side.wiring(self.redis.results_url())
        self.scene.hire(side, WORKERS, AT_ONCE, wiring)

    def begin(self, route: str, *hired: str) -> None:
        """Start workers and the publisher, and let the load begin."""
        for name in hired:
            self.hire(name)
        wirings = {
            self.side(name).row.id: self.side(name).wiring(self.redis.results_url())
            for name in (REDIS, RABBITMQ)
        }
        first = self.side(route).row.id if route in {REDIS, RABBITMQ} else route
        self.scene.publish(self.plan.load, wirings, first)
        self.scene.ready()
        self.marks["load begins"] = self.scene.go()

    def wait(self, share: float) -> None:
        """Let a share of the load's time pass."""
        self.scene.wait(share * self.plan.load.for_s, self.plan.scope)

    def route(self, name: str, mark: str) -> None:
        """Move the producers; it is done when no send to another broker is under way any more."""
        assert self.scene.publisher is not None
        target = self.side(name).row.id if name in {REDIS, RABBITMQ} else name
        self.scene.publisher.order(f"route {target}")
        said = self.scene.publisher.heard("route", 40, self.scene.look, name=target)
        self.marks[mark] = int(said["ns"])

    def drained(self, name: str) -> None:
        """Wait until a side has nothing left to do."""
        if left := self.scene.settle(self.side(name)):
            self.evidence.setdefault("kept", {})[name] = left
        mark = f"{name} drained"
        self.marks[f"{mark} again" if mark in self.marks else mark] = monotonic_ns()

    def dismiss(self, name: str) -> None:
        """Stop the workers of a side."""
        self.scene.stop(self.side(name).row.id)
        self.marks[f"{name} without consumers"] = monotonic_ns()

    def leave(self, old: str, new: str) -> None:
        """Let one side drain and go, and the other do all that is left."""
        self.drained(old)
        self.dismiss(old)
        self.scene.published(self.plan.load)
        self.drained(new)

    def strike(self) -> None:
        """Let the step's fault strike, if it has one."""
        if self.plan.fault is None:
            return
        side = self.side(STRIKES[self.plan.step][self.plan.fault])
        fault = FAULTS[self.plan.fault]
        stage = Stage(side, self.scene.stand.crew, self.scene.workers[side.row.id])
        with struck(fault, stage, self.scene.scope, self.scene.stand) as done:
            self.marks["fault"] = done.times_ns[0]
            self.scene.wait(fault.lasts_s, fault.name)
        self.marks["fault over"] = done.times_ns[1]
        self.evidence |= {**done.evidence, "struck": side.row.id}


def _parallel(move: Move) -> None:
    move.begin("split", REDIS, RABBITMQ)
    move.wait(0.35)
    move.route("both", "each task to both")
    move.wait(0.2)
    move.strike()
    move.scene.published(move.plan.load)
    move.drained(REDIS)
    move.drained(RABBITMQ)


def _cut_over(move: Move) -> None:
    move.begin(REDIS, REDIS, RABBITMQ)
    move.wait(0.3)
    move.route(RABBITMQ, "producers moved")
    move.strike()
    move.leave(REDIS, RABBITMQ)


def _rollback_midway(move: Move) -> None:
    move.begin(REDIS, REDIS, RABBITMQ)
    move.wait(0.25)
    move.route(RABBITMQ, "producers moved")
    move.wait(0.2)
    move.route(REDIS, "producers moved back")
    move.strike()
    move.leave(RABBITMQ, REDIS)


def _rollback_after(move: Move) -> None:
    move.begin(REDIS, REDIS, RABBITMQ)
    move.wait(0.15)
    move.route(RABBITMQ, "producers moved")
    move.drained(REDIS)
    move.dismiss(REDIS)
    move.hire(REDIS)
    move.scene.ready()
    move.route(REDIS, "producers moved back")
    move.strike()
    move.leave(RABBITMQ, REDIS)


HOW: Mapping[str, Callable[[Move], None]] = {
    "parallel": _parallel,
    "cut-over": _cut_over,
    "rollback-midway": _rollback_midway,
    "rollback-after": _rollback_after,
}
"""How each step is played."""


def play_step(stand: Stand, plan: StepPlan, from_row: str, to_row: str) -> dict[str, Any]:
    """Play a step and return it for the manifest; one that failed says why it was not completed."""
    redis = stand.sides[from_row]
    assert isinstance(redis, RedisSide)
    scene = Scene(stand, plan.scope)
    move = Move(scene, plan, redis, stand.sides[to_row])
    begin_ns = monotonic_ns()
    try:
        HOW[plan.step](move)
        end_ns = monotonic_ns()
        why_not = _results(move)
        scene.close()
        scene.read_out(move.redis, move.rabbitmq)
    except HarnessError as error:
        end_ns, why_not = monotonic_ns(), str(error)
        stand.journal.append("harness_failed", step=plan.scope, reason=why_not)
        with suppress(HarnessError):
            scene.close()
        _put_right(stand, move, why_not)
    if scene.restarted:
        move.evidence["workers_started_again"] = scene.restarted
    begin_ns = move.marks.get("load begins", begin_ns)
    return {
        "step": plan.step, "fault": plan.fault, "scope": plan.scope, "begin_ns": begin_ns,
        "end_ns": end_ns, "marks": move.marks, "completed": not why_not, "why_not": why_not,
        "from_row": from_row, "to_row": to_row, "evidence": move.evidence,
    }  # fmt: skip


def _results(move: Move) -> str:
    """Ask for the result of each task that was to have one; return what is wrong with them."""
    assert move.scene.publisher is not None
    if move.scene.stand.own is not None:
        return ""  # Which of somebody else's tasks have a result, nobody here can know.
    move.scene.publisher.order("results")
    said = move.scene.publisher.heard("results", 30, move.scene.look)
    move.evidence["results"] = {"wanted": said["wanted"], "found": said["found"]}
    if said["found"] is None:
        return f"results could not be read: {said['why']}"
    if said["found"] < said["wanted"]:
        first, state = next(iter(said["missing"].items()))
        return (f"{said['wanted'] - said['found']} of {said['wanted']} results are missing, the "
                f"first of task {first}, in state {state}")  # fmt: skip
    return ""


def _put_right(stand: Stand, move: Move, why: str) -> None:
    if stand.over.is_set():
        return
    move.redis.restore()
    move.rabbitmq.restore()
    move.scene.read_out(move.redis, move.rabbitmq)
    detail = f"the harness failed: {why}"
    stand.journal.append("drain", gate=move.scene.scope, ok=False, detail=detail)
