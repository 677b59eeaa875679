"""The cluster's folder: everything that somebody needs who did not start it.

`cluster.json` is written before the first process starts and says who owns the cluster, which
token its processes carry and how to start, mend and restore each part; each process's id goes
into a file of its own. Secrets are apart, readable by the owner alone, and never on a command
line. Files are replaced whole, so a reader never sees half of one.
"""

import dataclasses
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.clusters.ports import NODE_COUNT, Ports
from gameday.clusters.processes import ProcessRef
from gameday.clusters.release import Release
from gameday.clusters.settings import BrokerSettings
from gameday.errors import HarnessError

FILE_NAME = "cluster.json"


class Notes:
    """What every record of a cluster keeps in files of its own, below its folder."""

    folder: Path

    @property
    def logs(self) -> Path:
        """What the processes print and log."""
        return self.folder / "logs"

    @property
    def password(self) -> str:
        """The administrator's password."""
        return read_text(self.folder / "password")

    def remember(self, name: str, process: ProcessRef) -> None:
        """Note which process now plays a part."""
        replace(self._process_file(name), json.dumps(dataclasses.asdict(process)))

    def process(self, name: str) -> ProcessRef | None:
        """Return the process that last played a part, living or dead."""
        path = self._process_file(name)
        return ProcessRef(**json.loads(path.read_text())) if path.exists() else None

    def _process_file(self, name: str) -> Path:
        """Return where a part's process is noted."""
        return self.folder / "processes" / f"{name}.json"

    def read_value(self, name: str) -> Any:
        """Return a value that some process of ours noted, none when there is none."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def note_value(self, name: str, value: object) -> None:
        """Note a value for whoever comes after us."""
        replace(self.folder / f"{name}.json", json.dumps(value))


@dataclass(frozen=True)
class ClusterRecord(Notes):
    """One cluster's unchanging facts, and the paths below its folder."""

    folder: Path
    ports: Ports
    token: str
    release: Release
    settings: BrokerSettings
    toxiproxy: Path
    username: str
    owner: ProcessRef
    kept: bool = False
    node_count: int = NODE_COUNT
    clocks: bool = False
    """Whether its nodes were started so that their clocks can be set."""
    tls: bool = False
    """Whether it speaks nothing but TLS, to clients, between nodes and on its management API."""
    balancer: bool = False
    """Whether a balancer stands before its nodes."""

    @property
    def title(self) -> str:
        """What it is called where leftovers are listed."""
        return f"cluster on the ports from {self.ports.base}"

    @property
    def home(self) -> Path:
        """The processes' home, which holds the Erlang cookie."""
        return self.folder / "home"

    def inside(self, path: Path) -> str:
        """Return a path of this folder as the broker's processes see it."""
        return self.release.inside(self.folder, path)

    def save(self) -> None:
        """Write `cluster.json`."""
        values = dataclasses.asdict(self)
        replace(self.folder / FILE_NAME, json.dumps(values, default=str, indent=2))


def cluster_folder(state_dir: Path, port_base: int) -> Path:
    """Return where the cluster of a block keeps its state."""
    return state_dir / "clusters" / str(port_base)


def create_folder(record: ClusterRecord) -> None:
    """Lay out an empty, private folder with new secrets, in place of an earlier one."""
    shutil.rmtree(record.folder, ignore_errors=True)
    for part in ("", "home", "logs", "processes", "nodes"):
        (record.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(record.folder / "password", secrets.token_urlsafe(24))
    replace(record.home / ".erlang.cookie", secrets.token_hex(24).upper())
    (record.home / ".erlang.cookie").chmod(0o400)


def load_record(folder: Path) -> ClusterRecord:
    """Read a cluster's `cluster.json`."""
    try:
        values = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except OSError as error:
        raise HarnessError(f"no cluster is recorded in {folder}: {error.strerror}.") from error
    release = values["release"]
    settings = values["settings"]
    return ClusterRecord(
        folder=folder,
        ports=Ports(**values["ports"]),
        token=values["token"],
        release=Release(
            release["version"],
            Path(release["scripts"]),
            Path(release["tree"]) if release["tree"] else None,
        ),
        settings=BrokerSettings(
            rabbitmq_conf=tuple(settings["rabbitmq_conf"]),
            advanced=settings["advanced"],
            erlang_arguments=tuple(settings["erlang_arguments"]),
            plugins=tuple(settings["plugins"]),
        ),
        toxiproxy=Path(values["toxiproxy"]),
        username=values["username"],
        owner=ProcessRef(**values["owner"]),
        kept=values["kept"],
        node_count=values["node_count"],
        clocks=values["clocks"],
        tls=values.get("tls", False),
        balancer=values.get("balancer", False),
    )


def replace(path: Path, text: str) -> None:
    """Write a private file so that a reader sees the old text or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def read_text(path: Path) -> str:
    """Return a file's text, or say which file is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}.") from error
