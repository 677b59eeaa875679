"""A pool's connections on the move: each leaves once nothing waits on it for a confirm."""

from collections.abc import Mapping

import gevent

from gameday.traffic.lanes import Lane
from gameday.traffic.link import Link

LEAVE_WITHIN_S = 5.0
BACK_WITHIN_S = 3.0
RENEW_WITHIN_S = 15.0
"""Longer than any contract waits for a confirm: then nothing is pending, and all are renewed."""
LOOK_EVERY_S = 0.01


def go_home(lanes: Mapping[Link, Lane]) -> None:
    """Bring each connection back to its first node, all of them at once."""
    for link, lane in lanes.items():
        if link.is_open and not link.is_home and not lane.leaving:
            lane.leaving = True
            gevent.spawn(leave, link, lane)


def renew_all(lanes: Mapping[Link, Lane]) -> None:
    """Open each connection anew, the next one when the one before is back."""
    for link, lane in lanes.items():
        with gevent.Timeout(LEAVE_WITHIN_S + BACK_WITHIN_S, False):
            while lane.leaving:  # On its way home: what it opens there is new.
                gevent.sleep(LOOK_EVERY_S)
        if not link.is_open or not link.is_outdated:
            continue
        lane.leaving = True
        leave(link, lane, RENEW_WITHIN_S)
        with gevent.Timeout(BACK_WITHIN_S, False):
            while not link.is_open:
                gevent.sleep(LOOK_EVERY_S)


def leave(link: Link, lane: Lane, within_s: float = LEAVE_WITHIN_S) -> None:
    """Close a connection and open it again; one that still waits for a confirm stays."""
    with gevent.Timeout(within_s, False):
        while lane.pending:
            gevent.sleep(LOOK_EVERY_S)
    if not lane.pending:
        old = link.connection
        link.go_home()
        with gevent.Timeout(BACK_WITHIN_S, False):
            while link.is_open and link.connection is old:  # Nothing is given to one that closes.
                gevent.sleep(LOOK_EVERY_S)
    lane.leaving = False
