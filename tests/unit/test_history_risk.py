"""What a fault of clients, operators or load must have met: sane, empty and pathological runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.history.checks import HARNESS, look
from gameday.history.finding import Finding, Status
from gameday.history.records import Kind, Result
from gameday.history.run import load_run
from tests.fake_broker import SECOND
from tests.fake_folder import FakeRun
from tests.fakes import simulate

SETTLING = (Kind.ACKED, Kind.REJECTED, Kind.REQUEUED, Kind.SUPERSEDED)


def turned_into(run: FakeRun, kind: str, fault_class: str, target: str, **parameters: Any) -> None:
    """Make the run's last fault, the killing of a worker, another one."""
    for line in run.journal.of("fault", episode="e6"):
        line |= {"kind": kind, "fault_class": fault_class, "target": target,
                 "parameters": parameters}  # fmt: skip


def exposed(run: FakeRun, folder: Path) -> Finding:
    """Judge the run's exposure, through files."""
    return look(HARNESS["exposure"], "exposure", load_run(run.write(folder / "run")), {})


def struck(run: FakeRun) -> tuple[str, int]:
    """Return the name and the process number of the worker that the last fault killed."""
    name = str(run.journal.of("fault", episode="e6")[0]["target"])
    return name, int(name.rpartition("-")[2])


def between(run: FakeRun) -> tuple[int, int]:
    """Return when the last fault was applied, and when it was reverted."""
    steps = {line["step"]: line["time_ns"] for line in run.journal.of("fault", episode="e6")}
    return steps["applied"], steps["reverting"]


def test_a_worker_killed_with_full_hands_is_exposed(tmp_path: Path) -> None:
    """The fakes' own kill strikes a worker that holds deliveries."""
    assert exposed(simulate(2500, 1), tmp_path).status == Status.PASS


def forget_what_it_held(run: FakeRun) -> None:
    """Take out every delivery of the struck worker that it had not settled."""
    _, process = struck(run)
    worker = next(tape for tape in run.tapes if tape.process == process)
    last = {(row.channel, row.tag): row.time_ns for row in worker.of(*SETTLING)}
    worker.rows = [row for row in worker.rows if row.kind not in {Kind.DELIVERED, Kind.HANDLED}
                   or row.time_ns <= last.get((row.channel, row.tag), 0)]  # fmt: skip


@pytest.mark.parametrize("kind", ["kill_client", "wedge_client"])
def test_a_client_that_held_nothing_leaves_the_promise_untested(kind: str, tmp_path: Path) -> None:
    """A worker that was struck with empty hands proves nothing about what a worker holds."""
    run = simulate(2500, 1)
    name, _ = struck(run)
    turned_into(run, kind, "client", name)
    forget_what_it_held(run)

    finding = exposed(run, tmp_path)

    assert (finding.status, "held nothing" in finding.reason) == (Status.UNKNOWN, True)


def test_a_wedged_client_that_held_something_is_exposed(tmp_path: Path) -> None:
    """What the killed worker held, a wedged one would hold as well."""
    run = simulate(2500, 1)
    turned_into(run, "wedge_client", "client", struck(run)[0])

    assert exposed(run, tmp_path).status == Status.PASS


@pytest.mark.parametrize("kind", ["slow_client", "cancel_consumer", "wedge_client", "kill_client"])
@pytest.mark.parametrize("target", ["build-worker-999", "nobody"])
def test_a_client_that_nobody_knows_was_never_given_anything(
    kind: str, target: str, tmp_path: Path
) -> None:
    """A fault of a process that is in no ledger struck nobody."""
    run = simulate(2500, 1)
    turned_into(run, kind, "client", target)

    assert exposed(run, tmp_path).status == Status.UNKNOWN


@pytest.mark.parametrize("kind", ["slow_client", "cancel_consumer"])
def test_a_client_at_work_is_exposed(kind: str, tmp_path: Path) -> None:
    """A worker that was given messages before the fault feels it."""
    run = simulate(2500, 1)
    turned_into(run, kind, "client", struck(run)[0])

    assert exposed(run, tmp_path).status == Status.PASS


REMOVED = {"exchange": "", "routing_key": "builds"}


