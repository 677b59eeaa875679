"""A node's clock is told by a file, where its cluster was asked for clocks; nobody else's is."""

from dataclasses import replace
from pathlib import Path

import pytest

from gameday.clusters import clock
from gameday.clusters.ports import Ports
from gameday.clusters.processes import ProcessRef
from gameday.clusters.record import ClusterRecord, create_folder, load_record
from gameday.clusters.release import Release
from gameday.clusters.settings import BrokerSettings
from gameday.errors import UsageError


def record(folder: Path, *, clocks: bool = True, tree: Path | None = None) -> ClusterRecord:
    """Return the record of a cluster whose folder is there."""
    made = ClusterRecord(
        folder=folder / "cluster", ports=Ports(20_000), token="t",  # noqa: S106  # No secret: it marks processes.
        release=Release(
            "3.10.8", Path("/usr/sbin"), tree
        ), settings=BrokerSettings(), toxiproxy=Path("toxiproxy"), username="gameday",
        owner=ProcessRef(1, 1), clocks=clocks,
    )  # fmt: skip
    create_folder(made)
    made.save()
    return made


def test_only_a_cluster_with_clocks_loads_the_library(tmp_path: Path) -> None:
    """Without the wish nothing is loaded; with it the monotonic clock is left alone."""
    made = record(tmp_path)
    found = clock.environment(made, "r2")

    assert clock.environment(replace(made, clocks=False), "r2") == {}
    assert found["FAKETIME_DONT_FAKE_MONOTONIC"] == "1"
    assert found["FAKETIME_TIMESTAMP_FILE"] == str(made.folder / "r2.clock")


def test_a_broker_of_another_tree_finds_it_where_it_sees_the_folder(tmp_path: Path) -> None:
    """Both paths are the ones inside the tree."""
    found = clock.environment(record(tmp_path, tree=tmp_path / "tree"), "r1")

    assert found["LD_PRELOAD"] == f"/mnt/{clock.NAME}"
    assert found["FAKETIME_TIMESTAMP_FILE"] == "/mnt/r1.clock"


@pytest.mark.parametrize(("offset_s", "text"), [(3600, "+3600.000"), (-0.5, "-0.500"), (0, "+0")])
def test_an_offset_is_read_as_it_was_told(offset_s: float, text: str, tmp_path: Path) -> None:
    """Always with its sign: without one the library would take it for a date."""
    made = record(tmp_path)
    clock.set_offset(made, "r1", offset_s)

    assert clock.offset_s(made, "r1") == offset_s
    assert (made.folder / "r1.clock").read_text().startswith(text)


def test_whoever_loads_the_record_knows_of_the_clocks(tmp_path: Path) -> None:
    """A watchdog can tell the node its time again."""
    assert load_record(record(tmp_path).folder).clocks
    assert not load_record(record(tmp_path, clocks=False).folder).clocks


def test_a_machine_without_the_library_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence names the fault, what is missing and the command."""
    library = tmp_path / "usr" / "lib" / "any-linux-gnu" / "faketime" / clock.NAME
    library.parent.mkdir(parents=True)
    assert clock.find_library(tmp_path) is None
    monkeypatch.setattr(clock, "find_library", lambda: None)
    with pytest.raises(UsageError, match=r"jump_clock: libfaketime is not installed.*apt-get"):
        clock.required_library()

    library.touch()
    monkeypatch.undo()
    assert clock.find_library(tmp_path) == library


def test_what_a_dead_node_shared_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both objects of a dead process go; those of others stay."""
    monkeypatch.setattr(clock, "SHARED", tmp_path)
    made = record(tmp_path)
    made.remember("r1", ProcessRef(4_000_001, 1))
    names = ["faketime_shm_4000001", "sem.faketime_sem_4000001", "faketime_shm_4000002"]
    for name in names:
        (tmp_path / name).touch()
    clock.sweep(made, "r1")

    assert [(tmp_path / name).exists() for name in names] == [False, False, True]
