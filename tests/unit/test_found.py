"""What docs/faults.md says was lost under each fault is what the runs' ledgers say."""

from pathlib import Path
from typing import Any

from gameday.history.run import load_run
from tests.fakes import simulate
from tests.write_found import CONTROLS_OWN, note


def found(folder: Path, bug: str | None = None) -> dict[str, Any]:
    """Return what one fake run leaves in the file."""
    known: dict[str, Any] = {}
    note(load_run(simulate(1500, bug=bug).write(folder / "run")), known)
    return known


def test_a_sound_run_lost_nothing_under_any_fault(tmp_path: Path) -> None:
    """Each kind but `nothing` has its row, with confirmed copies and no loss."""
    known = found(tmp_path)

    assert set(known) == {
        "kill_node", "partition_reset", "partition_silent", "disk_alarm", "kill_client",
        CONTROLS_OWN,
    }  # fmt: skip
    own = {kind: versions for kind, versions in known.items() if kind != CONTROLS_OWN}
    rows = [row for versions in own.values() for places in versions.values()
            for row in places.values()]  # fmt: skip
    assert all(row["confirmed"] > 0 for row in rows)
    assert not any(row["lost"] or row["dead_letters_missing"] for row in rows)


def test_a_loss_is_counted_under_its_own_fault(tmp_path: Path) -> None:
    """A broker that loses when its leader goes has lost nothing under an alarm or a dead worker."""
    known = found(tmp_path, "lose_on_kill")
    lost = {
        kind: sum(row["lost"] for places in versions.values() for row in places.values())
        for kind, versions in known.items()
    }

    assert lost["kill_node"] > 0
    assert lost["disk_alarm"] == lost["kill_client"] == 0


def test_who_died_for_the_wrong_reason_is_counted(tmp_path: Path) -> None:
    """A dead letter whose reason is not its own is neither lost nor missing, and is counted."""
    versions = found(tmp_path, "dlq_reason")["kill_node"]
    (row,) = next(iter(versions.values())).values()

    assert row["died_wrongly"] > 0
    assert row["lost"] == row["dead_letters_missing"] == 0


def test_what_strikes_a_control_alone_is_noted_with_its_losses(tmp_path: Path) -> None:
    """Half of what the fake control published under its fault is lost, and nothing of it if not."""
    versions = found(tmp_path / "caught")[CONTROLS_OWN]
    ((place, row),) = next(iter(versions.values())).items()

    assert place.startswith("control-no-confirms, beside sparki, ")
    assert (row["confirmed"], row["lost"]) == (60, 30)
    assert CONTROLS_OWN not in found(tmp_path / "missed", "control_not_caught")


def test_a_newer_run_replaces_an_older_one_of_the_same_play(tmp_path: Path) -> None:
    """Two runs of one scenario are not added up."""
    known = found(tmp_path / "first")
    before = str(known)
    note(load_run(simulate(1500).write(tmp_path / "second")), known)

    assert str(known) == before
