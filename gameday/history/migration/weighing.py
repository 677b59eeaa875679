"""What to weigh beside the decision: where Redis is better, what may go wrong, what it costs.

Every sentence has a size that was measured; what was not measured is not weighed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gameday.history.migration.folder import Migration
from gameday.history.migration.judged import REQUIREMENTS
from gameday.history.migration.manifest import SWEEP, TRAP
from gameday.history.statistics import lossy_episode_at_most

Json = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

BETTER = (
    ("urgent p95", "ms", lambda row: row["urgent"]["p95_ms"], False, 10.0),
    ("tasks a second", "tasks a second", lambda row: row["tasks_per_s"], True, 0.0),
    ("tasks that it never confirmed", "tasks", lambda row: row["not_confirmed"], False, 0.0),
    ("lost tasks", "tasks", lambda row: row["lost"] if not row["drained"] else None, False, 0.0),
    ("tasks run more than once", "tasks", lambda row: row["repeated"], False, 0.0),
    ("longest time without a start", "s", lambda row: row["without_start_s"], False, 0.5),
    ("broker's processor time a task", "ms", lambda row: _cost(row, "cpu_ms_per_task"), False, 0.0),
    ("broker's memory", "bytes", lambda row: _cost(row, "rss_bytes"), False, 0.0),
)
"""What is compared leg by leg: its name, its unit, the figure, whether more is better, and
the least difference that anybody would notice."""


def _cost(row: Mapping[str, Any], name: str) -> float | None:
    broker = row["costs"].get("broker") or {}
    found: float | None = broker.get(name)
    return found


def redis_better(migration: Migration, table: Rows) -> list[Json]:
    """Return every figure by which a Redis row beats the candidate by what matters."""
    matters, found = float(migration.rules["matters"]), []
    redis = {row.id for row in migration.redis}
    mine = {row["load"]: row for row in table if row["row"] == migration.candidate
            and row["kind"] not in (SWEEP, TRAP)}  # fmt: skip
    for row in table:
        other = mine.get(row["load"])
        if row["row"] not in redis or other is None:
            continue
        for name, unit, figure, is_more_better, least in BETTER:
            one, two = figure(row), figure(other)
            if one is None or two is None or abs(one - two) <= least:
                continue
            apart = abs(one - two) > matters * max(abs(one), abs(two))
            if apart and (one > two) == is_more_better:
                found.append({
                    "figure": name, "unit": unit, "load": row["load"],
                    "row": row["row"], "redis": one, "rabbitmq": two,
                })  # fmt: skip
    return found


def risks(migration: Migration, table: Rows, rehearsed: Rows) -> list[Json]:
    """Return what may go wrong, with the size that was measured, the candidate's first."""
    found = [*_of_candidate(migration, table), *_of_rehearsal(rehearsed),
             *_of_others(migration, table)]  # fmt: skip
    struck = [row for row in table if row["row"] == migration.candidate and row["observed"]]
    if struck and not any(row["lost"] for row in struck):
        bound = lossy_episode_at_most(len(struck))
        found.append(_risk(
            "RabbitMQ", "loss in an episode that this run did not meet", "all faults",
            f"no lossy one in {len(struck)} bounds its chance at {bound:.0%} (95 %)", bound,
        ))  # fmt: skip
    return found


def _risk(row: str, what: str, load: str, size: str, measured: float | None) -> Json:
    return {"row": row, "risk": what, "load": load, "size": size, "measured": measured}


def _of_candidate(migration: Migration, table: Rows) -> Iterator[Json]:
    label = migration.label(migration.candidate)
    for row in table:
        if row["row"] != migration.candidate:
            continue
        if row["kind"] == TRAP and not row["mapped"] and row["choices"]:
            share = row["inverted"] / row["choices"]
            yield _risk(
                label,
                "priorities that are not mapped at cut-over turn round",
                "cut-over",
                f"{row['inverted']} of {row['choices']} choices ({share:.0%})",
                share,
            )
        yield from _losses(label, row)
        worst = row["urgent"]["max_ms"]
        if row["fault"] and worst is not None:
            yield _risk(
                label,
                f"urgent tasks wait under {row['fault']}",
                row["load"],
                f"{worst / 1000:.1f} s at worst, of {row['urgent']['n']}",
                worst,
            )


