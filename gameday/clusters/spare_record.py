"""The folder of the doors before somebody's cluster: what ends them when their run is dead.

Written before the first process starts: who owns them, which token their process carries, and
where each leads. There is no secret in it, for a door knows nothing of who comes by it.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gameday.clusters.cluster import Address
from gameday.clusters.ports import Ports
from gameday.clusters.processes import ProcessRef
from gameday.clusters.record import Notes, replace
from gameday.errors import HarnessError

FILE_NAME = "doors.json"


@dataclass(frozen=True)
class SpareRecord(Notes):
    """One set of doors' unchanging facts, and the paths below its folder."""

    folder: Path
    ports: Ports
    token: str
    owner: ProcessRef
    toxiproxy: Path
    upstreams: Mapping[str, Address]
    """By node, where its door leads."""
    kept: bool = False

    @property
    def title(self) -> str:
        """What it is called where leftovers are listed."""
        return f"spare doors on the ports from {self.ports.base}"

    @property
    def home(self) -> Path:
        """The process's home."""
        return self.folder

    def save(self) -> None:
        """Write `doors.json`."""
        replace(self.folder / FILE_NAME, json.dumps(asdict(self), default=str, indent=2))


def doors_folder(state_dir: Path, base: int) -> Path:
    """Return where the doors of a block keep their state."""
    return state_dir / "doors" / str(base)


def create_folder(record: SpareRecord) -> None:
    """Lay out an empty, private folder, in place of an earlier one, and say in it whose it is."""
    shutil.rmtree(record.folder, ignore_errors=True)
    for part in ("", "logs", "processes"):
        (record.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    record.save()


def load_record(folder: Path) -> SpareRecord:
    """Read what is recorded of some doors."""
    try:
        values = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except OSError as error:
        raise HarnessError(f"no doors are recorded in {folder}: {error.strerror}.") from error
    return SpareRecord(
        folder=folder,
        ports=Ports(**values["ports"]),
        token=values["token"],
        owner=ProcessRef(**values["owner"]),
        toxiproxy=Path(values["toxiproxy"]),
        upstreams={node: Address(**each) for node, each in values["upstreams"].items()},
        kept=values["kept"],
    )


def recorded(state_dir: Path) -> list[SpareRecord]:
    """Return all doors in the state folder, standing or not."""
    folders = sorted((state_dir / "doors").glob(f"*/{FILE_NAME}"))
    return [load_record(path.parent) for path in folders]
