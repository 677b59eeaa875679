"""Looks from outside: what proves that a fault is in force, or healed.

Each probe asks somebody other than the one who did it: the nodes about each other, a TCP
connection about a port, the alarm list about an alarm. A probe may raise `HarnessError` or
`OSError` when whoever it asks does not answer; `steps.look` takes that for "not yet".
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from chaos.revert import Seen, Target
from gameday import secured
from gameday.clusters.broker import Broker
from gameday.clusters.cluster import Address, Link
from gameday.clusters.facts import NodeView
from gameday.errors import HarnessError

AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
DIAL_WITHIN_S = 1.0
ASK_WITHIN_S = 4.0

HANDSHAKE = (
    "fun() ->"
    " {{By, More}} = case init:get_argument(ssl_dist_optfile) of"
    " {{ok, [[File]]}} -> {{ok, [Ends]}} = file:consult(File),"
    " {{ssl, [{{packet, 4}} | proplists:get_value(client, Ends)]}};"
    " error -> {{gen_tcp, [{{packet, 2}}]}} end,"
    " Options = [binary, {{active, false}} | More],"
    ' case erl_epmd:port_please("{name}", "{host}", 1000) of'
    " {{port, Port, _}} ->"
    ' case By:connect("{host}", Port, Options, 1000) of'
    " {{ok, Socket}} ->"
    ' Name = <<"probe@mqprobe">>,'
    " By:send(Socket, [<<$N, 16#d07df7fbd:64, 1:32, (byte_size(Name)):16>>, Name]),"
    " Answer = By:recv(Socket, 0, 1000), By:close(Socket),"
    " case Answer of {{ok, _}} -> answered; {{error, Reason}} -> Reason end;"
    " {{error, Reason}} -> Reason end;"
    " Other -> Other end end()"
)
"""The first bytes of Erlang's distribution, from one node to another over their own link.

By TLS where the nodes speak that, with the node's own certificate.
"""

CALL = (
    "begin Bulk = binary:copy(<<0>>, {size}),"
    " {{Micros, {size}}} = timer:tc(fun() ->"
    " erpc:call('{name}', erlang, byte_size, [Bulk], {limit_ms}) end),"
    " Micros div 1000 end"
)
"""A call from one node to another over their own connection, and back, in milliseconds."""

CONNECTIONS = (
    "lists:sort([{Node, proplists:get_value(owner, About)} ||"
    " {Node, About} <- element(2, net_kernel:nodes_info()), lists:member(Node, nodes())])"
)
"""Which process of a node holds its connection to each peer: another one after a reconnect."""

STRANDED = (
    "not rabbit:is_running() andalso whereis(rabbit_boot) =:= undefined"
    " andalso whereis(rabbit_outside_app_process) =:= undefined"
    " andalso element(1, init:get_status()) =:= started"
    " andalso element(1, erlang:statistics(wall_clock)) > 10000"
)
"""A node's application is down, and none of its processes boots it or waits for a majority to.

Both paused minorities and nodes that boot are excepted: those come back by themselves.
"""

CALL_WITHIN_S = 25.0

ANSWERED = "answered"
SILENT = "timeout"
CLOSED = "closed"
SHUT = frozenset({"refused", CLOSED})
"""What a port says behind which nobody listens: an engine that publishes it accepts, and closes."""


def views(cluster: Target) -> dict[str, NodeView | None]:
    """Return every node's view of the cluster, none for one that does not answer."""
    found = Broker(cluster).views()
    return {node: view if isinstance(view, NodeView) else None for node, view in found.items()}


def running(seen: dict[str, NodeView | None]) -> dict[str, list[str]]:
    """Return who runs in each node's view, for the evidence."""
    return {node: sorted(view.running) if view else [] for node, view in seen.items()}


def whole(cluster: Target) -> Seen:
    """Whether every node runs in every node's view, and none notes a partition.

    A node that is stranded makes it hopeless: it has to be restarted.
    """
    seen = views(cluster)
    everybody = frozenset(cluster.nodes)
    parted = {node: view.partitions for node, view in seen.items() if view and view.partitions}
    yes = not parted and all(view and view.running == everybody for view in seen.values())
    idle = [node for node, view in seen.items() if view and not view.serving]
    left = [node for node in idle if is_stranded(cluster, node)]
    evidence = {
        "views": running(seen), **({"partitions": parted} if parted else {}),
        **({"stranded": left} if left else {}),
    }  # fmt: skip
    return Seen(yes, evidence, hopeless=bool(left))


