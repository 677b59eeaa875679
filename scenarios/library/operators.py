"""Scenarios of operators who mean well."""

import re

from chaos.plan import Entry
from gameday.contracts.parts import Binding
from gameday.errors import UsageError
from scenarios.scenario import Cast, Scenario


def _binding(cast: Cast) -> Binding:
    """Return the binding by which the target gets its messages, or the first one that there is."""
    bindings = cast.contract.topology.bindings
    own = [each for each in bindings if each.queue == cast.target] or list(bindings)
    if not own:
        raise UsageError(f"{cast.contract.system}: suites: there is no binding to be removed.")
    return own[0]


def _unbind(cast: Cast) -> tuple[Entry, ...]:
    own = _binding(cast)
    where = {"exchange": own.exchange, "routing_key": own.routing_key}
    return (cast.entry("remove_binding", own.queue, **where),)


def _shorten(cast: Cast) -> tuple[Entry, ...]:
    """Give the target a policy that knows a length and nothing else, above its own."""
    policy = {"pattern": f"^{re.escape(cast.target)}$", "priority": 100}
    return (cast.entry("change_policy", "shorter", definition={"max-length": 20}, **policy),)


BINDING_REMOVED = Scenario(
    name="binding-removed",
    claim="A binding is removed under load and made again: what no queue takes comes back to its "
    "publisher, and nothing of it counts as sent.",
    for_s=5,
    recover_s=5,
    faults=_unbind,
)

EXCHANGE_REMOVED = Scenario(
    name="exchange-removed",
    claim="An exchange is removed under load and made again with its bindings: publishers to it "
    "are told, and neither what was confirmed nor what died meanwhile is lost.",
    for_s=5,
    recover_s=6,
    faults=lambda cast: (cast.entry("remove_exchange", _binding(cast).exchange),),
)

POLICY_CHANGED = Scenario(
    name="policy-changed",
    claim="A queue gets a policy that limits its length and forgets what its own policy said: "
    "what is beyond the limit is refused aloud, or dies where it should, or is counted as lost.",
    for_s=5,
    recover_s=10,
    faults=_shorten,
)

PASSWORD_RENEWED = Scenario(
    name="password-renewed",
    claim="The clients' password is renewed under load, and each client told: all log in anew, "
    "nobody waits, and nothing is lost.",
    for_s=4,
    recover_s=6,
    faults=lambda cast: (cast.entry("renew_password", "clients"),),
)

PLUGIN_DISABLED = Scenario(
    name="plugin-disabled",
    claim="The plugin that serves the metrics is disabled on every node: nobody who sends or "
    "receives messages is late for it.",
    for_s=5,
    recover_s=4,
    faults=lambda cast: (cast.entry("disable_plugin", "rabbitmq_prometheus"),),
)
