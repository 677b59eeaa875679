"""The repair list: what an event bus dropped, by queue, for whoever must make it good.

`repair/<queue>.jsonl` in the run folder, a line an event: who it was, what it was, where it would
have gone, when, and whether it arrived all the same, so that nobody repairs it twice.
"""

import json
from typing import Any

from gameday.history.bus import Line, arrived, calls_of, names_of
from gameday.history.records import Kind
from gameday.history.run import Run

FOLDER = "repair"


def repair_lists(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Return what was dropped, by the queue that it would have reached."""
    gone = calls_of(run.history, Kind.SHED)
    there = arrived(run.history, gone.message)
    told: dict[str, Line] = {
        str(line["message"]): line for line in run.log if line["event"] == "dropped"
    }
    routes = run.history.names.list("route")
    found: dict[str, list[dict[str, Any]]] = {}
    names = names_of(gone.message)
    columns = (names, gone.route.tolist(), gone.time_ns.tolist(), gone.took_ms, there.tolist())
    for name, number, time_ns, waited_ms, is_there in zip(*columns, strict=True):
        route, line = routes[number], told.get(name, {})
        entry = {
            "message": name, "message_id": line.get("message_id"), "type": route["type"],
            "exchange": route["exchange"], "routing_key": route["routing_key"],
            "dropped_at_s": round(run.seconds(time_ns), 3), "waited_ms": round(float(waited_ms), 3),
            "reason": line.get("reason"), "level": line.get("level"), "arrived": is_there,
        }  # fmt: skip
        for queue in route["queues"]:
            found.setdefault(queue, []).append(entry)
    return found


def write_repair_lists(run: Run) -> None:
    """Write a file for each queue that lost something; the same run gives the same bytes."""
    for queue, entries in sorted(repair_lists(run).items()):
        path = run.folder / FOLDER / f"{queue}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