def is_stranded(cluster: Target, node: str) -> bool:
    """Whether a node's Erlang runs, its application does not, and nobody will start it."""
    return cluster.evaluate(node, STRANDED, timeout_s=ASK_WITHIN_S) == "true"


def at_fault(cluster: Target) -> list[str]:
    """Return the nodes that keep a cluster from being whole: those stranded, else all that idle.

    None where every node serves, and yet they note a partition, say.
    """
    seen = views(cluster)
    return stranded(cluster) or [n for n, view in seen.items() if view is None or not view.serving]


def stranded(cluster: Target) -> list[str]:
    """Return the nodes that are stranded; one that does not answer is not known to be."""
    found = []
    for node in cluster.nodes:
        with suppress(HarnessError):
            if is_stranded(cluster, node):
                found.append(node)
    return found


def over_link(cluster: Target, link: Link) -> str:
    """Greet a node's peer from the node itself: `answered`, `timeout`, `econnrefused` and so on."""
    source, target = link
    name, _, host = cluster.addresses(target).erlang_name.partition("@")
    expression = HANDSHAKE.format(name=name, host=host)
    return cluster.evaluate(source, expression, timeout_s=ASK_WITHIN_S)


def over_links(cluster: Target, links: Sequence[Link]) -> dict[str, str]:
    """Greet over several links at once, for each silent one takes a second."""
    with ThreadPoolExecutor(max_workers=max(1, len(links))) as pool:
        answers = pool.map(lambda link: over_link(cluster, link), links)
        return {f"{link[0]}-{link[1]}": each for link, each in zip(links, answers, strict=True)}


def call_ms(cluster: Target, link: Link, size: int) -> int:
    """Return how long a call with so many bytes takes from a node to its peer and back."""
    source, target = link
    name = cluster.addresses(target).erlang_name
    expression = CALL.format(size=size, name=name, limit_ms=int(CALL_WITHIN_S * 1000))
    return int(cluster.evaluate(source, expression, timeout_s=CALL_WITHIN_S))


def connections(cluster: Target, node: str) -> str:
    """Return what tells a node's connections to its peers from those it had before or has later."""
    return cluster.evaluate(node, CONNECTIONS)


def toxics_on(cluster: Target, proxies: Collection[str]) -> list[str]:
    """Return the toxics on some proxies, as Toxiproxy itself reports them."""
    return [f"{each.proxy}: {each.name}" for each in cluster.toxics() if each.proxy in proxies]


def greet(address: Address, within_s: float = DIAL_WITHIN_S) -> str:
    """Greet an AMQP port: `answered`, `timeout` when it swallows, `refused` or `closed`."""
    try:
        dialling = secured.dial(
            address.host, address.port, within_s, address.authority, address.name
        )
        with dialling as dialled:
            dialled.settimeout(within_s)
            dialled.sendall(AMQP_GREETING)
            return ANSWERED if dialled.recv(8) else CLOSED
    except TimeoutError:
        return SILENT
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return CLOSED
    except OSError as error:
        return f"closed ({error.strerror})"


def alarms(cluster: Target) -> dict[str, list[str]]:
    """Return the alarms that each node knows, such as `disk on r1`."""
    found = {}
    for node, view in views(cluster).items():
        if view is None:
            raise HarnessError(f"{node} does not say which alarms it knows")
        found[node] = [f"{alarm.kind} on {alarm.node}" for alarm in view.alarms]
    return found


def alarmed(cluster: Target, kind: str, node: str) -> Seen:
    """Whether the node and all that run with it know this alarm (disk, memory) of it.

    A node that a partition has parted from it, or that is down, cannot know.
    """
    found = views(cluster)
    own = found[node]
    if own is None:
        raise HarnessError(f"{node} does not say which alarms it knows")
    seen = {
        name: [f"{alarm.kind} on {alarm.node}" for alarm in view.alarms]
        for name, view in found.items()
        if view is not None and name in own.running
    }
    known = all(f"{kind} on {node}" in each for each in seen.values())
    return Seen(known and node in seen, {"alarms": seen})


def quiet(cluster: Target, kind: str, node: str) -> Seen:
    """Whether no node knows this alarm of the node any more."""
    seen = alarms(cluster)
    return Seen(not any(f"{kind} on {node}" in known for known in seen.values()), {"alarms": seen})


def process_name(pid: int) -> str:
    """Return a process's name: a load process shows in it which order stands."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "gone"


def process_state(pid: int) -> str:
    """Return the letter that the system gives a process's state; `T` is suspended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "gone"
    return stat.rpartition(")")[2].split()[0]