def test_a_binding_removed_under_load_is_exposed(tmp_path: Path) -> None:
    """Messages were published by it while it was gone."""
    run = simulate(2500, 1)
    turned_into(run, "remove_binding", "operator", "builds", **REMOVED)

    assert exposed(run, tmp_path).status == Status.PASS


def test_a_binding_by_which_dead_letters_go_is_exposed(tmp_path: Path) -> None:
    """What consumers reject meanwhile would have gone by it, though nobody publishes by it."""
    run = simulate(2500, 1)
    turned_into(run, "remove_binding", "operator", "builds.failed", exchange="dlx", routing_key="x")

    assert exposed(run, tmp_path).status == Status.PASS


@pytest.mark.parametrize(
    ("target", "exchange"), [("nowhere", ""), ("builds", "elsewhere"), ("nowhere", "dlx")]
)
def test_a_binding_that_nobody_publishes_by_is_not(
    target: str, exchange: str, tmp_path: Path
) -> None:
    """Another queue's, another exchange's: nothing came past the place where it was."""
    run = simulate(2500, 1)
    turned_into(run, "remove_binding", "operator", target, exchange=exchange, routing_key="x")

    finding = exposed(run, tmp_path)

    assert (finding.status, "nobody published" in finding.reason) == (Status.UNKNOWN, True)


def test_an_operator_in_an_idle_hour_is_not_exposed(tmp_path: Path) -> None:
    """Without a single publish while it lasts, no operator's fault is felt."""
    run = simulate(2500, 1)
    turned_into(run, "change_policy", "operator", "ha-all")
    begin, end = between(run)
    for tape in run.tapes:
        tape.rows = [row for row in tape.rows
                     if row.kind != Kind.INVOKE or not begin <= row.time_ns <= end]  # fmt: skip

    assert exposed(run, tmp_path).status == Status.UNKNOWN


def settle_late(run: FakeRun) -> None:
    """Let nothing that was delivered be settled before the fault's end."""
    _, end = between(run)
    for tape in run.tapes:
        for row in tape.of(*SETTLING, Kind.HANDLED):
            if row.time_ns < end:
                row.time_ns = end + SECOND


def leave(run: FakeRun) -> None:
    """Change nothing: the consumers keep up."""
    del run


@pytest.mark.parametrize(
    ("damage", "status"), [(settle_late, Status.PASS), (leave, Status.UNKNOWN)]
)
def test_an_overload_lets_a_backlog_grow(
    damage: Callable[[FakeRun], None], status: Status, tmp_path: Path
) -> None:
    """A flood with which the consumers keep up is none."""
    run = simulate(2500, 1)
    turned_into(run, "overload", "overload", "all", factor=3)
    damage(run)

    found = exposed(run, tmp_path)

    assert found.status == status, found.reason


@pytest.mark.parametrize(
    ("queue", "status"), [("builds", Status.UNKNOWN), ("nowhere", Status.UNKNOWN)]
)
def test_a_storm_in_which_hardly_any_handler_fails_is_none(
    queue: str, status: Status, tmp_path: Path
) -> None:
    """The contract's own few transient failures are no storm of retries."""
    run = simulate(2500, 1)
    turned_into(run, "retry_storm", "client", queue)

    finding = exposed(run, tmp_path)

    assert (finding.status, "hardly any" in finding.reason) == (status, True)


def test_a_storm_of_failures_is_exposed(tmp_path: Path) -> None:
    """Handlers that failed in numbers while it lasted had to be tried again."""
    run = simulate(2500, 1)
    turned_into(run, "retry_storm", "client", "builds")
    begin, end = between(run)
    for tape in run.tapes:
        for row in tape.of(Kind.HANDLED):
            if begin - 10 * SECOND <= row.time_ns <= end:
                row.extra, row.time_ns = Result.TRANSIENT, max(row.time_ns, begin + 1)

    assert exposed(run, tmp_path).status == Status.PASS


@pytest.mark.parametrize(("exchange", "missed"), [("dlx", False), ("elsewhere", True)])
def test_an_exchange_by_which_dead_letters_go_is_exposed(
    exchange: str, missed: bool, tmp_path: Path
) -> None:
    """What consumers reject meanwhile would have gone by it, though nobody publishes to it."""
    run = simulate(2500, 1)
    turned_into(run, "remove_exchange", "operator", exchange)

    found = exposed(run, tmp_path)

    assert ("nobody published" in found.reason) == missed, found.reason
