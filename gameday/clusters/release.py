"""Finding a RabbitMQ to run: the installed one, a plain folder, or a tree of another Debian.

A *tree* is a whole root file system, as `make brokers` fetches it. Its programs run by `chroot`
in a mount namespace of their own, so that every mount ends with the last process and nothing has
to be unmounted; the cluster's folder appears in it as `/mnt`. Nothing here starts a process.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import UsageError

INSTALLED = ("usr/lib/rabbitmq/lib", "opt/rabbitmq", "usr/local/lib/rabbitmq/lib")
"""Where packages put `rabbitmq_server-<version>` folders, below the root."""
INSIDE = Path("/mnt")
"""Where a tree's programs find the cluster's folder."""
TREE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ENTER = (
    'set -e; root="$1"; state="$2"; shift 2; '
    'mount --rbind /proc "$root/proc"; mount --rbind /dev "$root/dev"; '
    'mount --bind "$state" "$root/mnt"; exec chroot "$root" "$@"'
)


@dataclass(frozen=True)
class Release:
    """One RabbitMQ that can be run: its version, its scripts, and the tree that it lives in."""

    version: str
    scripts: Path
    tree: Path | None = None

    @property
    def major_minor(self) -> tuple[int, int]:
        """The version as two numbers, for what differs between versions."""
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)

    def script(self, name: str) -> str:
        """Return the path of one of RabbitMQ's scripts, as the started process sees it."""
        return str(self.scripts / name)

    def inside(self, state: Path, path: Path) -> str:
        """Return a path of the cluster's folder as the started process sees it."""
        return str(path if self.tree is None else INSIDE / path.relative_to(state))

    def enter(self, state: Path) -> list[str]:
        """Return the words to put before a command so that it runs in the release's world."""
        if self.tree is None:
            return []
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        shell = ["sh", "-c", _ENTER, "gameday-enter", str(self.tree), str(state)]
        return ["unshare", *user, "--mount", *shell]

    def has_plugin(self, name: str) -> bool:
        """Whether the release brings a plugin along, enabled or not."""
        folder = self.scripts.parent / "plugins"
        if self.tree is not None:
            folder = self.tree / folder.relative_to("/")
        return any(folder.glob(f"{name}-[0-9]*"))

    def environment(self) -> dict[str, str]:
        """Return what the release adds to a started process's environment."""
        return {} if self.tree is None else {"PATH": TREE_PATH}


def find_release(wanted: str | None) -> Release:
    """Return the installed broker, or the one that a version or a path names."""
    if wanted is None:
        return _installed()
    if "/" in wanted:
        return _at(Path(wanted).expanduser().resolve())
    for release in _known():
        if f"{release.version}.".startswith(f"{wanted}."):
            return release
    raise UsageError(
        f"broker {wanted}: not fetched — run with: make brokers, or name a folder with "
        "--broker PATH.",
    )


def known_releases() -> tuple[Release, ...]:
    """Return every broker of this machine, one a version, the oldest first."""
    found: dict[str, Release] = {}
    for release in _known():
        found.setdefault(release.version, release)
    return tuple(sorted(found.values(), key=lambda release: _numbers(release.version)))


def brokers_folder() -> Path:
    """Return where `make brokers` puts its trees."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "gameday" / "brokers"


def _installed() -> Release:
    """Return the newest broker that a package installed, or the one on the PATH."""
    found = sorted(_below(Path("/"), None), key=lambda release: _numbers(release.version))
    if found:
        return found[-1]
    on_path = shutil.which("rabbitmq-server")
    if on_path is not None:
        folder = Path(on_path).resolve().parent.parent
        with_plugins = _plain(folder)
        if with_plugins is not None:
            return with_plugins
    raise UsageError(
        "no RabbitMQ on this machine: run `make setup`, or name one with --broker PATH.",
    )


def _known() -> Iterator[Release]:
    """Every broker that this machine has: installed, named by the environment, fetched."""
    yield from _below(Path("/"), None)
    for name, value in sorted(os.environ.items()):
        if name.startswith("GAMEDAY_BROKER_") and value:
            yield _at(Path(value).resolve())
    if brokers_folder().is_dir():
        # A hidden folder is one that is still being fetched.
        for folder in sorted(brokers_folder().glob("[!.]*")):
            yield from _below(folder, folder)


def _at(path: Path) -> Release:
    """Return the broker in a folder that somebody named."""
    if not path.is_dir():
        raise UsageError(f"broker {path}: there is no such folder.")
    plain = _plain(path)
    if plain is not None:
        return plain
    found = list(_below(path, path))
    if not found:
        raise UsageError(
            f"broker {path}: neither a RabbitMQ folder (no sbin/rabbitmq-server) nor a Debian "
            "tree with RabbitMQ in it.",
        )
    return found[-1]


def _plain(folder: Path) -> Release | None:
    """Return the broker of a generic-unix folder, none when it is no such folder."""
    if not (folder / "sbin" / "rabbitmq-server").exists():
        return None
    for plugin in (folder / "plugins").glob("rabbit-*"):
        version = re.match(r"rabbit-(\d+\.\d+\.\d+)", plugin.name)
        if version:
            return Release(version[1], folder / "sbin")
    return None


def _below(root: Path, tree: Path | None) -> Iterator[Release]:
    """Every packaged broker below a root file system."""
    for place in INSTALLED:
        for folder in sorted((root / place).glob("rabbitmq_server-*")):
            if (folder / "sbin" / "rabbitmq-server").exists():
                scripts = Path("/") / folder.relative_to(root) / "sbin"
                yield Release(folder.name.partition("-")[2], scripts, tree)


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers, for sorting."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
