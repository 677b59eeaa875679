"""The checks: pure functions from a run to a finding, by the names that contracts use.

`CHECKS` lists them all; there is no registration. `look` runs one safely. Each file holds one
family; its docstrings state the guarantees, and its sentences name the one that was broken.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gameday.history.checks.balanced import balanced, keeps_serving
from gameday.history.checks.clients import duplicates_flag, effects, prefetch, properties
from gameday.history.checks.cluster import boots, health, members, topology
from gameday.history.checks.concurrency import in_progress
from gameday.history.checks.controls import controls
from gameday.history.checks.dead import dead_letters
from gameday.history.checks.declaring import declarations, unroutable
from gameday.history.checks.eventbus import calls, degraded, drops
from gameday.history.checks.exposure import exposure
from gameday.history.checks.harness import drain, failures, foreign, generator, ledgers, processes
from gameday.history.checks.inversions import inversions
from gameday.history.checks.isolation import isolation, isolation_detected, left_as_it_was
from gameday.history.checks.ladders import ladder
from gameday.history.checks.loss import loss
from gameday.history.checks.moves import handled_twice, overtaken, without_service
from gameday.history.checks.oncall import diagnosis, first_moves
from gameday.history.checks.order import order
from gameday.history.checks.outages import postmortem, subsystems, under_alarm
from gameday.history.checks.patience import consumer_timeout, publish_timeout, reconnects
from gameday.history.checks.performance import performance
from gameday.history.checks.pool import pool
from gameday.history.checks.recovery import blocked, recovery
from gameday.history.checks.retries import attempts
from gameday.history.checks.rolling import rolled
from gameday.history.checks.routing import correlation, routed
from gameday.history.checks.scaling import scaling
from gameday.history.checks.schemas import schemas
from gameday.history.checks.secured import secured
from gameday.history.checks.sla import sla
from gameday.history.checks.stops import graceful_stop
from gameday.history.checks.ticks import ticks
from gameday.history.checks.timeouts import timeouts_apart
from gameday.history.checks.upgrades import cut_over, retired, translated, way_back
from gameday.history.checks.urgency import effectiveness, starvation
from gameday.history.checks.wedged import wedged
from gameday.history.checks.workers import health_endpoint
from gameday.history.finding import Finding, Status, unknown
from gameday.history.run import Run

Check = Callable[[Run, Mapping[str, Any]], Finding]

CHECKS: dict[str, Check] = {
    "topology": topology,
    "boots": boots,
    "loss": loss,
    "dead_letters": dead_letters,
    "order": order,
    "inversions": inversions,
    "sla": sla,
    "recovery": recovery,
    "blocked": blocked,
    "properties": properties,
    "prefetch": prefetch,
    "attempts": attempts,
    "pool": pool,
    "members": members,
    "health": health,
    "schemas": schemas,
    "declarations": declarations,
    "unroutable": unroutable,
    "duplicates_flag": duplicates_flag,
    "effects": effects,
    "graceful_stop": graceful_stop,
    "health_endpoint": health_endpoint,
    "scaling": scaling,
    "calls": calls,
    "drops": drops,
    "degraded": degraded,
    "ticks": ticks,
    "wedged": wedged,
    "under_alarm": under_alarm,
    "diagnosis": diagnosis,
    "first_moves": first_moves,
    "secured": secured,
    "balanced": balanced,
    "keeps_serving": keeps_serving,
    "postmortem": postmortem,
    "subsystems": subsystems,
    "in_progress": in_progress,
    "effectiveness": effectiveness,
    "starvation": starvation,
    "timeouts_apart": timeouts_apart,
    "routed": routed,
    "correlation": correlation,
    "ladder": ladder,
    "publish_timeout": publish_timeout,
    "reconnects": reconnects,
    "consumer_timeout": consumer_timeout,
    "performance": performance,
    "cut_over": cut_over,
    "translated": translated,
    "way_back": way_back,
    "retired": retired,
    "without_service": without_service,
    "overtaken": overtaken,
    "handled_twice": handled_twice,
    "rolled": rolled,
    "isolation": isolation,
    "isolation_detected": isolation_detected,
    "left_as_it_was": left_as_it_was,
    "generator": generator,
    "exposure": exposure,
    "controls": controls,
    "foreign": foreign,
}
"""The checks that a contract's criteria may name."""

HARNESS: dict[str, Check] = {
    "drain": drain,
    "failures": failures,
    "processes": processes,
    "ledgers": ledgers,
    "foreign": foreign,
    "generator": generator,
    "exposure": exposure,
    "controls": controls,
}
"""The checks of the harness itself, which are always made."""


def look(check: Check | None, name: str, run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Make a check; one that raises, or that passes without having seen anything, is unknown."""
    if check is None:
        return unknown(f"there is no check {name}")
    try:
        finding = check(run, parameters)
    except Exception as error:  # noqa: BLE001  # The wrapper: whatever breaks a check is no pass.
        return unknown(f"the check {name} broke: {type(error).__name__}: {error}")
    if finding.status is Status.PASS and finding.n <= 0:
        return unknown(f"the check {name} saw nothing")
    return finding
