"""What a fault of clients' links, of limits or of the whole cluster must have met.

A door that was cut where nobody came by, a limit that nobody reached: such a fault was in force,
and tested nothing. Times are the journal's: in force from *applied* until *reverting*.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.journal import Fault
from gameday.history.records import Disposition, Kind
from gameday.history.run import Run

Array = npt.NDArray[Any]

SERVICE = "service:"
"""What `whom` begins with when a fault strikes the link of one service alone."""
ROLES = {"producers": "publish", "consumers": "consume"}
TOO_LARGE = 406


def in_force(run: Run, fault: Fault) -> tuple[int, int]:
    """Return from when until when a fault was in force; one never reverted until the end."""
    ends = (fault.steps.get(step) for step in ("reverting", "reverted", "restored"))
    end = next((each for each in ends if each is not None), run.stopped_ns)
    return fault.steps.get("applied", fault.started_ns), end


def struck_process(fault: Fault) -> int:
    """Return the process number of the client that a fault names, -1 when it names none."""
    _, _, number = fault.target.rpartition("-")
    return int(number) if number.isdigit() else -1


def connected(run: Run, fault: Fault) -> bool:
    """Whether a client that the fault is about was connected to its node when it was meant."""
    links = run.history.links
    stood = (links.connection_opened_ns <= fault.started_ns) & (
        links.connection_closed_ns > fault.started_ns
    )
    return any(
        _comes_by(links.connection_values[number], fault) for number in np.flatnonzero(stood)
    )


def _comes_by(value: dict[str, Any], fault: Fault) -> bool:
    """Whether a connection is on the fault's node, and of those whom it strikes."""
    if fault.target not in {"all", value.get("node")}:
        return False
    whom, role = str(fault.parameters.get("whom", "everybody")), value.get("role")
    if whom.startswith(SERVICE):
        return whom.removeprefix(SERVICE) == service_of(value)
    return role == ROLES[whom] if whom in ROLES else role in ROLES.values()


def service_of(value: dict[str, Any]) -> str:
    """Return the service of the contract that a connection is of; a worker adds its numbers."""
    client = str(value.get("client", ""))
    return client if value.get("role") == "publish" else client.rpartition("-")[0]


def worked(run: Run, fault: Fault) -> bool:
    """Whether the struck client had published or been given anything by the fault's end."""
    _, end = in_force(run, fault)
    process = struck_process(fault)
    attempts, deliveries = run.history.attempts, run.history.deliveries
    published = (attempts.process == process) & (attempts.time_ns <= end)
    given = (deliveries.process == process) & (deliveries.time_ns <= end)
    return bool(published.any() or given.any())


def knocked(run: Run, fault: Fault) -> bool:
    """Whether a client opened a connection or tried to, while the limit was in force."""
    begin, end = in_force(run, fault)
    for kind in (Kind.CONNECTION_OPENED, Kind.CONNECT_FAILED):
        times = run.history.gathered.of(kind)["time"]
        if ((times >= begin) & (times <= end)).any():
            return True
    return False


def refused_as_too_large(run: Run, fault: Fault) -> bool:
    """Whether a publisher's channel was closed for a message that was too large."""
    begin, end = in_force(run, fault)
    links = run.history.links
    closed = (links.channel_closed_ns >= begin) & (links.channel_closed_ns <= end)
    return bool((closed & (links.channel_closed_code == TOO_LARGE)).any())


def waited_too_long(run: Run, fault: Fault) -> bool:
    """Whether a message was published to the queue meanwhile, and waited past its time."""
    begin, end = in_force(run, fault)
    copies, attempts = run.history.copies, run.history.attempts
    if not len(copies):
        return False
    published = attempts.time_ns[copies.attempt]
    mine = copies.queue == run.history.queue_number(fault.target)
    inside = mine & (published >= begin) & (published <= end)
    limit = published + int(fault.parameters.get("ttl_ms", 0)) * 1_000_000
    late = (copies.delivered_ns < 0) | (copies.delivered_ns > limit)
    return bool((inside & late).any())


def poisoned(run: Run, fault: Fault) -> bool:
    """Whether messages that must die were published between its intent and its end."""
    _, end = in_force(run, fault)
    attempts = run.history.attempts
    inside = (attempts.time_ns >= fault.started_ns) & (attempts.time_ns <= end)
    return bool((inside & (attempts.disposition != Disposition.ACK)).any())
