"""What the nodes make of a cut while it lasts: their views, noted whenever they change.

Each node is asked by the control path whom it is connected to and whether its broker serves. It
is evidence for the report, not a proof that a fault needs, and ends before the fault is reverted.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chaos import probes
from chaos.revert import Target
from gameday.errors import HarnessError

if TYPE_CHECKING:
    from chaos.fault import Site

EVERY_S = 0.5


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
        thread.join(len(site.cluster.nodes) * probes.ASK_WITHIN_S + 5)


def _note_changes(site: "Site", done: threading.Event) -> None:
    """Look until told to stop."""
    before: dict[str, Any] = {}
    while not done.is_set():
        now = {node: _view(site.cluster, node) for node in site.cluster.nodes}
        if now != before and not done.is_set():
            site.journal.append("views", episode=site.episode, views=now)
            before = now
        done.wait(EVERY_S)


def _view(cluster: Target, node: str) -> dict[str, Any]:
    """Return what one node says of itself, or that it does not answer."""
    try:
        connected = probes.connected_view(cluster, node)
        serving = cluster.evaluate(node, "rabbit:is_running()", timeout_s=probes.ASK_WITHIN_S)
    except HarnessError:
        return {"connected": [], "serving": None}
    return {"connected": connected, "serving": serving == "true"}
