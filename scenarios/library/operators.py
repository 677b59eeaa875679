"""Scenarios of operators who mean well."""

from chaos.plan import Entry
from gameday.errors import UsageError
from scenarios.scenario import Cast, Scenario


def _unbind(cast: Cast) -> tuple[Entry, ...]:
    """Remove the binding by which the target gets its messages, or the first one that there is."""
    bindings = cast.contract.topology.bindings
    own = [each for each in bindings if each.queue == cast.target] or list(bindings)
    if not own:
        raise UsageError(f"{cast.contract.system}: suites: there is no binding to be removed.")
    where = {"exchange": own[0].exchange, "routing_key": own[0].routing_key}
    return (cast.entry("remove_binding", own[0].queue, **where),)


BINDING_REMOVED = Scenario(
    name="binding-removed",
    claim="A binding is removed under load and made again: what no queue takes comes back to its "
    "publisher, and nothing of it counts as sent.",
    for_s=5,
    recover_s=5,
    faults=_unbind,
)
