"""A small run in a process of its own, for tests that kill it: one episode, then the end.

    chaos_runner.py FOLDER STATE_DIR PORT_BASE EPISODE_JSON NUMBER SIGNAL WATCHED

It sends itself SIGNAL at the NUMBER-th point of its faults' lives (0: never), writes the points
that it passed into `points`, and starts one client that only sleeps. WATCHED is `yes` or `no`.
"""

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

from chaos import runs
from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from chaos.plan import Episode
from chaos.watchdog import guarded
from gameday.clusters.found import cluster_at, open_cluster


class Points:
    """Counts the points that a run passes, and sends it a signal at one of them."""

    def __init__(self, file: Path, number: int, name: str) -> None:
        self._file = file
        self._number = number
        self._signal = signal.Signals[name]
        self._passed = 0

    def __call__(self, point: str) -> None:
        """Note the point, and maybe die there."""
        self._passed += 1
        with self._file.open("a") as file:
            file.write(f"{point}\n")
        if self._passed == self._number:
            os.kill(os.getpid(), self._signal)


def main() -> None:
    """Run the episode; whoever wants it to go on closes our input."""
    folder, state_dir, base, episode_json, number, name, watched = sys.argv[1:]
    episode = Episode.model_validate_json(episode_json)
    record = runs.begin(Path(folder).name, Path(folder), Path(state_dir), int(base))
    environment = {**os.environ, **record.client_environment()}
    client = subprocess.Popen(["sleep", "300"], env=environment, start_new_session=True)
    (record.folder / "client").write_text(str(client.pid))
    found = cluster_at(record.state_dir, int(base))
    assert found is not None
    with guarded(record) if watched == "yes" else nullcontext():
        site = Site(
            open_cluster(found),
            Journal(record.folder / FILE_NAME),
            at=Points(record.folder / "points", int(number), name),
        ).for_episode(episode.id, episode.lasts_s)
        with episode.fault().inject(site):
            (record.folder / "inside").touch()
            sys.stdin.read()
    client.kill()
    client.wait()
    runs.strike_off(record)


if __name__ == "__main__":
    main()
