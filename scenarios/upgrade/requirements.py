"""What an upgrade must hold: requirements like any contract's, judged by the same machinery."""

from gameday.contracts.model import Contract, Criterion, NotTested, Requirement
from gameday.contracts.upgrades import why_not_rolling
from scenarios.upgrade.options import ROLLING, SHOVEL, Ready

SERVICE_LIMIT_S = 5.0
ROLLING_LIMIT_S = 15.0
CUT_OVER_LIMIT_S = 120.0
LEAST = 50

NO_ORDER = NotTested(
    reason="shovelled messages queue up behind the new ones, so that order is not promised; how "
    "many were overtaken stands in the report",
    how="Run it with `--how drain`.",
)


def with_requirements(ready: Ready) -> Contract:
    """Return the contract with an upgrade's promises in place of its own."""
    return ready.contract.model_copy(update={"requirements": requirements(ready)})


def requirements(ready: Ready) -> tuple[Requirement, ...]:
    """Return what an upgrade promises."""
    contract = ready.contract
    dead = [Criterion(check="dead_letters")] if _dies(contract) else []
    if ready.asked.how == ROLLING:
        return _of_rolling(dead)
    return (
        _row("loss", "What was confirmed on either cluster is delivered and handled, wherever it "
             "lay when the system moved.", Criterion(check="loss"), *dead),
        _row("twice", "Nothing is handled twice, though it was moved.",
             Criterion(check="handled_twice")),
        _order(ready),
        _row("service", f"At no time does the move leave more than {SERVICE_LIMIT_S:g} s without a "
             "confirm, or without a delivery while messages wait.",
             Criterion(check="without_service", parameters={"limit_s": SERVICE_LIMIT_S})),
        _row("declared", "The new cluster holds the design that it was to hold; what it refused of "
             "the old one is told.", Criterion(check="translated")),
        _row("way-back", "The way back was walked under load, before the point of no return.",
             Criterion(check="way_back", parameters={"least": LEAST})),
        _row("cut-over", f"The cut-over ends within {CUT_OVER_LIMIT_S:g} s, step by step, though "
             "messages wait on the old cluster when it begins.",
             Criterion(check="cut_over",
                       parameters={"limit_s": CUT_OVER_LIMIT_S, "least": LEAST})),
        _row("retired", "The old cluster was empty and alone when it was given up, and the new one "
             "carried on without it.", Criterion(check="retired", parameters={"least": LEAST})),
        _rolling(ready),
    )  # fmt: skip


def _of_rolling(dead: list[Criterion]) -> tuple[Requirement, ...]:
    """Return what a rolling upgrade promises: the same queues go on, a node fewer at a time."""
    return (
        _row("loss", "What was confirmed is delivered and handled, whichever node it was on.",
             Criterion(check="loss"), *dead),
        _row("service", f"At no time does nobody confirm for more than {ROLLING_LIMIT_S:g} s, or "
             "nobody take what waits.",
             Criterion(check="without_service", parameters={"limit_s": ROLLING_LIMIT_S})),
        _row("rolling", "The same cluster goes on, node after node, on the new version.",
             Criterion(check="rolled")),
    )  # fmt: skip


def _row(name: str, statement: str, *criteria: Criterion) -> Requirement:
    return Requirement(id=f"upgrade-{name}", statement=statement, criteria=criteria)


def _order(ready: Ready) -> Requirement:
    statement = "No new message is taken before the last old one of its queue."
    if ready.asked.how == SHOVEL:
        return Requirement(id="upgrade-order", statement=statement, not_tested=NO_ORDER)
    return _row("order", statement, Criterion(check="overtaken"))


def _rolling(ready: Ready) -> Requirement:
    """Blue-green is no rolling upgrade; whether this pair could have one is said."""
    why = why_not_rolling(ready.old.version, ready.new.version)
    reason = why or "this run moved to a cluster of its own"
    command = f"gameday upgrade {ready.contract.system} --how rolling --nodes 3"
    return Requirement(
        id="upgrade-rolling",
        statement="The same cluster goes on, node after node, on the new version.",
        not_tested=NotTested(reason=reason, how=f"Run `{command}` between versions that allow it."),
    )


def _dies(contract: Contract) -> bool:
    """Whether any producer sends what must die."""
    return any(each.mix.dead for each in contract.producers)
