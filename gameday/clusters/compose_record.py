"""What is known of a cluster in containers beyond the process that started it.

As with a local cluster (`record.py`): `compose.json` is written before the first container is
made, and says whose it is, how its project is called and from which images it came, so that the
watchdog and `gameday heal` can mend, start and remove each part.
"""

import dataclasses
import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gameday.clusters.compose_files import node_files
from gameday.clusters.ports import NODE_COUNT, Ports
from gameday.clusters.processes import ProcessRef
from gameday.clusters.record import Notes, replace
from gameday.clusters.settings import BrokerSettings
from gameday.errors import HarnessError

FILE_NAME = "compose.json"


@dataclass(frozen=True)
class ComposeRecord(Notes):
    """One project's unchanging facts; `images` are by the variables of `docker-compose.yml`."""

    folder: Path
    ports: Ports
    token: str
    version: str
    images: Mapping[str, str]
    settings: BrokerSettings
    username: str
    owner: ProcessRef
    node_count: int = NODE_COUNT
    kept: bool = False

    @property
    def project(self) -> str:
        """The name of the project, no other run's."""
        return f"gameday-{self.ports.base}-{self.token[:8]}"

    @property
    def title(self) -> str:
        """What it is called where leftovers are listed."""
        return f"containers of {self.project}"

    @property
    def files(self) -> Path:
        """The folder that the nodes mount."""
        return self.folder / "nodes"

    @property
    def variables(self) -> dict[str, str]:
        """What `docker-compose.yml` is told."""
        return {
            **self.images,
            "GAMEDAY_BLOCK": str(self.ports.base // 100),
            "GAMEDAY_NODES": str(self.files),
            "GAMEDAY_RUN": self.token,
            # Whoever starts the cluster looks himself; each look costs a process.
            "GAMEDAY_HEALTH_EVERY": "60s",
        }

    def save(self) -> None:
        """Write `compose.json`."""
        values = dataclasses.asdict(self)
        replace(self.folder / FILE_NAME, json.dumps(values, default=str, indent=2))


def composed_folder(state_dir: Path, port_base: int) -> Path:
    """Return where the containers of a block keep what they mount."""
    return state_dir / "composed" / str(port_base)


def lay_out(record: ComposeRecord) -> None:
    """Write a private folder with new secrets and every node's files."""
    shutil.rmtree(record.folder, ignore_errors=True)
    for part in ("", "logs", "nodes"):
        (record.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    password = secrets.token_urlsafe(24)
    replace(record.folder / "password", password)
    files = node_files(
        record.settings,
        name=record.project,
        username=record.username,
        password=password,
        cookie=secrets.token_hex(24).upper(),
    )
    for name, text in files.items():
        replace(record.files / name, text)


def load_composed(folder: Path) -> ComposeRecord:
    """Read a folder's `compose.json`."""
    try:
        values = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except OSError as error:
        raise HarnessError(f"no containers are recorded in {folder}: {error.strerror}.") from error
    settings = values["settings"]
    return ComposeRecord(
        **{
            **values,
            "folder": folder,
            "ports": Ports(**values["ports"]),
            "settings": BrokerSettings(
                rabbitmq_conf=tuple(settings["rabbitmq_conf"]),
                advanced=settings["advanced"],
                erlang_arguments=tuple(settings["erlang_arguments"]),
                plugins=tuple(settings["plugins"]),
            ),
            "owner": ProcessRef(**values["owner"]),
        }
    )


def recorded(state_dir: Path) -> list[ComposeRecord]:
    """Return every project of the state folder, running or not."""
    folders = sorted((state_dir / "composed").glob(f"*/{FILE_NAME}"))
    return [load_composed(path.parent) for path in folders]
