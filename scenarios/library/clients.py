"""Scenarios of clients that are cut off, told to go, or fed what they cannot handle."""

from chaos.plan import Entry
from scenarios.scenario import Cast, Scenario


def _every_node(cast: Cast, how: str) -> tuple[Entry, ...]:
    return tuple(cast.entry("cut_clients", node, how=how) for node in cast.nodes)


CLIENTS_REFUSED = Scenario(
    name="clients-refused",
    claim="Every client connection is closed and new ones are refused: callers are told, and "
    "clients come back by themselves.",
    for_s=5,
    recover_s=8,
    faults=lambda cast: _every_node(cast, "reset"),
)

CLIENTS_SILENT = Scenario(
    name="clients-silent",
    claim="Every client's packets vanish without a word: callers are told by their own time-outs, "
    "and clients come back by themselves.",
    for_s=8,
    recover_s=10,
    faults=lambda cast: _every_node(cast, "silent"),
)

WORKER_SIGTERM = Scenario(
    name="worker-sigterm",
    claim="A worker that is told to stop finishes what it holds: nothing is lost or done twice.",
    for_s=4,
    recover_s=6,
    faults=lambda cast: (
        cast.entry("signal_client", f"worker of {cast.consumer.queue}", signal="SIGTERM"),
    ),
)

WORKER_KILLED = Scenario(
    name="worker-killed",
    claim="A worker is killed with messages in its hands: others get them, marked as redelivered.",
    for_s=4,
    recover_s=6,
    faults=lambda cast: (cast.entry("kill_client", f"worker of {cast.consumer.queue}"),),
)

WORKER_WEDGED = Scenario(
    name="worker-wedged",
    claim="A worker hangs with messages in its hands, and its connection stands: its queue is seen "
    "to stand still, and it is named.",
    for_s=12,
    recover_s=14,
    faults=lambda cast: (cast.entry("wedge_client", f"worker of {cast.consumer.queue}"),),
)

WORKER_SLOW = Scenario(
    name="worker-slow",
    claim="A worker takes much longer over each message: its queue grows, and it is not taken for "
    "one that hangs.",
    for_s=12,
    recover_s=14,
    faults=lambda cast: (
        cast.entry("slow_client", f"worker of {cast.consumer.queue}", delay_ms=1000),
    ),
)

CONSUMER_CANCELLED = Scenario(
    name="consumer-cancelled",
    claim="A worker's consumers cancel under load and settle what they hold: others go on, nothing "
    "is lost or done twice, and it comes back.",
    for_s=5,
    recover_s=6,
    faults=lambda cast: (cast.entry("cancel_consumer", f"worker of {cast.consumer.queue}"),),
)

REPLAY = Scenario(
    name="replay",
    claim="Messages that were handled already are published once more, as a recovery's replay "
    "does: nothing takes effect twice.",
    for_s=2,
    recover_s=4,
    faults=lambda cast: (cast.entry("replay", cast.target),),
)

OVERLOAD = Scenario(
    name="overload",
    claim="The busiest service offers three times its rate, more than is served: queues grow, the "
    "urgent are served in time, and when it is over the backlog goes.",
    for_s=10,
    recover_s=20,
    faults=lambda cast: (cast.entry("overload", cast.busiest),),
)

POISON = Scenario(
    name="poison",
    claim="A burst of messages that nobody can handle ends in the dead-letter queues, and good "
    "messages flow on.",
    for_s=3,
    recover_s=4,
    faults=lambda cast: (cast.entry("poison", cast.target, count=60),),
)

RETRY_STORM = Scenario(
    name="retry-storm",
    claim="What the workers of a queue call is down, so that each message fails but on its last "
    "try: several times the work, no message given up, and the backlog goes when it is over.",
    for_s=6,
    recover_s=14,
    faults=lambda cast: (cast.entry("retry_storm", cast.target),),
)
