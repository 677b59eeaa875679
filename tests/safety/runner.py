"""A small run on the stand, in a process of its own: one episode, struck at one of its points.

    python -m tests.safety.runner FOLDER STATE_DIR PORT_BASE POINT SIGNAL VICTIM

At the POINT-th point of its faults' lives (0: never) SIGNAL goes to VICTIM: `runner`, `watchdog`,
`toxiproxy`, or `both` the watchdog and the runner. The points that it passed are in `points`.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from chaos import runs
from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from chaos.watchdog import guarded, watchdog_of
from gameday.clusters.record import cluster_folder, load_record
from tests.safety.stand import EPISODE, StandCluster, register


class Points:
    """Counts the points that a run passes, and strikes at one of them."""

    def __init__(self, cluster: StandCluster, folder: Path, struck: tuple[int, str, str]) -> None:
        self._cluster, self._folder = cluster, folder
        self._number, self._signal, self._victim = struck
        self._passed = 0

    def __call__(self, point: str) -> None:
        """Note the point, and maybe strike."""
        self._passed += 1
        with (self._folder / "points").open("a") as file:
            file.write(f"{point}\n")
        if self._passed == self._number:
            for pid in self._pids():
                os.kill(pid, signal.Signals[self._signal])

    def _pids(self) -> list[int]:
        watchdog = watchdog_of(self._folder)
        toxiproxy = self._cluster.record.process("toxiproxy")
        assert watchdog is not None
        assert toxiproxy is not None
        return {
            "runner": [os.getpid()],
            "watchdog": [watchdog.pid],
            "toxiproxy": [toxiproxy.pid],
            "both": [watchdog.pid, os.getpid()],
        }[self._victim]


def main() -> None:
    """Run the episode."""
    register()
    folder, state_dir, base, point, name, victim = sys.argv[1:]
    record = runs.begin(Path(folder).name, Path(folder), Path(state_dir), int(base))
    environment = {**os.environ, **record.client_environment()}
    client = subprocess.Popen(["sleep", "300"], env=environment, start_new_session=True)
    (record.folder / "client").write_text(str(client.pid))
    cluster = StandCluster(load_record(cluster_folder(record.state_dir, int(base))))
    with guarded(record):
        site = Site(
            cluster,
            Journal(record.folder / FILE_NAME),
            at=Points(cluster, record.folder, (int(point), name, victim)),
        ).for_episode(EPISODE.id, EPISODE.lasts_s)
        with EPISODE.fault().inject(site):
            (record.folder / "inside").touch()
    client.kill()
    client.wait()
    runs.strike_off(record)


if __name__ == "__main__":
    main()
