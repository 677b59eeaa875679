"""Whether somebody still holds the other end of a connection that a broker believes in.

Clients of a local cluster reach it through proxies of this machine, which close their end as soon
as the client closes its own. So where this machine has no such end any more, nobody holds the
connection: the broker only does not know it yet. Of any other cluster this cannot be said.
"""

import json
from collections.abc import Iterable, Mapping

import psutil

from gameday.clusters.cluster import ControlledCluster
from gameday.clusters.local import LocalCluster

Ends = tuple[str, int, int]
"""The peer's address and port, and the port that it came to."""

ASKED = """
iolist_to_binary(rabbit_json:encode([[list_to_binary(pid_to_list(Pid)),
  list_to_binary(inet:ntoa(proplists:get_value(peer_host, Infos))),
  proplists:get_value(peer_port, Infos), proplists:get_value(port, Infos)] ||
  Pid <- [{pids}], Infos <- [catch rabbit_reader:info(Pid, [peer_host, peer_port, port])],
  is_list(Infos)]))
"""


def held(cluster: ControlledCluster, known: Mapping[str, Iterable[str]]) -> list[str]:
    """Return those connections, by node, of which somebody may hold the other end."""
    if not isinstance(cluster, LocalCluster):
        return [f"{node} {pid}" for node, pids in known.items() for pid in pids]
    found = []
    for node, pids in known.items():
        listed = ",".join(f'list_to_pid("{pid}")' for pid in pids)
        rows = json.loads(cluster.evaluate(node, ASKED.format(pids=listed))) if listed else []
        # Looked at after the broker was asked: an end that it knew and that is gone, is gone.
        ends = established()
        found += [f"{node} {pid}" for pid, *other in rows if tuple(other) in ends]
    return found


def established() -> frozenset[Ends]:
    """Return the near end of every TCP connection that a process of this machine holds open."""
    return frozenset(
        (each.laddr[0], each.laddr[1], each.raddr[1])
        for each in psutil.net_connections(kind="tcp4")
        if each.status == psutil.CONN_ESTABLISHED and each.laddr and each.raddr
    )
