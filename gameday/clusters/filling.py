"""The owner's commands with everything filled in: what each placeholder of a cluster file means.

A node's own values, those of one peer or of all its peers, and where it listens. Nothing is run.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gameday.clusters import templates
from gameday.clusters.cluster import Address
from gameday.clusters.cluster_file import AMQP_PORTS, ClusterFile, Node, commands
from gameday.clusters.templates import Ready

NO_VALUES: Mapping[str, str] = {}


def address_of(url: str) -> Address:
    """Return where a URL of the file points."""
    parts = urlsplit(url)
    known = {**AMQP_PORTS, "http": 80, "https": 443}
    return Address(parts.hostname or "", parts.port or known[parts.scheme])


def commands_of(
    file: ClusterFile,
    folder: Path,
    template: str,
    way: str,
    node: str,
    peers: Sequence[str] = (),
    values: Mapping[str, str] = NO_VALUES,
) -> tuple[Ready, ...]:
    """Return a template's commands with everything filled in."""
    found = file.faults.given()[template]
    within_s = found.apply_within_s if way == "apply" else found.revert_within_s
    own = {**_values(file.node(node)), **values}
    made: list[Ready] = []
    for each in commands(getattr(found, way)):
        names = templates.names_in(templates.text_of(each.run, each.input, folder))
        about = peers if any(map(templates.is_of_one_peer, names)) else ("",)
        for peer in about:
            known = {**own, **_of_all(file, peers), **(_of(file.node(peer), peer) if peer else {})}
            made.append(templates.ready(node, each.run, each.input, folder, known, within_s))
    return tuple(made)


def _values(node: Node) -> dict[str, str]:
    """Return what the placeholders of a node's commands stand for."""
    amqp = address_of(node.amqp)
    return {
        **node.values,
        "node": node.name,
        "erlang_name": node.erlang_name,
        "amqp_host": amqp.host,
        "amqp_port": str(amqp.port),
        "management_host": address_of(node.management).host,
    }


def _of(node: Node, name: str) -> dict[str, str]:
    """Return what the placeholders of one peer stand for."""
    return {"peer": name, **{f"peer_{key}": each for key, each in _values(node).items()}}


def _of_all(file: ClusterFile, peers: Sequence[str]) -> dict[str, str]:
    """Return what the placeholders of all peers stand for: each one's, parted by commas."""
    values = [_values(file.node(peer)) for peer in peers]
    names = set.intersection(*(set(each) for each in values)) if values else set()
    joined = {f"peers_{name}": ",".join(each[name] for each in values) for name in names}
    return {"peers": ",".join(peers), **joined}
