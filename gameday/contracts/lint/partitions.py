"""Partitions: what the two sides do, and how soon anybody notices.

Only a contract says what the broker is set to; of an export nothing can be said here.
"""

from collections.abc import Iterator

from gameday.contracts.lint.design import Clients, Design, QueueRow
from gameday.contracts.lint.promised import NODE_GONE, SILENT, Told, broker_setting, sla_limits
from gameday.contracts.lint.rule import Hit, Rule

HANDLING = (r"^\s*cluster_partition_handling\s*=\s*(\w+)", r"cluster_partition_handling,\s*(\w+)")
POLL = (
    r"^\s*raft\.adaptive_failure_detector\.poll_interval\s*=\s*(\d+)",
    r"aten\s*,\s*\[[^\]]*poll_interval,\s*(\d+)",
)
HELD = (
    r"^\s*consumer_disconnected_timeout\s*=\s*(\d+)",
    r"consumer_disconnected_timeout,\s*(\d+)",
)
TICK = (r"^\s*net_ticktime\s*=\s*(\d+)", r"\bnet_ticktime,?\s+(\d+)", r"net_ticktime,\s*(\d+)")

POLL_DEFAULT_MS = 5000
LOOKS = 2
"""An election begins one or two looks of the failure detector after a silent cut."""
TICK_DEFAULT_S = 60
HELD_DEFAULT_MS = 60_000
TICK_LATE = 1.25
"""A silent peer is called down after net_ticktime, or a quarter later."""


def partition_ignored(design: Design) -> Iterator[Hit]:
    """Find `cluster_partition_handling` left at ignore, before 4.3, in a cluster."""
    clients = design.clients
    if clients is None or clients.settings is None or design.nodes < 2 or design.since("4.3"):
        return
    told = broker_setting(clients, design.version, *HANDLING)
    if told is not None and told.value != "ignore":
        return
    mirrored = [queue.name for queue in design.queues if design.is_mirrored(queue)]
    who = f"; mirrored: {' and '.join(mirrored)}" if mirrored else ""
    what = "is set to ignore" if told else "is not set, which is ignore"
    path = told.path if told else ("broker_settings",)
    text = f"cluster_partition_handling {what}{who}"
    yield Hit(path, text, None if mirrored else "warning")


def quorum_detector_slow(design: Design) -> Iterator[Hit]:
    """Find a promised limit under silent partitions, below what quorum queues need to notice."""
    for queue, clients in _replicated(design, "quorum"):
        told = broker_setting(clients, design.version, *POLL)
        poll_ms = int(told.value) if told else POLL_DEFAULT_MS
        yield from _too_slow(design, queue, told, LOOKS * poll_ms, f"looks every {poll_ms} ms")


def tick_slow(design: Design) -> Iterator[Hit]:
    """Find a promised limit under silent partitions, below what mirrored queues need to notice."""
    for queue, clients in _replicated(design, "classic"):
        told = broker_setting(clients, design.version, *TICK)
        tick_s = int(told.value) if told else TICK_DEFAULT_S
        worst_ms = int(TICK_LATE * tick_s * 1000)
        yield from _too_slow(design, queue, told, worst_ms, f"has net_ticktime {tick_s} s")


def _replicated(design: Design, kind: str) -> Iterator[tuple[QueueRow, Clients]]:
    """Yield the queues of a kind that have members on several nodes."""
    clients = design.clients
    if clients is None or clients.settings is None or design.nodes < 2:
        return
    for queue in design.queues:
        if queue.type == kind and (kind == "quorum" or design.is_mirrored(queue)):
            yield queue, clients


def _too_slow(
    design: Design, queue: QueueRow, told: Told | None, worst_ms: int, how: str
) -> Iterator[Hit]:
    for limit in sla_limits(design, queue.name):
        if SILENT in limit.fault_classes and limit.milliseconds <= worst_ms:
            unset = "" if told else " by default"
            text = (
                f"{queue.name} promises {limit.milliseconds:g} ms, and its broker {how}{unset}: "
                f"up to {worst_ms} ms until anybody acts"
            )
            yield Hit(told.path if told else limit.path, text)


def held_by_the_lost(design: Design) -> Iterator[Hit]:
    """Find a limit while nodes are lost, below how long 4.3 keeps what their consumers hold."""
    if not design.since("4.3"):
        return
    for queue, clients in _replicated(design, "quorum"):
        told = broker_setting(clients, design.version, *HELD)
        held_ms = int(told.value) if told else HELD_DEFAULT_MS
        for limit in sla_limits(design, queue.name):
            if limit.fault_classes & NODE_GONE and limit.milliseconds <= held_ms:
                unset = "" if told else " by default"
                text = (
                    f"{queue.name} promises {limit.milliseconds:g} ms, and keeps what a lost "
                    f"consumer holds for {held_ms} ms{unset}"
                )
                yield Hit(told.path if told else limit.path, text)


RULES = (
    Rule(
        "partition-ignored",
        "error",
        "Both sides of a partition go on, and stay apart after it has healed until somebody "
        "restarts one: mirrored queues have a leader on each side, both confirm, and what the "
        "restarted side took is lost. Quorum queues stay whole; what is declared on one side is "
        "not known on the other.",
        "Set cluster_partition_handling = pause_minority in rabbitmq.conf (three nodes or more). "
        "From 4.3 the key has no effect.",
        "https://www.rabbitmq.com/docs/3.13/partitions; seen on 3.10.8",
        partition_ignored,
    ),
    Rule(
        "quorum-detector-slow",
        "error",
        "Behind a silent cut of its leader (nothing closed, nothing answered) a quorum queue "
        "elects another only after the failure detector has looked once or twice: until then "
        "nothing is confirmed or delivered.",
        "Set raft.adaptive_failure_detector.poll_interval in rabbitmq.conf (before 3.10.13: {aten, "
        "[{poll_interval, N}]} in advanced.config) to less than half of the limit, with room for "
        "the backlog; or promise less under partition_silent.",
        "https://github.com/rabbitmq/aten; seen on 3.10.8, 4.0.5 and 4.3.6",
        quorum_detector_slow,
    ),
    Rule(
        "tick-too-slow",
        "error",
        "Behind a silent cut a mirrored queue waits for its mirrors until net_ticktime, 60 s by "
        "default, calls them down: until then nothing is confirmed.",
        "Set net_ticktime so that a quarter more is less than the limit, with room for the "
        "backlog; or promise less under partition_silent.",
        "https://www.rabbitmq.com/docs/nettick; seen on 3.10.8",
        tick_slow,
    ),
    Rule(
        "lost-consumer-holds",
        "error",
        "From 4.3 a quorum queue keeps what a consumer holds when the consumer's node is gone, for "
        "60 s by default or until that node is back: no other consumer has it before.",
        "Set consumer_disconnected_timeout in rabbitmq.conf to less than the limit, with room for "
        "the backlog; it costs repeats when a node is out of reach for a moment.",
        "seen on 4.3.6",
        held_by_the_lost,
    ),
)
