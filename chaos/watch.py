"""What the nodes make of a cut while it lasts: their views, noted whenever they change.

Each node is asked by the control path whom it is connected to and whether its broker serves. It
is evidence for the report, not a proof that a fault needs, and goes on until the fault is healed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chaos import probes
from gameday.clusters.facts import NodeView

if TYPE_CHECKING:
    from chaos.fault import Site

EVERY_S = 0.5
JOIN_WITHIN_S = 10.0


@contextmanager
def views_noted(site: "Site") -> Iterator[None]:
    """Write a `views` line into the journal at the beginning and at each change."""
    done = threading.Event()
    thread = threading.Thread(target=_note_changes, args=(site, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(JOIN_WITHIN_S)


def _note_changes(site: "Site", done: threading.Event) -> None:
    """Look until told to stop."""
    before: dict[str, Any] = {}
    while not done.is_set():
        now = {node: _facts(view) for node, view in probes.views(site.cluster).items()}
        if now != before:
            site.journal.append("views", episode=site.episode, views=now)
            before = now
        done.wait(EVERY_S)


def _facts(view: NodeView | None) -> dict[str, Any]:
    """Return what one node says, or that it says nothing."""
    if view is None:
        return {"answers": False}
    return {
        "serving": view.serving,
        "seen": sorted(view.seen),
        "running": sorted(view.running),
        "partitions": list(view.partitions),
    }
