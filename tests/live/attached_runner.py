"""A small run on an attached cluster in a process of its own, for tests that kill it.

    attached_runner.py FOLDER STATE_DIR CLUSTER_FILE EPISODE_JSON

It knows the cluster by its owner's file alone, has doors of its own before it, breaks what the
episode says, and goes on when whoever started it closes its input.
"""

import sys
from dataclasses import replace
from pathlib import Path

from chaos import runs
from chaos.by_command import Owner
from chaos.fault import Site
from chaos.journal import FILE_NAME, Journal
from chaos.plan import Episode
from chaos.watchdog import guarded
from gameday.clusters.cluster_file import read_file
from gameday.clusters.commanded import attach_by_file
from gameday.clusters.spare_doors import open_doors


def main() -> None:
    """Run the episode."""
    folder, state_dir, file, episode_json = sys.argv[1:]
    episode = Episode.model_validate_json(episode_json)
    record = runs.begin(Path(folder).name, Path(folder), Path(state_dir), None)
    found = attach_by_file(read_file(Path(file)), Path(file), record.folder)
    doors = open_doors(record.state_dir, {n: found.addresses(n).client for n in found.nodes})
    cluster = replace(found, spare=doors)
    cluster.save()
    with guarded(record):
        site = Site(
            cluster,  # type: ignore[arg-type]  # Adapted faults ask no more of it than it can do.
            Journal(record.folder / FILE_NAME),
            vhost="chaos-killed",
            adapted=Owner(cluster).adapted,
        ).for_episode(episode.id, episode.lasts_s)
        with episode.fault().inject(site):
            (record.folder / "inside").touch()
            sys.stdin.read()
    doors.close()
    runs.strike_off(record)


if __name__ == "__main__":
    main()
