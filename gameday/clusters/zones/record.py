"""The folder of a set of zones: what `gameday heal` needs of those that somebody else made.

Written before the first process starts. The namespaces themselves need no record: they live as
long as the processes in them, whose environment carries the token.
"""

import dataclasses
import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from gameday.clusters.processes import ProcessRef, reference
from gameday.clusters.record import replace
from gameday.errors import UsageError

FILE_NAME = "zones.json"


@dataclass(frozen=True)
class ZonesRecord:
    """One set of zones' unchanging facts, and the paths below its folder."""

    folder: Path
    token: str
    owner: ProcessRef
    kept: bool = False

    @property
    def title(self) -> str:
        """What it is called where leftovers are listed."""
        return f"network zones {self.folder.name}"

    @property
    def logs(self) -> Path:
        """What the processes print and log."""
        return self.folder / "logs"

    def namespace(self, zone: str) -> Path:
        """Return the file that stands for a zone's namespace, inside the zones' own mounts."""
        return self.folder / "ns" / zone


def create(state_dir: Path) -> ZonesRecord:
    """Lay out a private folder with new secrets, and say in it whose it is."""
    owner = reference(os.getpid())
    assert owner is not None
    token = secrets.token_hex(16)
    if re.search(r"[\s'\"]", str(state_dir.resolve())):
        raise UsageError(
            f"the state folder {state_dir.resolve()} has a blank or a quote in its name: set "
            "GAMEDAY_STATE_DIR."
        )
    folder = state_dir.resolve() / "zones" / token[:8]
    for part in ("", "ns", "logs", "home", "nodes"):
        (folder / part).mkdir(mode=0o700, parents=True)
    record = ZonesRecord(folder, token, owner)
    values = dataclasses.asdict(record)
    replace(folder / FILE_NAME, json.dumps(values, default=str))
    return record


def recorded(state_dir: Path) -> list[ZonesRecord]:
    """Return every set of zones in the state folder, open or not."""
    return [_load(path) for path in sorted((state_dir / "zones").glob(f"*/{FILE_NAME}"))]


def forget(record: ZonesRecord) -> None:
    """Remove the folder."""
    shutil.rmtree(record.folder, ignore_errors=True)


def _load(path: Path) -> ZonesRecord:
    values = json.loads(path.read_text(encoding="utf-8"))
    return ZonesRecord(
        path.parent, values["token"], ProcessRef(**values["owner"]), kept=values["kept"]
    )