HARMS = {
    "lost": "confirmed tasks are lost",
    "left": "confirmed tasks lie unserved",
    "repeated": "tasks run more than once",
    "not_confirmed": "tasks are never confirmed to their publisher",
}
"""What a row can do to tasks, by the figure that counts it."""


def _losses(label: str, row: Mapping[str, Any]) -> Iterator[Json]:
    for name, what in HARMS.items():
        if row[name]:
            of = row["published"] if name == "not_confirmed" else row["confirmed"]
            share = row[name] / max(of, 1)
            yield _risk(label, what, row["load"], f"{row[name]} of {of} ({share:.1%})", share)


def _of_rehearsal(rehearsed: Rows) -> Iterator[Json]:
    for row in rehearsed:
        if row["repeated"]:
            yield _risk("rehearsal", "tasks run more than once", row["name"],
                        f"{row['repeated']} of {row['confirmed']}, of which "
                        f"{row['effects_doubled']} took effect twice", row["repeated"])  # fmt: skip
    if rehearsed:
        worst = max(rehearsed, key=lambda row: max(row["without_start_s"],
                                                   row["without_confirm_s"]))  # fmt: skip
        gap = max(worst["without_start_s"], worst["without_confirm_s"])
        yield _risk("rehearsal", "time without service", worst["name"], f"{gap:.1f} s", gap)


def _of_others(migration: Migration, table: Rows) -> Iterator[Json]:
    """Name the losses of every other row: those of staying, and of another RabbitMQ setting."""
    for row in table:
        if row["row"] != migration.candidate and row["kind"] not in (SWEEP, TRAP):
            yield from _losses(migration.label(row["row"]), row)


def costs(migration: Migration, table: Rows) -> list[Json]:
    """Return, for each row and kind of process, processor time a task and memory."""
    found = []
    for row in migration.rows:
        mine = [each for each in table if each["row"] == row.id
                and each["kind"] not in (SWEEP, TRAP)]  # fmt: skip
        for kind in sorted({kind for each in mine for kind in each["costs"]}):
            parts = [each for each in mine if kind in each["costs"]]
            cpu_s = sum(each["costs"][kind]["cpu_s"] for each in parts)
            done = sum(each["done"] for each in parts)
            found.append({
                "row": row.id, "process": kind, "legs": len(parts), "cpu_s": cpu_s, "done": done,
                "cpu_ms_per_task": 1000 * cpu_s / done if done else None,
                "rss_bytes": max(each["costs"][kind]["rss_bytes"] for each in parts),
            })  # fmt: skip
    return found


RUN = "gameday run {system} --suite full judges it, or says why not"
LEG = "play a leg that shows it: docs/migration.md"
SUITE = "make test: it is a property of the test suite"
NOT_HERE = {
    "05": ("whether queues are as declared after a failure", RUN),
    "14": ("replication, TLS between nodes, users, network policies, credentials", RUN),
    "15": ("metrics, dashboards and alerts", RUN),
    "17": ("network-isolation tests", SUITE),
    "18": ("the warning before a heavier environment", SUITE),
    "19": ("it is the decision itself: the banner answers it", "read the banner"),
    "20": ("delayed messages", RUN),
    "21": ("the modes of the tests", SUITE),
    "22": ("memory limits, and the broker at its memory limit", RUN),
    "23": ("gVisor, AWS secrets, Kubernetes manifests, egress rules", "not by this harness"),
}
"""What a migration of evaluations does not judge, by the requirement's number, and who does."""


def untested(migration: Migration, answered: set[str]) -> list[Json]:
    """Return what this run did not test, why, and how it could be; none is silently missing."""
    system = str(migration.manifest.get("system", ""))
    found = [dict(each) for each in migration.manifest.get("untested") or ()]
    named = {str(each.get("id")) for each in found} | answered
    numbers = sorted(set(REQUIREMENTS.values()))
    missing = dict.fromkeys(numbers, ("no leg of this run shows it", LEG))
    missing |= NOT_HERE if system == "evaluations" else {}
    found += [
        {"id": f"{system}-{number}", "reason": reason, "how": how.format(system=system)}
        for number, (reason, how) in sorted(missing.items())
        if f"{system}-{number}" not in named
    ]
    return found
