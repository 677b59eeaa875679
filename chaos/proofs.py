"""Which template of an owner's file does which fault, and what proves it, in words.

A fault without an entry cannot be done by commands. What the words say is looked for by
`outside.py`; they are what `--dry-run` shows.
"""

from collections.abc import Mapping
from typing import Any

from chaos.alarms import ALL

TEMPLATES: dict[str, str] = {
    "kill_node": "kill",
    "kill_follower": "kill",
    "kill_nodes": "kill",
    "kill_all_nodes": "kill",
    "stop_node": "stop",
    "stop_app": "stop_app",
    "pause_node": "pause",
    "isolate": "isolate_{how}",
    "cut_links": "cut_link_{how}",
    "disk_alarm": "disk_alarm",
    "memory_alarm": "memory_alarm",
}
"""Which template of the owner's file does which kind of fault."""

PROOFS: dict[str, str] = {
    "kill": "its AMQP port gives no answer, and no other node sees it run",
    "stop": "its AMQP port gives no answer, and no other node sees it run",
    "stop_app": "its AMQP port gives no answer, and no other node sees it run",
    "pause": "its AMQP port says nothing, and does not refuse; the others' ports answer",
    "isolate_reset": "no question passes between it and its peers, and neither sees the other run",
    "isolate_silent": "no question passes between it and its peers, and others' still do",
    "cut_link_reset": "no question passes between the two, and neither sees the other run",
    "cut_link_silent": "no question passes between the two, and others' still do",
    "disk_alarm": "every node that answers knows its disk alarm",
    "memory_alarm": "every node that answers knows its memory alarm",
}
"""What is looked for from outside while the fault is in force, in words."""

HEALED: dict[str, str] = {
    **dict.fromkeys(
        PROOFS, "every node answers AMQP and sees every node run, without a partition, for seconds"
    ),
    "disk_alarm": "every node answers, none knows the alarm, and the limit is as before",
    "memory_alarm": "every node answers, none knows the alarm, and the limit is as before",
}
"""What is looked for once it is undone, in words."""


def template_of(kind: str, parameters: Mapping[str, Any]) -> str | None:
    """Return the template that a fault needs, none when commands cannot do it."""
    if kind == "cut_links" and parameters.get("shape", "single") != "single":
        return None
    form = TEMPLATES.get(kind)
    return form and form.format(how=parameters.get("how", "reset"))


def struck_nodes(kind: str, target: str, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the nodes that a fault with this target strikes."""
    if kind == "kill_all_nodes" or target == ALL:
        return nodes
    return tuple(dict.fromkeys(each.strip() for each in target.split(",")))


def peers_of(template: str, node: str, peer: str, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the peers from which a node is parted."""
    others = tuple(each for each in nodes if each != node)
    return ((peer or others[0]),) if template.startswith("cut_link") else others
