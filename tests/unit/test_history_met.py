"""Which kinds of fault have an exposure rule, and what those of links, limits and outages ask."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaos.catalogue import KINDS
from gameday.history.checks.exposure import exposure_rule
from gameday.history.checks.met import service_of
from gameday.history.checks.risk import NO_RULE
from gameday.history.finding import Status
from gameday.history.records import Disposition, Kind
from tests.fake_broker import SECOND
from tests.fake_folder import FakeRun
from tests.fakes import simulate
from tests.unit.test_history_risk import SETTLING, between, exposed, struck, turned_into
from tests.write_faults import class_of


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_exposure_rule_or_a_reason(kind: str) -> None:
    """What a fault must have met is said for each, or why it need not meet anything."""
    assert (exposure_rule(kind, class_of(kind)) is None) == (kind in NO_RULE)


def test_no_reason_is_given_for_what_is_not_there() -> None:
    """A reason without its kind would never be read."""
    assert NO_RULE.keys() <= KINDS.keys()


def leave(run: FakeRun) -> None:
    """Change nothing."""
    del run


@pytest.mark.parametrize(
    "kind", ["cut_clients", "client_toxic", "close_connections", "limit_files"]
)
@pytest.mark.parametrize(("node", "missed"), [("r1", False), ("r9", True)])
def test_a_link_is_cut_where_somebody_comes_by(
    kind: str, node: str, missed: bool, tmp_path: Path
) -> None:
    """A node's doors that were shut while nobody used them test nothing."""
    run = simulate(2500, 1)
    fault_class = {"cut_clients": "client", "limit_files": "limit"}.get(kind, "client_link")
    turned_into(run, kind, fault_class, node)

    missing = exposed(run, tmp_path).details["vacuous"]

    assert any("was connected there" in each for each in missing) == missed


@pytest.mark.parametrize(
    ("value", "service"),
    [
        ({"role": "publish", "client": "api"}, "api"),
        ({"role": "consume", "client": "build-worker-12.0"}, "build-worker"),
        ({"role": "consume"}, ""),
    ],
)
def test_a_connection_is_of_its_service(value: dict[str, Any], service: str) -> None:
    """A worker's connections carry its process and number behind the service's name."""
    assert service_of(value) == service


@pytest.mark.parametrize(
    ("whom", "met"),
    [("service:build-worker", True), ("service:nobody", False), ("consumers", True)],
)
def test_one_services_link_is_cut_where_that_service_comes_by(
    whom: str, met: bool, tmp_path: Path
) -> None:
    """Another service's connections do not count."""
    run = simulate(2500, 1)
    name, _ = struck(run)
    turned_into(run, "cut_clients", "client", "all", whom=whom)
    assert name.startswith("build-worker")

    missing = exposed(run, tmp_path).details["vacuous"]

    assert any("was connected there" in each for each in missing) != met


def settle_all(run: FakeRun) -> None:
    """Let every copy be settled long before the fault, as if nothing had waited."""
    begin, _ = between(run)
    for tape in run.tapes:
        for row in tape.of(*SETTLING, Kind.HANDLED, Kind.DELIVERED):
            row.time_ns = min(row.time_ns, begin - 5 * SECOND)


@pytest.mark.parametrize(("damage", "missed"), [(leave, False), (settle_all, True)])
@pytest.mark.parametrize("kind", ["kill_all_nodes", "kill_nodes", "restart_in_order"])
def test_an_outage_must_find_something_to_lose(
    kind: str, damage: Callable[[FakeRun], None], missed: bool, tmp_path: Path
) -> None:
    """All nodes killed over empty queues lose nothing, whatever the broker is worth."""
    run = simulate(2500, 1)
    turned_into(run, kind, "outage", "all")
    damage(run)

    found = exposed(run, tmp_path)

    assert (f"({kind}) struck when" in found.reason) == missed, found.reason


def test_poison_that_nobody_published_is_none(tmp_path: Path) -> None:
    """Without a message that must die no dead letter is to be seen."""
    run = simulate(2500, 1)
    turned_into(run, "poison", "poison", "builds")
    for tape in run.tapes:
        for row in tape.of(Kind.INVOKE):
            row.extra = Disposition.ACK

    found = exposed(run, tmp_path)

    assert (found.status, "nothing that must die" in found.reason) == (Status.UNKNOWN, True)


@pytest.mark.parametrize("kind", ["limit_vhost", "limit_user"])
def test_a_limit_that_nobody_knocked_at_is_none(kind: str, tmp_path: Path) -> None:
    """Connections that stand keep standing: only who comes anew meets the limit."""
    run = simulate(2500, 1)
    turned_into(run, kind, "limit", "all")
    begin, end = between(run)
    for tape in run.tapes:
        for row in tape.of(Kind.CONNECTION_OPENED, Kind.CONNECT_FAILED):
            if begin <= row.time_ns <= end:
                row.time_ns = end + SECOND

    found = exposed(run, tmp_path)

    assert (found.status, "nobody tried to connect" in found.reason) == (Status.UNKNOWN, True)


def test_a_size_that_nobody_exceeds_is_no_limit(tmp_path: Path) -> None:
    """No channel was closed with 406, so nothing was larger."""
    run = simulate(2500, 1)
    turned_into(run, "limit_message_size", "limit", "all", max_bytes=500)

    found = exposed(run, tmp_path)

    assert (found.status, "anything larger" in found.reason) == (Status.UNKNOWN, True)


@pytest.mark.parametrize(("ttl_ms", "missed"), [(1, False), (600_000, True)])
def test_what_expires_must_have_waited(ttl_ms: int, missed: bool, tmp_path: Path) -> None:
    """A time to live that is longer than any wait lets nothing expire."""
    run = simulate(2500, 1)
    turned_into(run, "expire_messages", "limit", "builds", ttl_ms=ttl_ms)

    found = exposed(run, tmp_path)

    assert ("nothing waited too long" in found.reason) == missed, found.reason


@pytest.mark.parametrize(("queue", "missed"), [("builds", False), ("nowhere", True)])
def test_an_overflow_concerns_its_queue(queue: str, missed: bool, tmp_path: Path) -> None:
    """What is published to other queues fills this one not."""
    run = simulate(2500, 1)
    turned_into(run, "overflow_queue", "limit", queue, max_length=5)

    found = exposed(run, tmp_path)

    assert ("nobody published" in found.reason) == missed, found.reason
