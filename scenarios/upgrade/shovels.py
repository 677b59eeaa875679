"""Shovels: queues of one cluster emptied into those of the same names on another.

Dynamic shovels of the `rabbitmq_shovel` plugin, on the new cluster, one a queue. Each confirms what
it moved before it acknowledges it, so nothing is lost on the way; what breaks while it moves may
come twice. They are made by the management API: no address with a password on any command line.
"""

from collections.abc import Iterable
from urllib.parse import quote

from gameday.clusters.cluster import Http
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from scenarios.upgrade.sides import Side

PREFETCH = 500
POLL_MS = 150


def shovel(on: Side, source: Side, target: Side, queues: Iterable[str], within_s: float) -> int:
    """Move what lies in queues to those of the same names; return how many lay there.

    It ends when the sources are empty, nothing of them unacknowledged, and takes its shovels away.
    """
    names = sorted(queues)
    held = source.held()
    api = on.cluster.management(on.broker.serving_node())
    for name in names:
        api.put(_path(on, name), {"value": _definition(source, target, name)})
    try:
        wait_until(
            lambda: _empty(source, names, api, on), within_s,
            f"{', '.join(names)} on {source.name} shovelled empty", poll_ms=POLL_MS,
        )  # fmt: skip
    finally:
        for name in names:
            api.delete(_path(on, name))
    return sum(held.get(name, 0) for name in names)


def _path(on: Side, queue: str) -> str:
    return f"/api/parameters/shovel/{quote(on.vhost, safe='')}/{quote(f'move {queue}', safe='')}"


def _definition(source: Side, target: Side, queue: str) -> dict[str, object]:
    return {
        "src-protocol": "amqp091", "src-uri": _address(source), "src-queue": queue,
        "src-prefetch-count": PREFETCH, "src-delete-after": "never",
        "dest-protocol": "amqp091", "dest-uri": _address(target), "dest-queue": queue,
        "ack-mode": "on-confirm", "reconnect-delay": 1,
    }  # fmt: skip


def _address(side: Side) -> str:
    """Return a side's address past our own proxies: a shovel is the broker's, not a client's."""
    cluster, node = side.cluster, side.broker.serving_node()
    credentials = f"{quote(cluster.username, safe='')}:{quote(cluster.password, safe='')}"
    return f"amqp://{credentials}@{cluster.addresses(node).direct}/{quote(side.vhost, safe='')}"


def _empty(source: Side, names: list[str], api: Http, on: Side) -> bool | NotYet:
    """Whether nothing is left in the sources; a shovel that ended says why."""
    held = source.held()
    left = {name: held[name] for name in names if held.get(name)}
    if not left:
        return True
    for row in api.get(f"/api/shovels/{quote(on.vhost, safe='')}"):
        if row.get("state") == "terminated":
            raise HarnessError(f"the shovel {row['name']} ended: {row.get('reason', 'no reason')}")
    return NotYet(left)
