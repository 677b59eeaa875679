"""Looks from outside: what proves that a fault is in force, or healed.

Each probe asks somebody other than the one who did it: the nodes about each other, a TCP
connection about a port, the alarm list about an alarm. A probe may raise `HarnessError` or
`OSError` when whoever it asks does not answer; `steps.look` takes that for "not yet".
"""

import re
import socket
from collections.abc import Iterable
from pathlib import Path

from chaos.revert import Seen, Target
from gameday.clusters.cluster import Address, Link
from gameday.errors import HarnessError

AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
DIAL_WITHIN_S = 1.0
ASK_WITHIN_S = 4.0

RUNNING = (
    "case erlang:function_exported(rabbit_nodes, list_running, 0) of"
    " true -> rabbit_nodes:list_running();"
    " false -> rabbit_nodes:all_running() end"
)

HANDSHAKE = (
    "fun() ->"
    ' case erl_epmd:port_please("{name}", "{host}", 1000) of'
    " {{port, Port, _}} ->"
    ' case gen_tcp:connect("{host}", Port, [binary, {{active, false}}, {{packet, 2}}], 1000) of'
    " {{ok, Socket}} ->"
    ' Name = <<"probe@mqprobe">>,'
    " gen_tcp:send(Socket, [<<$N, 16#d07df7fbd:64, 1:32, (byte_size(Name)):16>>, Name]),"
    " Answer = gen_tcp:recv(Socket, 0, 1000), gen_tcp:close(Socket),"
    " case Answer of {{ok, _}} -> answered; {{error, Reason}} -> Reason end;"
    " {{error, Reason}} -> Reason end;"
    " Other -> Other end end()"
)
"""The first bytes of Erlang's distribution, from one node to another over their own link."""

ANSWERED = "answered"
SILENT = "timeout"


def short_names(cluster: Target, text: str) -> list[str]:
    """Return which of the cluster's nodes an Erlang term names, by their short names."""
    named = set(re.findall(r"[\w-]+@[\w.-]+", text))
    return [each for each in cluster.nodes if cluster.addresses(each).erlang_name in named]


def running_view(cluster: Target, node: str) -> list[str]:
    """Return which nodes run in one node's own view."""
    return short_names(cluster, cluster.evaluate(node, RUNNING, timeout_s=ASK_WITHIN_S))


def connected_view(cluster: Target, node: str) -> list[str]:
    """Return which peers one node is connected to, itself not included."""
    return short_names(cluster, cluster.evaluate(node, "nodes()", timeout_s=ASK_WITHIN_S))


def views(cluster: Target, nodes: Iterable[str]) -> dict[str, list[str]]:
    """Return the running nodes in each of the nodes' views; one that does not answer sees none."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        try:
            found[node] = running_view(cluster, node)
        except HarnessError:
            found[node] = []
    return found


def whole(cluster: Target) -> Seen:
    """Whether every node runs in every node's view."""
    seen = views(cluster, cluster.nodes)
    everybody = sorted(cluster.nodes)
    return Seen(all(sorted(each) == everybody for each in seen.values()), {"views": seen})


def over_link(cluster: Target, link: Link) -> str:
    """Greet a node's peer from the node itself: `answered`, `timeout`, `econnrefused` and so on."""
    source, target = link
    name, _, host = cluster.addresses(target).erlang_name.partition("@")
    expression = HANDSHAKE.format(name=name, host=host)
    return cluster.evaluate(source, expression, timeout_s=ASK_WITHIN_S)


def greet(address: Address, within_s: float = DIAL_WITHIN_S) -> str:
    """Greet an AMQP port: `answered`, `timeout` when it swallows, `refused` or `closed`."""
    try:
        with socket.create_connection((address.host, address.port), within_s) as dialled:
            dialled.settimeout(within_s)
            dialled.sendall(AMQP_GREETING)
            return ANSWERED if dialled.recv(8) else "closed"
    except TimeoutError:
        return SILENT
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return f"closed ({error.strerror})"


def alarms(cluster: Target, node: str) -> str:
    """Return the alarms in one node's view, as Erlang prints them."""
    return cluster.evaluate(node, "rabbit_alarm:get_alarms()", timeout_s=ASK_WITHIN_S)


def alarmed(cluster: Target, source: str, node: str) -> Seen:
    """Whether every node that answers sees an alarm of this source (disk, memory) on the node."""
    name = re.escape(cluster.addresses(node).erlang_name)
    pattern = re.compile(rf"resource_limit,\s*{source},\s*'?{name}'?")
    seen = {each: alarms(cluster, each) for each in cluster.nodes}
    return Seen(all(pattern.search(text) for text in seen.values()), {"alarms": seen})


def process_state(pid: int) -> str:
    """Return the letter that the system gives a process's state; `T` is suspended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "gone"
    return stat.rpartition(")")[2].split()[0]


def quiet(cluster: Target, source: str, node: str) -> Seen:
    """Whether no node sees an alarm of this source on the node any more."""
    name = re.escape(cluster.addresses(node).erlang_name)
    pattern = re.compile(rf"resource_limit,\s*{source},\s*'?{name}'?")
    seen = {each: alarms(cluster, each) for each in cluster.nodes}
    return Seen(not any(pattern.search(text) for text in seen.values()), {"alarms": seen})
