"""A Redis server's folder: what somebody needs who did not start it, `gameday heal` above all.

The same rules as a cluster's: written before the first process starts, it says who owns the
server and which token its processes carry; the password lies beside it, for the owner alone.
"""

import dataclasses
import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from gameday.clusters.processes import ProcessRef
from gameday.clusters.record import read_text, replace
from gameday.errors import HarnessError

FILE_NAME = "redis.json"


@dataclass(frozen=True)
class RedisSettings:
    """How a Redis server is set: a name, and the lines of its configuration beyond where it is."""

    name: str
    lines: tuple[str, ...] = ()


DEFAULT = RedisSettings("default")
"""As Redis comes: snapshots at its own save points, no append-only file, no memory limit."""

HARDENED = RedisSettings(
    "hardened",
    ("appendonly yes", "appendfsync always", "maxmemory-policy noeviction"),
)
"""Every write is on the disk before it is answered, and nothing is ever evicted."""


@dataclass(frozen=True)
class RedisRecord:
    """One server's unchanging facts, and the paths below its folder."""

    folder: Path
    base: int
    token: str
    owner: ProcessRef
    settings: RedisSettings
    binary: Path
    toxiproxy: Path
    kept: bool = False

    @property
    def title(self) -> str:
        """What it is called where leftovers are listed."""
        return f"Redis on the ports from {self.base}"

    @property
    def data(self) -> Path:
        """Where the server keeps its snapshot and its append-only file."""
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        """What the processes print."""
        return self.folder / "logs"

    @property
    def password(self) -> str:
        """The password that clients must give."""
        return read_text(self.folder / "password")

    def save(self) -> None:
        """Write `redis.json`."""
        replace(self.folder / FILE_NAME, json.dumps(dataclasses.asdict(self), default=str))

    def remember(self, name: str, process: ProcessRef) -> None:
        """Note which process now plays a part."""
        replace(self.folder / f"{name}.process.json", json.dumps(dataclasses.asdict(process)))

    def process(self, name: str) -> ProcessRef | None:
        """Return the process that last played a part, living or dead."""
        path = self.folder / f"{name}.process.json"
        return ProcessRef(**json.loads(path.read_text())) if path.exists() else None


def server_folder(state_dir: Path, base: int) -> Path:
    """Return where the Redis server of a block keeps its state."""
    return state_dir / "redis" / str(base)


def create_folder(record: RedisRecord) -> None:
    """Lay out an empty, private folder with a new password, in place of an earlier one."""
    shutil.rmtree(record.folder, ignore_errors=True)
    for part in ("", "data", "logs"):
        (record.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(record.folder / "password", secrets.token_urlsafe(24))


def load_record(folder: Path) -> RedisRecord:
    """Read a server's `redis.json`."""
    try:
        values = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except OSError as error:
        raise HarnessError(f"no Redis is recorded in {folder}: {error.strerror}.") from error
    settings = values["settings"]
    return RedisRecord(
        folder=folder,
        base=values["base"],
        token=values["token"],
        owner=ProcessRef(**values["owner"]),
        settings=RedisSettings(settings["name"], tuple(settings["lines"])),
        binary=Path(values["binary"]),
        toxiproxy=Path(values["toxiproxy"]),
        kept=values["kept"],
    )


def recorded(state_dir: Path) -> list[RedisRecord]:
    """Return every Redis server in the state folder, running or not."""
    folders = sorted((state_dir / "redis").glob(f"*/{FILE_NAME}"))
    return [load_record(path.parent) for path in folders]
