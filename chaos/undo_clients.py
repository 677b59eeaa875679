"""How orders to clients are undone and seen: by a signal, and by what the broker's channels show.

A process that is gone needs no undoing: whoever replaces it was given no order.
"""

import signal
import time
from pathlib import Path
from typing import Any

from chaos import probes
from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.broker import Broker
from gameday.clusters.holdings import Holding, holding
from gameday.clusters.processes import ProcessRef, is_alive, send_signal
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

LOOK_FOR_S = 1.0
"""How long acknowledgements are counted: long enough for many handlers' time."""

HERD = "herd-"
"""What the names of a herd's connections begin with."""

FEW = 10
"""What a backlog may be larger by, a second later, without growing: arrivals are random."""


def process_of(values: Values) -> ProcessRef:
    """Return the process that a recipe names."""
    return ProcessRef(values["pid"], values["start_ticks"])


def let_go(values: Values) -> None:
    """End all orders of a load process; another with its id is left alone."""
    send_signal(process_of(values), signal.SIGUSR1)


def release(_cluster: Target, values: Values) -> None:
    """End all orders of a load process."""
    let_go(values)


def order_of(values: Values) -> str:
    """Return what a load process shows in its name, `gone` when there is none any more."""
    process = process_of(values)
    return probes.process_name(process.pid) if is_alive(process) else "gone"


def held(cluster: Target, values: Values) -> Holding:
    """Return what a client's channels hold; its consumers' names begin with its own."""
    return holding(cluster, values["vhost"], f"{values['client']}.")


def acks_within(cluster: Target, values: Values, most: int, within_s: float) -> int:
    """Count the acknowledgements of a client for a while, up to one more than so many."""
    first = held(cluster, values).acks
    last = first

    def more() -> bool:
        nonlocal last
        last = held(cluster, values).acks
        return last - first > most

    try:
        wait_until(more, within_s, "acknowledgements")
    except HarnessError:
        return last - first
    return last - first


def stuck(cluster: Target, values: Values) -> Seen:
    """See a client hold deliveries and acknowledge none."""
    acks = acks_within(cluster, values, 0, LOOK_FOR_S)
    now = held(cluster, values)
    return Seen(now.unacknowledged > 0 and acks == 0, _evidence(now, acks=acks))


def slow(cluster: Target, values: Values, delay_ms: float, servers: int) -> Seen:
    """See a client hold deliveries and acknowledge no more than its delay allows."""
    most = servers * (int(LOOK_FOR_S * 1000 / delay_ms) + 1)
    acks = acks_within(cluster, values, most, LOOK_FOR_S)
    now = held(cluster, values)
    yes = now.unacknowledged > 0 and acks <= most and order_of(values) == values["shown"]
    return Seen(yes, _evidence(now, acks=acks, at_most=most))


def resting(cluster: Target, values: Values) -> Seen:
    """See a client's channels stand, with no consumer and nothing unacknowledged."""
    now = held(cluster, values)
    return Seen(now.channels > 0 and not now.consumers + now.unacknowledged, _evidence(now))


def works(cluster: Target, values: Values) -> Seen:
    """See the worker show no order any more, and acknowledge, or hold nothing; or gone."""
    order = order_of(values)
    if order == "gone":
        return Seen(yes=True, evidence={"order": order})
    acks = acks_within(cluster, values, 0, LOOK_FOR_S)
    now = held(cluster, values)
    yes = order != values["shown"] and (acks > 0 or not now.unacknowledged)
    return Seen(yes, _evidence(now, order=order, acks=acks))


def consumes(cluster: Target, values: Values) -> Seen:
    """See the worker's channels with consumers again; or the worker gone."""
    order = order_of(values)
    if order == "gone":
        return Seen(yes=True, evidence={"order": order})
    now = held(cluster, values)
    return Seen(order != values["shown"] and now.consumers > 0, _evidence(now, order=order))


def backlog(cluster: Target, vhost: str) -> int:
    """Return how many messages wait, or are held, in all queues that have consumers."""
    broker = Broker(cluster)
    consumed = {each.queue for each in broker.consumers(vhost)}
    counts = broker.message_counts(vhost)
    return sum(sum(counts[name]) for name in consumed)


def backlogs(cluster: Target, vhost: str) -> tuple[int, int]:
    """Return the backlog now, and after a while."""
    first, begun = backlog(cluster, vhost), time.monotonic()
    wait_until(lambda: time.monotonic() - begun >= LOOK_FOR_S, LOOK_FOR_S + 1, "a while passed")
    return first, backlog(cluster, vhost)


def backlog_grows(cluster: Target, vhost: str) -> Seen:
    """See the backlog be there, and larger than a while ago."""
    first, later = backlogs(cluster, vhost)
    return Seen(later > first + FEW, {"backlog": [first, later], "after_s": LOOK_FOR_S})


def end_flood(_cluster: Target, values: Values) -> None:
    """End the second schedule of every process that has one."""
    ebb(values)


def ebb(values: Values) -> None:
    """End all orders of the processes that offered more."""
    for process in values["processes"]:
        let_go(process)


def grows_no_more(cluster: Target, values: Values) -> Seen:
    """See no process show the order any more, and the backlog grow no more."""
    orders = [order_of(process) for process in values["processes"]]
    first, later = backlogs(cluster, values["vhost"])
    yes = values["shown"] not in orders and later <= first + FEW
    return Seen(yes, {"orders": orders, "backlog": [first, later]})


def herd(cluster: Target, vhost: str) -> int:
    """Return how many of a herd's clients stand, each with its channel."""
    return holding(cluster, vhost, HERD).channels


def disperse_herd(_cluster: Target, values: Values) -> None:
    """Remove the file for as long as which the herd is there."""
    disperse(values)


def disperse(values: Values) -> None:
    """Remove the herd's file."""
    Path(values["file"]).unlink(missing_ok=True)


def herd_is_gone(cluster: Target, values: Values) -> Seen:
    """See no connection of the herd any more."""
    left = herd(cluster, values["vhost"])
    return Seen(left == 0 and not Path(values["file"]).exists(), {"left": left})


def end_storm(_cluster: Target, values: Values) -> None:
    """End the order of every worker that has it."""
    ebb(values)


def storm_is_over(_cluster: Target, values: Values) -> Seen:
    """See no worker's process show the order any more."""
    orders = [order_of(process) for process in values["processes"]]
    return Seen(values["shown"] not in orders, {"orders": orders})


def _evidence(now: Holding, **more: Any) -> dict[str, Any]:
    return {**vars(now), **more}


RECIPES: dict[str, Recipe] = {
    "release_worker": Recipe(release, works, 15, release, alone=let_go),
    "disperse_herd": Recipe(disperse_herd, herd_is_gone, 30, disperse_herd, alone=disperse),
    "end_storm": Recipe(end_storm, storm_is_over, 10, end_storm, alone=ebb),
    "end_flood": Recipe(end_flood, grows_no_more, 20, end_flood, alone=ebb),
    "consume_again": Recipe(release, consumes, 15, release, alone=let_go),
}
