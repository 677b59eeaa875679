"""Who holds a connection's other end is told by this machine's sockets."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from gameday.clusters.held import established
from gameday.clusters.wait import wait_until


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """Give a listener that accepts and never closes, as a broker that does not know yet."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_an_end_is_there_until_its_holder_closes_it(door: socket.socket) -> None:
    """While the client has it, its end is found by the ports of both; closed by it, no more."""
    port = door.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    end = (*client.getsockname(), port)
    with closing(door.accept()[0]):
        assert end in established()

        client.close()

        wait_until(lambda: end not in established(), 5, "its end is gone")


def test_the_broker_s_own_end_is_not_taken_for_the_client_s(door: socket.socket) -> None:
    """The accepting side, which is still open after the client has gone, vouches for nobody."""
    port = door.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    near = client.getsockname()[1]
    with closing(door.accept()[0]):
        client.close()

        wait_until(lambda: not any(near in each[1:2] for each in established()), 5, "nobody has it")
