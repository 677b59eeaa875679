"""Checks that the fakes' contract does not claim, and windows: empty, sane, pathological."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.history.checks import CHECKS, look
from gameday.history.checks.retries import failures
from gameday.history.deliveries import UNHANDLED
from gameday.history.finding import Finding, Status
from gameday.history.records import Kind, Result
from gameday.history.run import load_run
from gameday.history.windows import (
    BASELINE,
    FAULT,
    RECOVERY,
    WARM_UP,
    Window,
    Windows,
    build_windows,
)
from tests.fake_broker import SECOND, ZERO_NS
from tests.fake_folder import FakeRun
from tests.fakes import simulate
from tests.mutants.damage_clients import deliver_late


def made(run: FakeRun, folder: Path, check: str, **parameters: Any) -> Finding:
    """Make one check on a run, through files."""
    return look(CHECKS[check], check, load_run(run.write(folder / "run")), parameters)


def test_no_effect_is_unknown(tmp_path: Path) -> None:
    """Where no effect was recorded, nothing shows that there was only one."""
    assert made(simulate(120, 1), tmp_path, "effects").status == Status.UNKNOWN


@pytest.mark.parametrize(("keys", "status"), [("abc", Status.PASS), ("aba", Status.FAIL)])
def test_one_effect_a_key(keys: str, status: Status, tmp_path: Path) -> None:
    """One effect for each key passes, a second one for a key fails."""
    run = simulate(120, 1)
    worker = next(tape for tape in run.tapes if tape.role == "worker")
    for place, key in enumerate(keys):
        worker.add(Kind.EFFECT, ZERO_NS + 50 * SECOND + place, sequence=1, producer=1,
                   detail=worker.name("effect", key))  # fmt: skip

    assert status == made(run, tmp_path, "effects").status


def stopped(code: int, after_s: float) -> FakeRun:
    """Return a run in which a worker was told to stop, and exited so."""
    run = simulate(300, 1)
    for line in run.journal.of("fault", episode="e6"):
        line["kind"], line["parameters"] = "signal_client", {"signal": "SIGTERM"}
    ended = run.journal.of("process", state="ended")[0]
    ended["code"] = code
    ended["time_ns"] += int(after_s * SECOND)
    worker = next(tape for tape in run.tapes if tape.process == ended["process"])
    settled = {(row.channel, row.tag) for row in worker.of(Kind.ACKED, Kind.REJECTED)}
    worker.rows = [row for row in worker.rows if row.kind != Kind.HANDLED
                   or (row.channel, row.tag) in settled]  # fmt: skip
    return run


@pytest.mark.parametrize(
    ("code", "after_s", "status"),
    [(0, 2, Status.PASS), (0, 12, Status.FAIL), (-9, 2, Status.FAIL)],
)
def test_a_stop_must_be_graceful(code: int, after_s: float, status: Status, tmp_path: Path) -> None:
    """A worker that exits in time with code 0 passes; a late or killed one fails."""
    run = stopped(code, after_s)

    assert status == made(run, tmp_path, "graceful_stop", limit_s=10.0).status


def test_nobody_stopped_is_unknown(tmp_path: Path) -> None:
    """Where no worker was told to stop, nothing shows how it would."""
    finding = made(simulate(120, 1), tmp_path, "graceful_stop", limit_s=10.0)

    assert finding.status == Status.UNKNOWN


def test_a_check_that_raises_is_unknown(tmp_path: Path) -> None:
    """Whatever breaks inside a check, it neither passes nor fails the broker."""
    finding = made(simulate(120, 1), tmp_path, "sla", limit_ms="soon")

    assert (finding.status, "broke: ValueError" in finding.reason) == (Status.UNKNOWN, True)


@pytest.mark.parametrize(
    ("version", "queue", "bug", "status"),
    [
        ("3.10.8", "deployments", None, Status.PASS),
        ("4.3.6", "builds", None, Status.PASS),
        ("4.3.6", "builds", "ignore_priority", Status.FAIL),
        ("4.3.6", "deployments", None, Status.UNKNOWN),
    ],
)
def test_priorities_by_version(
    version: str, queue: str, bug: str | None, status: Status, tmp_path: Path
) -> None:
    """What a queue owes its urgent messages depends on its type and the broker's version."""
    run = simulate(3000, 2, bug)
    run.manifest["cluster"]["version"] = version

    assert status == made(run, tmp_path, "inversions", queues=[queue]).status


