"""The AMQP connections of a virtual host: listed by the nodes that hold them, and closed."""

import json
from collections.abc import Iterable, Mapping

from gameday.clusters.cluster import ControlledCluster
from gameday.clusters.expressions import binary

MINE = """
[Pid || {{Pid, Infos}} <- ets:tab2list(connection_created),
  proplists:get_value(vhost, Infos) =:= {vhost}]
"""
TEXTS = "iolist_to_binary(rabbit_json:encode([list_to_binary(pid_to_list(Pid)) || Pid <- {pids}]))"


NAMED = """
begin Prefix = {prefix}, Size = byte_size(Prefix),
  [Pid || {{Pid, Infos}} <- ets:tab2list(connection_created),
    proplists:get_value(vhost, Infos) =:= {vhost},
    case rabbit_misc:table_lookup(
        proplists:get_value(client_properties, Infos, []), <<"connection_name">>) of
      {{_, <<Prefix:Size/binary, _/binary>>}} -> true; _ -> false end]
end
"""
SERVING = """
[Pid || Pid <- {pids}, case (catch rabbit_reader:info(Pid, [state])) of
  [{{state, closing}}] -> false; [{{state, closed}}] -> false; [{{state, _}}] -> true;
  _ -> is_process_alive(Pid) end]
"""
"""Those that serve, blocked or not: a closed one may wait half a minute for its peer's end."""
RUNNING = """
[Each || Each <- [{pids}], (catch rabbit_reader:info(Each, [state])) =:= [{{state, running}}]]
"""


def connections(cluster: ControlledCluster, vhost: str) -> dict[str, list[str]]:
    """Return, for each node, the processes of its connections to a virtual host."""
    question = TEXTS.format(pids=MINE.format(vhost=binary(vhost)))
    return {node: json.loads(cluster.evaluate(node, question)) for node in cluster.nodes}


def count_named(
    cluster: ControlledCluster, node: str, vhost: str, names: Iterable[str] = ("",)
) -> int:
    """Count a node's connections to a virtual host that serve: all, or those named so."""
    found = set()
    for name in names:
        mine = _mine(vhost, name)
        question = TEXTS.format(pids=SERVING.format(pids=mine))
        found |= set(json.loads(cluster.evaluate(node, question)))
    return len(found)


def _mine(vhost: str, prefix: str) -> str:
    """Return the expression for a node's connections to a virtual host: all, or some by name."""
    if not prefix:
        return MINE.format(vhost=binary(vhost))
    return NAMED.format(vhost=binary(vhost), prefix=binary(prefix))


def close_connections(
    cluster: ControlledCluster, vhost: str, nodes: Iterable[str], prefix: str = ""
) -> None:
    """Close every connection to a virtual host, as `rabbitmqctl close_all_connections` does.

    With a prefix, only those whose clients call them so.
    """
    mine = _mine(vhost, prefix)
    order = (
        'lists:foreach(fun(Pid) -> catch rabbit_networking:close_connection(Pid, "by an operator") '
        f"end, {mine})"
    )
    for node in nodes:
        cluster.evaluate(node, order, timeout_s=20)


def still_there(cluster: ControlledCluster, known: Mapping[str, Iterable[str]]) -> list[str]:
    """Return those of the connections, by node, that serve: one that waits for its end does not."""
    return [f"{node} {pid}" for node, pids in running(cluster, known).items() for pid in pids]


def running(cluster: ControlledCluster, known: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return, for each node, the processes of those of the connections that serve."""
    found = {}
    for node, pids in known.items():
        listed = ",".join(f'list_to_pid("{pid}")' for pid in pids)
        alive = TEXTS.format(pids=RUNNING.format(pids=listed))
        found[node] = json.loads(cluster.evaluate(node, alive))
    return found
