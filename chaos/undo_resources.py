"""How a node gets its resources back: it is let run, and its limits are what they were.

A node that has died of it is started again: that is the other way, when the first does not heal.
"""

import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

from chaos import probes
from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.processes import ProcessRef, is_alive, send_signal
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

MONITORS = "not lists:member(undefined, [whereis(vm_memory_monitor), whereis(rabbit_disk_monitor)])"
LOOKS = 40
LOOK_FOR_S = 1.0


def states(pid: int) -> list[str]:
    """Return a process's state at many looks, over about a second."""
    seen: list[str] = []

    def enough() -> bool | NotYet:
        seen.append(probes.process_state(pid))
        return len(seen) >= LOOKS or NotYet(len(seen))

    with suppress(HarnessError):
        # Not a divisor of the starver's period, so that the looks do not fall together with it.
        wait_until(enough, LOOK_FOR_S * 3, "enough looks", poll_ms=23)
    return seen


def free_descriptor(pid: int) -> int:
    """Return the lowest file descriptor that a process has free: the one it would get next."""
    used = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in range(len(used) + 1) if number not in used)


def _process(values: Values) -> ProcessRef:
    return ProcessRef(values["pid"], values["start_ticks"])


def stop_starving(values: Values) -> None:
    """Remove the file, which ends the starver, and let the node go on."""
    Path(values["file"]).unlink(missing_ok=True)
    send_signal(_process(values), signal.SIGCONT)


def feed_node(_cluster: Target, values: Values) -> None:
    """End the starving, and let the node go on once the starver has seen it."""
    stop_starving(values)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 0.3, 2, "the starver looked again")
    send_signal(_process(values), signal.SIGCONT)


def node_is_fed(cluster: Target, values: Values) -> Seen:
    """See the node's process never suspended in many looks, and every node run in every view."""
    pid = cluster.process_id(values["node"])
    if pid is None:
        return Seen(yes=False, evidence={"pid": None})
    seen = states(pid)
    whole = probes.whole(cluster)
    evidence = {"suspended": seen.count("T"), "looks": len(seen), **whole.evidence}
    return Seen(whole.yes and "T" not in seen, evidence)


def start_again(cluster: Target, values: Values) -> None:
    """Kill the node, if it is there, and start it."""
    if cluster.is_running(values["node"]):
        cluster.kill(values["node"])
    cluster.start(values["node"], wait=False)


def restore_files(cluster: Target, values: Values) -> None:
    """Give the process its limit back; a node that has ended is started."""
    process = _process(values)
    if is_alive(process):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (values["soft"], values["hard"]))
    elif not cluster.is_running(values["node"]):
        cluster.start(values["node"], wait=False)


def files_back(cluster: Target, values: Values) -> Seen:
    """See the recorded limit in force, clients and monitors answer, every node in every view.

    Seen on 3.10.8: a node that was out of descriptors serves on without its memory monitor, and
    so would never raise an alarm again; it has to be restarted.
    """
    process = _process(values)
    limit = list(resource.prlimit(process.pid, resource.RLIMIT_NOFILE)) if is_alive(process) else []
    greeting = probes.greet(cluster.addresses(values["node"]).direct)
    whole = probes.whole(cluster)
    monitored = cluster.evaluate(values["node"], MONITORS) == "true"
    as_before = not limit or limit == [values["soft"], values["hard"]]
    yes = as_before and monitored and greeting == probes.ANSWERED and whole.yes
    seen = {"limit": limit, "greeting": greeting, "monitored": monitored}
    return Seen(yes, {**seen, **whole.evidence})


def give_room(values: Values) -> None:
    """Remove the file that took the room."""
    Path(values["file"]).unlink(missing_ok=True)


def empty_disk(_cluster: Target, values: Values) -> None:
    """Remove the file that took the room."""
    give_room(values)


def disk_has_room(cluster: Target, values: Values) -> Seen:
    """See the file gone, and no disk alarm on any node's list."""
    known = probes.alarms(cluster)
    raised = any(alarm.startswith("disk") for each in known.values() for alarm in each)
    return Seen(not raised and not Path(values["file"]).exists(), {"alarms": known})


RECIPES: dict[str, Recipe] = {
    "feed_node": Recipe(feed_node, node_is_fed, 45, start_again, alone=stop_starving),
    "empty_disk": Recipe(empty_disk, disk_has_room, 30, empty_disk, alone=give_room),
    "restore_files": Recipe(restore_files, files_back, 10, start_again),
}
