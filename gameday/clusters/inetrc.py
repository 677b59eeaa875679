"""How Erlang finds the peers: a lookup file for each node, so that every link has its own address.

Node *i* believes that its peer *j* lives at `127.0.1<i>.<j>`, where Toxiproxy listens; command
line tools and our control process believe that all nodes live at `127.0.0.1`, where they do.
"""

from gameday.clusters.ports import LOOPBACK, NODE_COUNT, link_host

CONTROL_HOST = "mqctl"


def host_name(node: int) -> str:
    """Return the host part of a node's Erlang name."""
    return f"mq{node}"


def erlang_name(node: int) -> str:
    """Return a node's full Erlang name."""
    return f"r{node}@{host_name(node)}"


def node_inetrc(node: int) -> str:
    """Return the lookup file of one node: itself on loopback, each peer behind its proxy."""
    hosts = {LOOPBACK: [host_name(node)]}
    for peer in range(1, NODE_COUNT + 1):
        if peer != node:
            hosts[link_host(node, peer)] = [host_name(peer)]
    return _render(hosts)


def control_inetrc() -> str:
    """Return the lookup file of the control path: every node directly, no proxy between."""
    names = [host_name(node) for node in range(1, NODE_COUNT + 1)]
    return _render({LOOPBACK: [*names, CONTROL_HOST]})


def _render(hosts: dict[str, list[str]]) -> str:
    """Return Erlang terms, one line an address: Erlang forgets the first of two such lines."""
    lines = ["{lookup,[file,native]}."]
    for address, names in hosts.items():
        quoted = ",".join(f'"{name}"' for name in names)
        lines.append(f"{{host,{{{address.replace('.', ',')}}},[{quoted}]}}.")
    return "\n".join([*lines, ""])
