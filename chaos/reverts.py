"""How each kind of fault is undone, and what proves that it is: one literal table.

A recipe gets the cluster and the values that the journal holds, nothing else, so that the run,
the watchdog and `heal` share it. Each is idempotent: it may run after a fault that was applied
in part, not at all, or undone before.
"""

import signal

from chaos import (
    probes,
    undo_balancing,
    undo_clients,
    undo_clock,
    undo_commands,
    undo_hosts,
    undo_networks,
    undo_operators,
    undo_resources,
)
from chaos.mending import MENDING
from chaos.revert import Recipe, Seen, Target, Values, leave, nothing_left
from chaos.starting import STARTING
from gameday.clusters import limits
from gameday.clusters.processes import ProcessRef, is_alive, send_signal


def restore_disk_limit(cluster: Target, values: Values) -> None:
    """Set the recorded limit again."""
    limits.set_disk_free_limit(cluster, values["node"], values["limit_bytes"])


def disk_quiet(cluster: Target, values: Values) -> Seen:
    """See the recorded limit in force, and the alarm on no node's list."""
    limit_bytes = limits.disk_free_limit(cluster, values["node"])
    seen = probes.quiet(cluster, "disk", values["node"])
    as_before = limit_bytes == values["limit_bytes"]
    return Seen(as_before and seen.yes, {"limit_bytes": limit_bytes, **seen.evidence})


def restore_watermark(cluster: Target, values: Values) -> None:
    """Set the recorded watermark again."""
    limits.set_memory_watermark(cluster, values["node"], values["watermark"])


def memory_quiet(cluster: Target, values: Values) -> Seen:
    """See the recorded watermark in force, and the alarm on no node's list."""
    watermark = limits.memory_watermark(cluster, values["node"])
    seen = probes.quiet(cluster, "memory", values["node"])
    as_before = watermark == values["watermark"]
    return Seen(as_before and seen.yes, {"watermark": watermark, **seen.evidence})


def restore_disk_limits(cluster: Target, values: Values) -> None:
    """Set every node's recorded limit again."""
    for node, limit_bytes in values["limits"].items():
        limits.set_disk_free_limit(cluster, node, limit_bytes)


def disks_quiet(cluster: Target, values: Values) -> Seen:
    """See every recorded limit in force, and the alarm on no node's list."""
    seen = [
        disk_quiet(cluster, {"node": node, "limit_bytes": limit_bytes})
        for node, limit_bytes in values["limits"].items()
    ]
    return Seen(all(each.yes for each in seen), seen[-1].evidence)


def restore_watermarks(cluster: Target, values: Values) -> None:
    """Set every node's recorded watermark again."""
    for node, watermark in values["watermarks"].items():
        limits.set_memory_watermark(cluster, node, watermark)


def memories_quiet(cluster: Target, values: Values) -> Seen:
    """See every recorded watermark in force, and the alarm on no node's list."""
    seen = [
        memory_quiet(cluster, {"node": node, "watermark": watermark})
        for node, watermark in values["watermarks"].items()
    ]
    return Seen(all(each.yes for each in seen), seen[-1].evidence)


def process_of(values: Values) -> ProcessRef:
    """Return the process that a recipe names."""
    return ProcessRef(values["pid"], values["start_ticks"])


def let_go_on(values: Values) -> None:
    """Let a suspended process go on; another with its id is left alone."""
    send_signal(process_of(values), signal.SIGCONT)


def resume_process(_cluster: Target, values: Values) -> None:
    """Let a suspended process go on."""
    let_go_on(values)


def process_goes_on(_cluster: Target, values: Values) -> Seen:
    """See the process not suspended, or gone."""
    process = process_of(values)
    state = probes.process_state(process.pid) if is_alive(process) else "gone"
    return Seen(state != "T", {"state": state})


RECIPES: dict[str, Recipe] = {
    "nothing": Recipe(leave, nothing_left, 1),
    **STARTING,
    **MENDING,
    "restore_disk_limit": Recipe(restore_disk_limit, disk_quiet, 30, restore_disk_limit),
    "restore_watermark": Recipe(restore_watermark, memory_quiet, 30, restore_watermark),
    "restore_disk_limits": Recipe(restore_disk_limits, disks_quiet, 30, restore_disk_limits),
    "restore_watermarks": Recipe(restore_watermarks, memories_quiet, 30, restore_watermarks),
    "resume_process": Recipe(resume_process, process_goes_on, 5, resume_process, alone=let_go_on),
    **undo_balancing.RECIPES,
    **undo_clock.RECIPES,
    **undo_commands.RECIPES,
    **undo_hosts.RECIPES,
    **undo_networks.RECIPES,
    **undo_operators.RECIPES,
    **undo_resources.RECIPES,
    **undo_clients.RECIPES,
}
