"""The run folder: where everything that a run leaves lies, and how it is begun.

`<base>/<utc>-<system>-<seed>/`, with `latest`, a link to the newest, made when the run begins.
What lies in it is told in `docs/design.md`. This module makes folders and writes manifests; it
does not judge.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gameday.contracts.model import Contract
from gameday.contracts.topology import expectations
from gameday.contracts.variables import Value
from gameday.errors import PrepareError

LIBRARIES = ("locust", "pika", "aio-pika", "toxiproxy-python", "numpy", "pandas", "gevent")


def reports_dir(given: Path | None = None) -> Path:
    """Return where run folders go: as given, else GAMEDAY_REPORT_DIR, else `reports/runs`."""
    named = os.environ.get("GAMEDAY_REPORT_DIR")
    return Path(given or named or Path("reports") / "runs").resolve()


def create_run_folder(base: Path, system: str, seed: int) -> Path:
    """Make a new run folder and point `latest` at it."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{system}-{seed}"
    try:
        base.mkdir(parents=True, exist_ok=True)
        folder = _make_unique(base, stem)
        for name in ("history", "metrics", "logs"):
            (folder / name).mkdir()
        _point_latest(base, folder)
    except OSError as error:
        raise PrepareError(
            f"{base}: the run folder cannot be made ({error.strerror}); name another place "
            "with --out or GAMEDAY_REPORT_DIR"
        ) from error
    return folder


def _make_unique(base: Path, stem: str) -> Path:
    for number in range(1, 100):
        folder = base / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise PrepareError(f"{base}: a hundred runs began in the same second")


def _point_latest(base: Path, folder: Path) -> None:
    draft = base / f".latest-{os.getpid()}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(folder.name)
    draft.replace(base / "latest")


def build_manifest(
    folder: Path,
    contract: Contract,
    *,
    seed: int,
    suite: str,
    cluster: Mapping[str, Any],
    claimed: tuple[str, ...],
    dropped_claims: tuple[Mapping[str, str], ...] = (),
    alternative: str | None = None,
    variables: tuple[Value, ...] = (),
    broker_settings: str = "stock",
    settings_used: tuple[Any, ...] = (),
    command: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a run that begins now."""
    contract_json = contract.model_dump(mode="json", by_alias=True)
    manifest: dict[str, Any] = {
        "run": folder.name,
        "system": contract.system,
        "suite": suite,
        "seed": seed,
        "contract": contract_json,
        "alternative": alternative,
        "variables": [asdict(value) for value in variables],
        "broker_settings": broker_settings,
        "settings_used": list(settings_used),
        "cluster": dict(cluster),
        "claimed": list(claimed),
        "dropped_claims": [dict(each) for each in dropped_claims],
        "expectations": dict(expectations(contract.topology, str(cluster["version"]))),
        "host": host(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "git": git_commit(),
        "command": shlex.join(command or ("gameday", *sys.argv[1:])),
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "monotonic_zero_ns": time.monotonic_ns(),
    }
    chosen = (contract_json, broker_settings, alternative, dict(cluster), seed, suite)
    text = json.dumps(chosen, sort_keys=True, default=str)
    manifest["configuration_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write `manifest.json`, whole or not at all."""
    draft = folder / "manifest.draft"
    draft.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(folder / "manifest.json")


def host() -> dict[str, Any]:
    """Return what machine this is, without its name."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "kernel": platform.release(),
        "machine": platform.machine(),
    }


def git_commit() -> str | None:
    """Return the commit that this harness runs from, none outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
