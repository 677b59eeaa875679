"""Which rows a criterion is about: the copies and deliveries of the queues that it names."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.history import History

Array = npt.NDArray[Any]


def queue_mask(history: History, queues: Iterable[str] | None) -> Array:
    """Tell for each queue number whether it ends in one of these queues; none named is all."""
    if queues is None:
        return np.ones(len(history.queues) + 1, bool)
    wanted = set(queues)
    final = [name in wanted or history.roles.final(name) in wanted for name in history.queues]
    return np.array([*final, False])


def copies_in(history: History, queues: Iterable[str] | None) -> Array:
    """Tell which copies are in these queues."""
    return queue_mask(history, queues)[history.copies.queue]


def deliveries_in(history: History, queues: Iterable[str] | None) -> Array:
    """Tell which deliveries are sights of copies in these queues."""
    copy = history.index.of_delivery
    inside = copies_in(history, queues)
    if not len(inside):
        return np.zeros(len(copy), bool)
    return np.where(copy >= 0, inside[copy], queue_mask(history, queues)[history.deliveries.queue])


def routes_of(history: History, exchange: str, routing_key: str, queue: str) -> list[int]:
    """Return the routes of a key on an exchange that lead to this one queue and no other."""
    return [
        number
        for number, route in enumerate(history.names.list("route"))
        if (route["exchange"], route["routing_key"]) == (exchange, routing_key)
        and list(route.get("queues", ())) == [queue]
    ]
