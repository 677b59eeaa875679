"""The owner of a cluster, with his own tool on its nodes: what `ssh` runs in the attached tests.

    python owner.py STATE_DIR PORT_BASE VERB NODE [WORD…]

It knows the cluster as whoever started it does; the harness that breaks it by these commands does
not. Every verb that puts something right does no harm where nothing is wrong.
"""

import sys
from itertools import chain
from pathlib import Path

from gameday.clusters.local import LocalCluster, load


def links(node: str, peers: list[str]) -> list[tuple[str, str]]:
    """Return the links between a node and its peers, both ways."""
    return list(chain.from_iterable(((node, each), (each, node)) for each in peers))


def act(cluster: LocalCluster, verb: str, node: str, words: list[str]) -> None:
    """Do what the owner was told."""
    if verb == "start":
        if not cluster.is_running(node):
            cluster.start(node, wait=False)
    elif verb == "stop":
        cluster.stop(node)
    elif verb in {"reset", "silent"}:
        cluster.cut(links(node, words[0].split(",")), verb)
    elif verb == "mend":
        cluster.mend(links(node, words[0].split(",")))
    elif verb == "ctl":
        cluster.ctl(node, *words, timeout_s=60)
    else:
        raise SystemExit(f"owner: {verb} is no verb")


def main() -> None:
    """Find the cluster by its folder, and act."""
    state_dir, base, verb, node, *words = sys.argv[1:]
    cluster = load(Path(state_dir), int(base))
    try:
        act(cluster, verb, node, words)
    finally:
        cluster.close_control()


if __name__ == "__main__":
    main()
