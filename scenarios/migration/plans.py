"""What a suite plays: its legs, row by row, and the steps of the rehearsal, as values.

Every row gets the same load from the same seed. Loads are sized for two cores: what a task takes is
time and no processor, so that a hundred can be in progress at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gameday.traffic.celery.job import Load
from scenarios.migration.rows import Row

WIDE = (4, 32)
"""Workers, and tasks at once in each: 128 places, so that a hundred are always taken."""
NARROW = (2, 8)
ROOMY = (4, 8)
FREE = (2, 32)
"""More places than tasks: workers ask for more all the time, and are answered at once."""
BURSTS_PER_S = 250.0
SWEPT = ((1, 8), (2, 8), (2, 16))
STEPS = ("parallel", "cut-over", "rollback-midway", "rollback-after")
STEP_FAULTS = ("worker_kill", "broker_kill", "cut_link")
LEG_FAULTS = (
    *STEP_FAULTS, "silent_link", "silent_workers", "memory_full", "disk_full", "long_tasks",
)  # fmt: skip
SMOKE_FAULTS = ("worker_kill", "broker_kill", "cut_link")


@dataclass(frozen=True)
class LegPlan:
    """One load on one row; with a fault it strikes `at_s` after the load began."""

    row: str
    kind: str
    load: Load
    workers: int
    concurrency: int
    fault: str | None = None
    at_s: float = 0.0
    is_mapped: bool = True
    part: str = ""

    @property
    def id(self) -> str:
        """The name of the leg, which is the scope of its ledgers."""
        words = (self.kind if self.fault is None else self.fault, self.part, self.row)
        return "-".join(each for each in words if each).replace("_", "-")


@dataclass(frozen=True)
class StepPlan:
    """One step of the rehearsal, without a fault or with one."""

    step: str
    fault: str | None
    load: Load

    @property
    def scope(self) -> str:
        """The name of the step, which is the scope of its ledgers."""
        words = ("step", self.step, self.fault or "plain")
        return "-".join(words).replace("_", "-")


@dataclass(frozen=True)
class Suite:
    """What is played: batches of legs, each at the same time on several rows, and the steps."""

    batches: tuple[tuple[LegPlan, ...], ...]
    steps: tuple[StepPlan, ...]

    @property
    def expected_s(self) -> float:
        """How long it should take, in seconds."""
        legs = sum(max(map(_leg_s, batch)) for batch in self.batches)
        return legs + sum(each.load.for_s + STEP_TAKES_S for each in self.steps)


LEG_TAKES_S = 11.0
STEP_TAKES_S = 12.0
REVERTING_S = 8.0
"""What a leg and a step take besides their load: workers come and go, the rest is read out."""


def _leg_s(plan: LegPlan) -> float:
    struck = REVERTING_S if plan.fault else 0.0
    return plan.load.for_s + _behind_s(plan) + struck + LEG_TAKES_S


def _behind_s(plan: LegPlan) -> float:
    """Return how long the work takes that is left when nothing more falls due."""
    load = plan.load
    work_s = load.rate_per_s * load.for_s + sum(count for _, count, _ in load.spikes)
    work_s *= sum(load.service_ms) / 2000
    return max(0.0, work_s / (plan.workers * plan.concurrency) - load.for_s)


def light(seed: int, size: float = 1.0) -> Load:
    """Return a load far below what the workers can do."""
    return Load(
        8.0, 10.0 * size, seed, service_ms=(100, 300), retried=0.04, failing=0.04, timed_out=0.04
    )


def saturation(seed: int, size: float = 1.0) -> Load:
    """Return more than 128 places can do for the whole of its length, then nothing."""
    return Load(80.0, 20.0 * size, seed, service_ms=(1800, 2600))


def burst(seed: int, count: int) -> Load:
    """Return a light load with bursts of more than there are places.

    Spread so that one publisher keeps up: what it is late counts as latency.
    """
    over_s = count / BURSTS_PER_S
    spikes = ((1.0, count, over_s), (4.5, count, over_s))
    return Load(8.0, 7.0, seed, spikes, service_ms=(400, 800))


def struck(seed: int, size: float = 1.0) -> Load:
    """Return what goes on while something breaks: some work always waits."""
    return Load(12.0, 10.0 * size, seed, ((2.5, 45, 0.4),), service_ms=(300, 700))


def unhurried(seed: int) -> Load:
    """Return some thirty tasks in progress at any time, and no backlog."""
    return Load(16.0, 9.0, seed, service_ms=(1600, 2400))


def long_tasks(seed: int, for_s: float = 4.0) -> Load:
    """Return tasks that take longer than the hardened visibility timeout."""
    return Load(2.0, for_s, seed, ((0.5, 18, 0.5),), service_ms=(7000, 9000))


def backlog(seed: int, count: int = 220) -> Load:
    """Return tasks of all priorities that are due at once."""
    return Load(1.0, 2.0, seed, ((0.2, count, 0.3),), service_ms=(150, 250))


def moving(seed: int, for_s: float = 9.0) -> Load:
    """Return what goes on while brokers change: retries, tasks for later and revoked ones too."""
    return Load(
        12.0, for_s, seed, service_ms=(150, 450), eta_share=0.06, retried=0.08, timed_out=0.03,
        revoked=0.05,
    )  # fmt: skip


def fault_plans(rows: Sequence[Row], names: Sequence[str], seed: int) -> Iterator[list[LegPlan]]:
    """Return, fault by fault, what can be played at the same time: of one cluster one row."""
    rabbits = [row for row in rows if row.broker == "rabbitmq"]
    others = [row for row in rows if row.broker != "rabbitmq"]
    together = [[*others, *rabbits[:1]], *([row] for row in rabbits[1:])]
    for number, name in enumerate(names):
        if name == "long_tasks":  # Places for all, so that nothing waits for a place.
            load, places, at_s = long_tasks(seed + number), ROOMY, 2.0
        elif name == "silent_workers":
            load, places, at_s = unhurried(seed + number), FREE, 3.1
        else:
            load, places, at_s = struck(seed + number), NARROW, 3.1
        for batch in together:
            yield [LegPlan(row.id, "fault", load, *places, name, at_s) for row in batch]


def on_candidate(candidate: str, seed: int, swept: Sequence[tuple[int, int]]) -> list[LegPlan]:
    """Return the inversion trap, both ways, and the sweep over worker settings."""
    load = backlog(seed)
    trap = LegPlan(candidate, "trap", load, *NARROW)
    plans = [replace(trap, part="mapped"), replace(trap, part="unmapped", is_mapped=False)]
    for workers, concurrency in swept:
        part = f"{workers}x{concurrency}"
        plans.append(LegPlan(candidate, "sweep", load, workers, concurrency, part=part))
    return plans


def steps(seed: int, faults: Sequence[str | None], for_s: float) -> tuple[StepPlan, ...]:
    """Return every step with each of these faults, or without one."""
    return tuple(
        StepPlan(step, fault, moving(seed, for_s * (2 if step == "rollback-after" else 1)))
        for fault in faults
        for step in STEPS
    )


def smoke(rows: Sequence[Row], candidate: str, seed: int) -> Suite:
    """Return what fits into ten minutes; faults strike the candidate and the rows of Redis."""
    struck_rows = [row for row in rows if row.broker == "redis" or row.id == candidate]
    batches = [
        [LegPlan(row.id, "light", light(seed), *NARROW) for row in rows],
        *([LegPlan(row.id, "saturation", saturation(seed + 1, 0.7), *WIDE)] for row in rows),
        [LegPlan(row.id, "burst", burst(seed + 2, 60), *NARROW) for row in rows],
        *fault_plans(struck_rows, SMOKE_FAULTS, seed + 10),
        *([each] for each in on_candidate(candidate, seed + 30, SWEPT[:2])),
    ]
    return Suite(tuple(map(tuple, batches)), steps(seed + 40, (None, "broker_kill"), 8.0))


def full(rows: Sequence[Row], candidate: str, seed: int) -> Suite:
    """Return everything: longer, every leg alone on the machine, every step with every fault."""
    legs = [
        LegPlan(row.id, kind, load, *places)
        for kind, load, places in (
            ("light", light(seed, 2.0), NARROW),
            ("saturation", saturation(seed + 1, 1.5), WIDE),
            ("burst", burst(seed + 2, 300), WIDE),
        )
        for row in rows
    ]
    batches = [
        *([each] for each in legs),
        *([each] for batch in fault_plans(rows, LEG_FAULTS, seed + 10) for each in batch),
        *([each] for each in on_candidate(candidate, seed + 30, SWEPT)),
    ]
    return Suite(tuple(map(tuple, batches)), steps(seed + 40, (None, *STEP_FAULTS), 10.0))


SUITES = {"smoke": smoke, "full": full}
