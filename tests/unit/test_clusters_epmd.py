"""Waiting for the port mapper: it is looked for, and never kept from its port."""

import socket

from gameday.clusters.cluster import Address
from gameday.clusters.epmd import listens


def test_a_listener_is_seen_by_a_connection() -> None:
    """Nobody there is no; whoever listens there is yes, though he accepts nobody."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        door = Address("127.0.0.1", server.getsockname()[1])
        before = listens(door)
        server.listen()

        assert (before, listens(door)) == (False, True)
