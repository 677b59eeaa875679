"""How each kind of fault is undone, and what proves that it is: one literal table.

A recipe gets the cluster and the values that the journal holds, nothing else, so that the run,
the watchdog and `heal` share it. Each is idempotent: it may run after a fault that was applied
in part, not at all, or undone before.
"""

import signal
import time
from collections.abc import Callable
from contextlib import suppress

from chaos import probes, undo_clients, undo_hosts, undo_operators
from chaos.revert import Recipe, Seen, Target, Values, leave, nothing_left
from gameday.clusters import limits
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import Link
from gameday.clusters.processes import ProcessRef, is_alive, send_signal
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

NOTICED_WITHIN_S = 6.0
PAUSES_WITHIN_S = 2.0


def start_nodes(cluster: Target, values: Values) -> None:
    """Start what does not run, and let what is suspended go on; without waiting."""
    for node in values["nodes"]:
        if cluster.is_running(node):
            cluster.resume(node)
        else:
            cluster.start(node, wait=False)


def restart_nodes(cluster: Target, values: Values) -> None:
    """Kill nodes that started and never joined, then start them once more."""
    for node in values["nodes"]:
        if cluster.is_running(node):
            cluster.kill(node)
    start_nodes(cluster, values)


def nodes_back(cluster: Target, values: Values) -> Seen:
    """Every node runs in every view, those that were struck included."""
    pids = {node: cluster.process_id(node) for node in values["nodes"]}
    if None in pids.values():
        start_nodes(cluster, values)
    seen = probes.whole(cluster)
    return Seen(seen.yes and None not in pids.values(), {**seen.evidence, "pids": pids})


def links_of(values: Values) -> list[Link]:
    """Return the links that a recipe names."""
    return [(source, target) for source, target in values["links"]]


def mend_links(cluster: Target, values: Values) -> None:
    """Mend the links that were cut; a silent cut that nobody noticed is first made known.

    Toxiproxy closes a silent connection when it is mended, and the nodes dial again at once. When
    neither side had missed the other before, the minority may find its peers again before it has
    paused, and stay parted: seen once in ten such cuts on 3.10.8.
    """
    links = links_of(values)
    if values.get("how") == "silent":
        cluster.cut(links, "reset")
        with suppress(HarnessError):
            wait_until(_noticed(cluster, values["node"]), NOTICED_WITHIN_S, "the cut was noticed")
    cluster.mend(links)


def _noticed(cluster: Target, node: str) -> Callable[[], bool]:
    """Whether the lonely node has lost its peers, and paused if it ever will."""
    broker = Broker(cluster)
    parted_at: list[float] = []

    def noticed() -> bool:
        view = broker.view(node)
        if view.seen:
            return False
        parted_at.append(time.monotonic())
        return not view.serving or parted_at[-1] - parted_at[0] > PAUSES_WITHIN_S

    return noticed


def mend_everything(cluster: Target, _values: Values) -> None:
    """Mend every link; Toxiproxy is restarted when it does not answer."""
    cluster.mend_all()


def rejoin(cluster: Target, values: Values) -> None:
    """Mend every link and restart the node: what an operator does when a partition stays."""
    cluster.mend_all()
    node = values["node"]
    if cluster.is_running(node):
        try:
            cluster.stop(node)
        except HarnessError:
            cluster.kill(node)
    cluster.start(node, wait=False)


def links_back(cluster: Target, values: Values) -> Seen:
    """Bytes pass over each link again, and every node runs in every view."""
    answers = probes.over_links(cluster, links_of(values))
    seen = probes.whole(cluster)
    passing = all(answer == probes.ANSWERED for answer in answers.values())
    return Seen(passing and seen.yes, {"links": answers, **seen.evidence})


def mend_clients(cluster: Target, values: Values) -> None:
    """Let clients reach the node again."""
    cluster.mend_clients(values["node"])


def clients_back(cluster: Target, values: Values) -> Seen:
    """See the node answer where its clients dial."""
    answer = probes.greet(cluster.addresses(values["node"]).client)
    return Seen(answer == probes.ANSWERED, {"greeting": answer})


def mend_spare(cluster: Target, values: Values) -> None:
    """Let the clients of the node's second address through again."""
    cluster.mend_spare(values["node"])


def spare_back(cluster: Target, values: Values) -> Seen:
    """See the node answer at its second address."""
    answer = probes.greet(cluster.spare_address(values["node"]))
    return Seen(answer == probes.ANSWERED, {"greeting": answer})


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
    "start_nodes": Recipe(start_nodes, nodes_back, 90, restart_nodes),
    "mend_links": Recipe(mend_links, links_back, 45, rejoin),
    "mend_clients": Recipe(mend_clients, clients_back, 15, mend_everything),
    "mend_spare": Recipe(mend_spare, spare_back, 15, mend_everything),
    "restore_disk_limit": Recipe(restore_disk_limit, disk_quiet, 30, restore_disk_limit),
    "restore_watermark": Recipe(restore_watermark, memory_quiet, 30, restore_watermark),
    "resume_process": Recipe(resume_process, process_goes_on, 5, resume_process, alone=let_go_on),
    **undo_hosts.RECIPES,
    **undo_operators.RECIPES,
    **undo_clients.RECIPES,
}
