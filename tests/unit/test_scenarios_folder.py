"""The run folder: made whole, found by `latest`, and refused in one sentence."""

import json
from pathlib import Path

import pytest

from gameday.contracts.load import load_contract
from gameday.errors import PrepareError
from gameday.history.folder import (
    build_manifest,
    create_run_folder,
    reports_dir,
    write_manifest,
)

CLUSTER = {"kind": "local", "version": "3.10.8", "nodes": ["r1"], "powers": []}


def test_a_run_has_its_folders(tmp_path: Path) -> None:
    """A new run folder has a place for ledgers, samples and logs, and its name says whose it is."""
    folder = create_run_folder(tmp_path / "runs", "sparki", 7)

    assert {each.name for each in folder.iterdir()} == {"history", "metrics", "logs"}
    assert folder.name.endswith("-sparki-7")


def test_latest_is_the_newest(tmp_path: Path) -> None:
    """`latest` leads to the run that began last, also when two begin in the same second."""
    first = create_run_folder(tmp_path, "sparki", 1)
    second = create_run_folder(tmp_path, "sparki", 1)

    assert first != second
    assert (tmp_path / "latest").resolve() == second


def test_latest_is_relative(tmp_path: Path) -> None:
    """`latest` still leads there when the whole base folder is moved."""
    base = tmp_path / "runs"
    folder = create_run_folder(base, "sparki", 1)

    moved = base.rename(tmp_path / "elsewhere")

    assert (moved / "latest").resolve() == moved / folder.name


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A base that cannot hold folders is one sentence: where, why, and what to do instead."""
    (tmp_path / "file").write_text("")

    with pytest.raises(PrepareError) as caught:
        create_run_folder(tmp_path / "file" / "runs", "sparki", 1)

    assert str(tmp_path / "file") in str(caught.value)
    assert "--out" in str(caught.value)


def test_where_reports_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--out` wins over GAMEDAY_REPORT_DIR, which wins over reports/runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAMEDAY_REPORT_DIR", raising=False)
    assert reports_dir() == tmp_path / "reports" / "runs"

    monkeypatch.setenv("GAMEDAY_REPORT_DIR", str(tmp_path / "named"))
    assert reports_dir() == tmp_path / "named"
    assert reports_dir(tmp_path / "given") == tmp_path / "given"


def manifest_of(folder: Path, seed: int = 1) -> dict[str, object]:
    """Return the manifest of a run of sparki."""
    return build_manifest(
        folder, load_contract("sparki"), seed=seed, suite="smoke", cluster=CLUSTER,
        claimed=("sparki-01",),
    )  # fmt: skip


def test_a_manifest_is_whole_json(tmp_path: Path) -> None:
    """What is written is read back the same; no draft is left."""
    manifest = manifest_of(tmp_path)
    write_manifest(tmp_path, manifest)

    assert json.loads((tmp_path / "manifest.json").read_text()) == json.loads(json.dumps(manifest))
    assert [each.name for each in tmp_path.iterdir()] == ["manifest.json"]


def test_the_configuration_has_a_hash(tmp_path: Path) -> None:
    """Two runs of one configuration share its hash; another seed is another configuration."""
    one, same, other = (manifest_of(tmp_path, seed) for seed in (1, 1, 2))

    assert one["configuration_sha256"] == same["configuration_sha256"]
    assert one["configuration_sha256"] != other["configuration_sha256"]


def test_a_manifest_names_no_machine(tmp_path: Path) -> None:
    """The manifest says what the machine can do, not what it is called."""
    manifest = manifest_of(tmp_path)

    assert set(manifest["host"]) == {"cores", "memory_bytes", "kernel", "machine"}  # type: ignore[call-overload]
