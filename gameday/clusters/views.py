"""Every node's view of its cluster, asked at once: one that does not answer holds none up."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from gameday.clusters.facts import NodeView
from gameday.errors import HarnessError


def views_of(
    nodes: Sequence[str], view: Callable[[str], NodeView]
) -> dict[str, NodeView | HarnessError]:
    """Return each node's own view, or the reason why it has none."""

    def look(node: str) -> NodeView | HarnessError:
        try:
            return view(node)
        except HarnessError as error:
            return error

    with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
        return dict(zip(nodes, pool.map(look, nodes), strict=True))