def test_recovery_names_what_never_came_back(tmp_path: Path) -> None:
    """A queue in which nothing is confirmed after a fault has not recovered."""
    run = simulate(2500, 1)
    healed = run.journal.of("fault", fault="e6.1", step="restored")[0]["time_ns"]
    for tape in run.tapes:
        tape.rows = [row for row in tape.rows
                     if not (row.kind == Kind.CONFIRMED and row.time_ns > healed)]  # fmt: skip

    finding = made(run, tmp_path, "recovery", limit_s=10.0)

    assert (finding.status, "never came" in finding.reason) == (Status.FAIL, True)


@given(st.lists(st.integers(0, 10**12), max_size=30), st.permutations(range(6)))
def test_every_time_is_in_one_window(times: list[int], order: list[int]) -> None:
    """Windows leave no gap and never overlap, however the episodes stand."""
    journal = []
    for place, number in enumerate(order):
        begin = place * 10**10
        about = {"episode": f"e{number}", "control": None}
        fault = {**about, "event": "fault", "fault": f"e{number}.1", "kind": "kill_node",
                 "fault_class": "node_kill", "target": "r1"}  # fmt: skip
        journal += [
            {"event": "episode", "at": "begin", "time_ns": begin, **about},
            {"time_ns": begin + 10, "step": "intent", **fault},
            {"time_ns": begin + 5 * 10**9, "step": "restored", **fault},
        ]
    windows = build_windows(tuple(journal))
    starts = [window.start_ns for window in windows.windows]

    found = windows.of(np.array(times, np.int64))

    assert starts == sorted(starts)
    assert starts[0] == np.iinfo(np.int64).min
    for time, number in zip(times, found.tolist(), strict=True):
        ends = [*starts[1:], np.iinfo(np.int64).max]
        assert starts[number] <= time < ends[number]


KILL, CUT = 10 * SECOND, 30 * SECOND
PLAYED = Windows((
    Window(WARM_UP, np.iinfo(np.int64).min), Window(BASELINE, 0),
    Window(FAULT, KILL, "e1", "node_kill"), Window(RECOVERY, 20 * SECOND, "e1", "node_kill"),
    Window(FAULT, CUT, "e2", "client"), Window(RECOVERY, 40 * SECOND, "e2", "client"),
))  # fmt: skip


@pytest.mark.parametrize(
    ("due_s", "window"),
    [(4, 1), (6, 2), (10, 2), (20, 3), (24.9, 3), (25, 4), (29, 4), (31, 4), (45, 5)],
)
def test_a_miss_is_laid_to_the_fault_that_struck_before_its_time_was_up(
    due_s: float, window: int
) -> None:
    """Due up to 5 s before a strike it was not late yet; due earlier it was late without it."""
    due_ns = np.array([int(due_s * SECOND)])

    assert PLAYED.struck(due_ns, 5 * SECOND).tolist() == [window]


def test_a_miss_before_an_unclaimed_fault_is_not_its_excuse(tmp_path: Path) -> None:
    """Late in the baseline by six seconds, long before any fault: whatever is claimed, it fails."""
    run = simulate(2500, 1)
    deliver_late(run)

    finding = made(run, tmp_path, "sla", queue="builds", priority_from=8, limit_ms=5000,
                   fault_classes=["disk_alarm"])  # fmt: skip

    assert finding.status == Status.FAIL


def test_a_finding_is_a_value() -> None:
    """A finding can be changed only by making another."""
    finding = Finding(Status.PASS, "fine", n=1)

    assert replace(finding, status=Status.UNKNOWN).status == Status.UNKNOWN
    assert finding.status == Status.PASS


@pytest.mark.parametrize(("code", "tries"), [(None, 1), (0, 1), (-9, 2)])
def test_what_a_node_took_back_was_no_try(code: int | None, tries: int, tmp_path: Path) -> None:
    """A delivery that nobody ended counts as a try only when its worker died with it."""
    fake = simulate(3000, 2)
    run = load_run(fake.write(tmp_path / "run"))
    deliveries = run.history.deliveries
    rows = np.flatnonzero((deliveries.result == Result.TRANSIENT) & (deliveries.attempt >= 0))[:1]
    rows = np.append(rows, rows)
    message = run.history.attempts.message[deliveries.attempt[rows[:1]]]
    taken = replace(
        deliveries,
        handled_ns=np.append(deliveries.handled_ns, -1),
        result=np.append(deliveries.result, UNHANDLED),
        attempt=np.append(deliveries.attempt, deliveries.attempt[rows[0]]),
        process=np.append(deliveries.process, 77),
    )
    rows[1] = len(deliveries)
    if code is not None:
        line = {"event": "process", "process": 77, "state": "ended", "code": code}
        run = replace(run, journal=(*run.journal, line))
    history = SimpleNamespace(deliveries=taken, attempts=run.history.attempts)

    found = failures(SimpleNamespace(journal=run.journal, history=history), rows, message)  # type: ignore[arg-type]

    assert found.tolist() == [tries]
