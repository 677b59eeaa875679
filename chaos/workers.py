"""Faults of one worker that lives on: it hangs, it is slow, or it cancels and comes back.

The run gives the order; who undoes it needs only the process: a signal ends all its orders. What
the worker holds and acknowledges meanwhile is asked of the broker's own channels.
"""

from dataclasses import dataclass
from typing import ClassVar

from chaos import traffic
from chaos import undo_clients as undo
from chaos.clients import find_client, process_of
from chaos.fault import Single, Site
from chaos.revert import Revert, Seen
from chaos.traffic import Client
from chaos.undo_access import captured
from gameday.errors import HarnessError


def find_worker(site: Site, name: str) -> Client:
    """Return the living worker of that name."""
    client = find_client(site, name)
    if client.role != "worker":
        raise HarnessError(f"{name} is a {client.role}, and only a worker holds deliveries.")
    return client


def _values(site: Site, name: str, shown: str) -> dict[str, object]:
    """Return what whoever undoes an order must know."""
    process = process_of(find_worker(site, name))
    who = {"pid": process.pid, "start_ticks": process.start_ticks, "client": name}
    return {**who, "vhost": site.vhost, "shown": shown}


@dataclass(frozen=True)
class WedgeClient(Single):
    """Let no handler of one worker end: it keeps its connection and all that it holds.

    Its heartbeats go on, so the broker waits for its acks, until the acknowledgement time-out
    (30 minutes by default). What it prefetched is served by nobody.
    """

    client: str
    kind: ClassVar[str] = "wedge_client"
    fault_class: ClassVar[str] = "client"

    def capture(self, site: Site) -> Revert:
        """Note which process hangs; undoing it is letting its handlers end."""
        return Revert("release_worker", _values(site, self.client, traffic.WEDGED))

    def apply(self, site: Site) -> None:
        """Give the order."""
        site.traffic.wedge(self.client)

    def observe(self, site: Site) -> Seen:
        """See its channels hold deliveries, and acknowledge none for a while."""
        return undo.stuck(site.cluster, _values(site, self.client, traffic.WEDGED))


@dataclass(frozen=True)
class SlowClient(Single):
    """Let one worker take so much longer over each message.

    It holds a full prefetch; other consumers of the queue take the rest.
    """

    client: str
    delay_ms: float = 500.0
    kind: ClassVar[str] = "slow_client"
    fault_class: ClassVar[str] = "client"

    def capture(self, site: Site) -> Revert:
        """Note which process is slow."""
        return Revert("release_worker", _values(site, self.client, traffic.SLOWED))

    def apply(self, site: Site) -> None:
        """Give the order."""
        site.traffic.slow(self.client, self.delay_ms)

    def observe(self, site: Site) -> Seen:
        """See its channels hold deliveries, and acknowledge no more than the delay allows."""
        servers = find_worker(site, self.client).servers
        values = _values(site, self.client, traffic.SLOWED)
        return undo.slow(site.cluster, values, self.delay_ms, servers)


@dataclass(frozen=True)
class CancelConsumer(Single):
    """Let one worker's consumers cancel and settle what they hold; they consume again later.

    What was on its way when `basic.cancel` arrived is returned by the client library unseen, and
    is redelivered to others.
    """

    client: str
    kind: ClassVar[str] = "cancel_consumer"
    fault_class: ClassVar[str] = "client"

    def capture(self, site: Site) -> Revert:
        """Note who cancels; undoing it is consuming again."""
        return Revert("consume_again", _values(site, self.client, traffic.RESTING))

    def apply(self, site: Site) -> None:
        """Give the order."""
        site.traffic.rest(self.client)

    def observe(self, site: Site) -> Seen:
        """See its channels open, with no consumer and nothing unacknowledged."""
        return undo.resting(site.cluster, _values(site, self.client, traffic.RESTING))


STORM = 10
"""How many retries are a storm's beginning."""


@dataclass(frozen=True)
class RetryStorm(Single):
    """Let every worker of a queue fail each message, but on its last try: what they call is down.

    Each message is requeued or published again as often as the contract tries, so the broker and
    the workers have several times the work; none is given up for it.
    """

    queue: str
    kind: ClassVar[str] = "retry_storm"
    fault_class: ClassVar[str] = "client"

    def workers(self, site: Site) -> list[Client]:
        """Return the living workers of the queue."""
        found = [each for each in site.traffic.clients() if each.role == "worker"]
        mine = [each for each in found if each.queue == self.queue]
        if not mine:
            known = sorted({each.queue for each in found})
            raise HarnessError(f"no worker of {self.queue} is alive, but of {known}.")
        return mine

    def capture(self, site: Site) -> Revert:
        """Note who fails, and how much has been retried by now."""
        processes = [vars(process_of(each)) for each in self.workers(site)]
        values = {"processes": processes, "shown": traffic.FAILING}
        return Revert("end_storm", {**values, "retried": site.traffic.retried()})

    def apply(self, site: Site) -> None:
        """Give the order."""
        for each in self.workers(site):
            site.traffic.fail(each.name)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """See retries come in numbers, and each worker's process show the order."""
        values = captured(site.journal, self.kind, site.episode)
        orders = [undo.order_of(process) for process in values["processes"]]
        more = site.traffic.retried() - values["retried"]
        yes = more >= STORM and set(orders) == {traffic.FAILING}
        return Seen(yes, {"retried": more, "orders": orders})
