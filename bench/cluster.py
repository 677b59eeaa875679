"""How fast a cluster of three nodes is up: `python bench/cluster.py [BROKER…]`.

Without arguments the installed broker is started, and a 4.3 where one is found.
"""

import sys
import tempfile
import time
from pathlib import Path

from _figures import figure, say_load

from gameday.clusters.local import local_cluster
from gameday.clusters.release import find_release
from gameday.clusters.settings import BrokerSettings
from gameday.errors import UsageError


def brokers() -> list[str | None]:
    """Return what to start."""
    if len(sys.argv) > 1:
        return list(sys.argv[1:])
    try:
        find_release("4.3")
    except UsageError as error:
        print(f"# no 4.3 here: {error}", flush=True)
        return [None]
    return [None, "4.3"]


def main() -> None:
    """Start each broker once; the figure is what somebody waits for."""
    for broker in brokers():
        say_load()
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            begun = time.perf_counter()
            with local_cluster(BrokerSettings(), broker=broker, state_dir=Path(name)) as cluster:
                up_s = time.perf_counter() - begun
                version = cluster.version
                begun = time.perf_counter()
            figure(f"cluster_up_{version}", up_s, "s", "at most 30")
            figure(f"cluster_down_{version}", time.perf_counter() - begun, "s", "at most 10")


if __name__ == "__main__":
    main()
