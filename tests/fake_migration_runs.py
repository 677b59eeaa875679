"""The fake migrations that tests judge: one that ends GO, and a smaller one."""

import pickle
from functools import cache
from typing import Any

from tests.fake_migration import RULES, RUN, SECOND, SLOTS, ZERO_NS, FakeMigration, play, schedule

REDIS, HARDENED, RABBIT, QUORUM = (
    "redis-default", "redis-hardened", "rabbitmq-classic", "rabbitmq-quorum",
)  # fmt: skip
FAULTS = ("worker_kill", "broker_kill")
ROWS: list[dict[str, Any]] = [
    {"id": REDIS, "broker": "redis", "setting": "default", "label": "Redis, default",
     "settings": {"appendonly": "no", "visibility_timeout": 3600}},
    {"id": HARDENED, "broker": "redis", "setting": "hardened", "label": "Redis, hardened",
     "settings": {"appendonly": "yes", "appendfsync": "everysec", "visibility_timeout": 60}},
    {"id": RABBIT, "broker": "rabbitmq", "setting": "classic-priority",
     "label": "RabbitMQ, classic", "settings": {"x-max-priority": 10}},
    {"id": QUORUM, "broker": "rabbitmq", "setting": "quorum-priority",
     "label": "RabbitMQ, quorum", "settings": {"x-queue-type": "quorum"}},
]  # fmt: skip
STEPS = ("parallel", "cut-over", "rollback-midway", "rollback-after")


@cache
def _good() -> bytes:
    run = FakeMigration({
        "run": RUN, "kind": "migration", "system": "evaluations", "suite": "full", "seed": 1,
        "versions": {"rabbitmq": "4.3.6", "erlang": "27", "redis": "7.0.15", "celery": "5.5.3",
                     "kombu": "5.5.4", "python": "3.11.2"},
        "rows": ROWS, "legs": [], "rehearsal": [], "rules": RULES, "candidate": RABBIT,
        "command": "gameday migrate evaluations --suite full", "monotonic_zero_ns": ZERO_NS,
        "started_at": "2030-01-01T00:00:00.000+00:00",
    })  # fmt: skip
    at = ZERO_NS
    for row in (REDIS, HARDENED, RABBIT):
        for kind in ("light", "saturation", "burst"):
            at = leg(run, row, kind, at)
        for fault in FAULTS:
            at = leg(run, row, "fault", at, fault)
    at = leg(run, QUORUM, "light", at)
    for slots in (5, 10, 20):
        at = leg(run, RABBIT, "sweep", at, slots=slots)
    for mapped in (True, False):
        at = leg(run, RABBIT, "trap", at, mapped=mapped)
    for step in STEPS:
        for fault in (None, "worker_kill"):
            at = _step(run, step, fault, at)
    return pickle.dumps(run)


def good() -> FakeMigration:
    """Return a fresh migration that ends GO."""
    run: FakeMigration = pickle.loads(_good())  # noqa: S301  We made it ourselves.
    return run


def leg(
    run: FakeMigration, row: str, kind: str, at: int, fault: str | None = None, *,
    slots: int = SLOTS, mapped: bool = True,
) -> int:  # fmt: skip
    """Play one leg, and return when the next may begin."""
    is_redis = row.startswith("redis")
    name = f"{row}-{fault or kind}" + ("" if mapped else "-unmapped")
    name += f"-{slots}" if kind == "sweep" else ""
    tasks, begin = schedule(kind), at + SECOND
    struck = begin + SECOND if fault else None
    order = "reversed" if not mapped else "fifo" if is_redis else "strict"
    end = play(run, name, tasks, begin, order=order, struck_ns=struck, keeps=not is_redis,
               broker="redis" if is_redis else "rabbitmq", slots=slots)  # fmt: skip
    run.manifest["legs"].append({
        "id": name, "row": row, "kind": kind, "fault": fault, "begin_ns": begin, "end_ns": end,
        "fault_ns": [struck, struck + SECOND] if struck else None,
        "evidence": {"observed": f"{fault}: the process has another id"} if fault else {},
        "offered": len(tasks), "workers": 1, "concurrency": slots, "prefetch": 1, "mapped": mapped,
    })  # fmt: skip
    return end


def _step(run: FakeMigration, step: str, fault: str | None, at: int) -> int:
    scope, begin = f"{step}-{fault or 'calm'}", at + SECOND
    struck = begin + SECOND if fault else None
    end = play(run, scope, schedule("rehearsal"), begin, struck_ns=struck)
    run.manifest["rehearsal"].append({
        "step": step, "fault": fault, "scope": scope, "begin_ns": begin, "end_ns": end,
        "marks": {"producers moved": begin + SECOND, "consumers moved": begin + 2 * SECOND},
        "completed": True, "why_not": None, "from_row": REDIS, "to_row": RABBIT,
        "evidence": {"observed": "a worker's process is gone"} if fault else {},
    })  # fmt: skip
    return end
