"""Declaring the design on green: as blue exports it, in words that green takes.

First blue's own words are posted to a virtual host that is there for nothing else, so that what the
new broker refuses is its own word and not ours. Then what is translated is posted and read back.
"""

from typing import Any
from urllib.parse import quote

from gameday.contracts.definitions import for_one_vhost
from gameday.contracts.upgrades import translated
from scenarios.prepare import differences
from scenarios.refusing import refusals
from scenarios.upgrade.sides import Side


def declare_on_green(blue: Side, green: Side) -> dict[str, Any]:
    """Declare blue's design on green, translated; return what was refused, changed and differs."""
    exported = for_one_vhost(dict(blue.broker.export_definitions(blue.vhost)))
    exported["queues"] = [_named_type(row) for row in exported["queues"]]
    refused = refusals(green.broker, f"{green.vhost}-refused", exported)
    found = translated(exported, green.version, green.contract)
    api = green.cluster.management(green.broker.serving_node())
    api.post(f"/api/definitions/{quote(green.vhost, safe='')}", found.definitions)
    parts = sum(len(found.definitions[name]) for name in ("queues", "exchanges", "bindings"))
    return {
        "refused": refused, "changes": list(found.changes), "parts": parts,
        "difference": differences(green.broker, green.vhost, green.contract),
    }  # fmt: skip


def _named_type(row: dict[str, Any]) -> dict[str, Any]:
    """Return a queue's row with its type among its arguments, as a broker takes it."""
    plain = {name: each for name, each in row.items() if name != "type"}
    return {**plain, "arguments": {**row["arguments"], "x-queue-type": row["type"]}}
