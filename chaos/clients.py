"""Faults of clients: a publisher or worker that is killed, told to end, or suspended.

A client is an operating-system process of the run's; the run is asked through `Traffic`, so that
it knows which ends were meant. A client that is gone stays gone: a supervisor that starts it
again belongs to the system under test.
"""

import signal as signals
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaos import probes
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.traffic import Client
from gameday.clusters.processes import ProcessRef, reference
from gameday.errors import HarnessError

SignalName = Literal["SIGTERM", "SIGINT", "SIGSTOP"]


def find_client(site: Site, name: str) -> Client:
    """Return the living client of that name."""
    clients = site.traffic.clients()
    for client in clients:
        if client.name == name:
            return client
    known = ", ".join(each.name for each in clients) or "none"
    raise HarnessError(f"there is no client {name}; alive are: {known}.")


def process_of(client: Client) -> ProcessRef:
    """Return the client's process."""
    found = reference(client.pid)
    if found is None:
        raise HarnessError(f"client {client.name} has no living process {client.pid}.")
    return found


def fate(name: str, site: Site) -> Seen:
    """Whether the client is no longer among the living."""
    alive = [each.name for each in site.traffic.clients()]
    return Seen(name not in alive, {"alive": alive})


@dataclass(frozen=True)
class KillClient(Single):
    """Kill one client as `kill -9` does.

    Its machine closes its connections, so the broker notices at once: what a consumer held by hand
    is ready again, flagged as redelivered; what it held by automatic ack is gone. What a publisher
    had sent and not heard of may have arrived or not.
    """

    client: str
    kind: ClassVar[str] = "kill_client"
    fault_class: ClassVar[str] = "client"

    def capture(self, site: Site) -> Revert:
        """Note who dies; nothing brings it back."""
        process = process_of(find_client(site, self.client))
        return Revert("nothing", {"pid": process.pid, "start_ticks": process.start_ticks})

    def apply(self, site: Site) -> None:
        """Kill it."""
        site.traffic.kill(self.client)

    def observe(self, site: Site) -> Seen:
        """Say that it is not among the living."""
        return fate(self.client, site)


@dataclass(frozen=True)
class SignalClient(Single):
    """Send one client a signal: to end in good order, or to stand still until the fault ends.

    Told to end, it cancels, settles what it holds and closes. Standing still, it keeps its
    connection and all that it holds until two heartbeats are missed; then the broker closes the
    connection and redelivers, and the client finds it closed when it goes on.
    """

    client: str
    signal: SignalName = "SIGTERM"
    kind: ClassVar[str] = "signal_client"
    fault_class: ClassVar[str] = "client"

    def capture(self, site: Site) -> Revert:
        """Note which process stands still; undoing it is letting it go on."""
        process = process_of(find_client(site, self.client))
        return Revert("resume_process", {"pid": process.pid, "start_ticks": process.start_ticks})

    def apply(self, site: Site) -> None:
        """Send the signal."""
        site.traffic.signal(self.client, getattr(signals, self.signal))

    def observe(self, site: Site) -> Seen:
        """See it standing still, or gone."""
        if self.signal != "SIGSTOP":
            return fate(self.client, site)
        state = probes.process_state(find_client(site, self.client).pid)
        return Seen(state == "T", {"state": state})
