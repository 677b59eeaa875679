"""The Erlang port mapper of one cluster.

The usual one listens on every interface of the machine and is shared by everything that runs
Erlang there; ours listens on the cluster's own port, on loopback addresses only, among them one
for each link, because node *i* asks for its peer *j* at the link's own address.
"""

import socket

from gameday.clusters.cluster import Address
from gameday.clusters.ports import LOOPBACK, link_host, pairs
from gameday.clusters.processes import clean_environment, spawn
from gameday.clusters.record import ClusterRecord
from gameday.clusters.wait import wait_until

START_LIMIT_S = 10.0


def environment(record: ClusterRecord) -> dict[str, str]:
    """Return what every Erlang process of the cluster must know to find this port mapper."""
    return {"ERL_EPMD_PORT": str(record.ports.epmd)}


def start(record: ClusterRecord, lock_descriptor: int) -> None:
    """Start the port mapper; it holds the block's lock as long as it lives."""
    addresses = ",".join([LOOPBACK, *(link_host(source, target) for source, target in pairs())])
    variables = {
        **clean_environment(record.token, record.home),
        **record.release.environment(),
        **environment(record),
        "ERL_EPMD_ADDRESS": addresses,
    }
    command = [*record.release.enter(record.folder), "epmd"]
    log = record.logs / "epmd.log"
    record.remember(
        "epmd",
        spawn(command, variables, log, pass_descriptors=(lock_descriptor,)),
    )
    door = Address(LOOPBACK, record.ports.epmd)
    wait_until(lambda: listens(door), START_LIMIT_S, f"epmd listened on {door}", poll_ms=20)


def listens(door: Address) -> bool:
    """Whether somebody takes connections there.

    Seen by a connection: whoever tried to listen there himself could be in the port mapper's way.
    """
    try:
        socket.create_connection((door.host, door.port), 1.0).close()
    except OSError:
        return False
    return True
