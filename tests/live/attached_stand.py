"""A cluster that somebody else runs, for tests: its owner's file, and a real sshd on loopback.

The sshd is the tests' own: its host key, the client's key and everything else lie in a temporary
folder, it listens on 127.0.0.1 alone, on a free high port, and lets in nobody but the tests' user
with that key. What it runs is the owner's tool (`owner.py`).
"""

import getpass
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from chaos.plan import Entry, Episode
from chaos.watchdog import watchdog_of
from gameday.clusters.local import LocalCluster
from gameday.clusters.processes import is_alive
from gameday.clusters.wait import NotYet, wait_until

ROOT = Path(__file__).parents[2]
TOOL = Path(__file__).parent / "owner.py"
RUNNER = Path(__file__).parent / "attached_runner.py"
USER, PASSWORD = "GAMEDAY_TEST_ATTACHED_USER", "GAMEDAY_TEST_ATTACHED_PASSWORD"

SIGNALS = {
    "kill": ("KILL", None),
    "pause": ("STOP", "CONT"),
}
"""What is done by a signal, as an owner would: quicker than any tool, so that a pause is short."""

TEMPLATES = {
    "kill": ("", "start {node}"),
    "stop": ("stop {node}", "start {node}"),
    "pause": ("", ""),
    "stop_app": ("ctl {node} stop_app", "ctl {node} start_app"),
    "isolate_reset": ("reset {node} {peers}", "mend {node} {peers}"),
    "isolate_silent": ("silent {node} {peers}", "mend {node} {peers}"),
    "cut_link_silent": ("silent {node} {peer}", "mend {node} {peer}"),
    "disk_alarm": (
        "ctl {node} set_disk_free_limit {beyond_free_bytes}",
        "ctl {node} set_disk_free_limit {disk_free_limit_bytes}",
    ),
    "memory_alarm": (
        "ctl {node} set_vm_memory_high_watermark 0",
        "ctl {node} set_vm_memory_high_watermark absolute {memory_limit_bytes}",
    ),
}
"""What the owner's tool is told for each fault, and to undo it."""


@dataclass(frozen=True)
class Sshd:
    """A running sshd: the words that begin a command over it."""

    folder: Path
    port: int

    @property
    def words(self) -> str:
        """`ssh` to this machine, with these tests' key and nobody's configuration."""
        return (
            f"ssh -F none -p {self.port} -i {self.folder}/key -o BatchMode=yes "
            f"-o UserKnownHostsFile={self.folder}/known_hosts -o ConnectTimeout=5 "
            f"-o StrictHostKeyChecking=yes {getpass.getuser()}@127.0.0.1"
        )


def programs() -> tuple[str, str, str]:
    """Return sshd, ssh and ssh-keygen, or skip with the way to get them."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    found = [shutil.which(name, path=path) for name in ("sshd", "ssh", "ssh-keygen")]
    if None in found:
        pytest.skip("sshd: not installed — run with: scripts/setup_sshd.sh")
    sshd, ssh, keygen = map(str, found)
    return sshd, ssh, keygen


@contextmanager
def running_sshd(folder: Path) -> Iterator[Sshd]:
    """Run an sshd on loopback for the time of a block."""
    sshd, _, keygen = programs()
    folder.chmod(0o700)
    for name in ("key", "host_key"):
        words = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(words, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    if os.geteuid() == 0:  # Debian's sshd wants it; its own service would make it.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/key.pub\nAllowUsers {getpass.getuser()}\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n"
        "MaxStartups 60\nMaxSessions 60\n"
    )
    with (folder / "sshd.log").open("wb") as log:
        words = [sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(port) or NotYet(process.poll()), 10, "sshd listens")
        yield Sshd(folder, port)
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def write_file(
    path: Path, cluster: LocalCluster, ssh: str, *, without: tuple[str, ...] = ()
) -> Path:
    """Write the owner's file about a cluster, whose commands begin with `ssh`; return its path.

    Python is told where the product is by the command itself: sshd hands no environment on.
    """
    record = cluster.record
    state, base = record.folder.parents[1], record.ports.base
    tool = f"env PYTHONPATH={ROOT} {sys.executable} {TOOL} {state} {base}"
    name = str(cluster.management("r1").get("/api/overview")["cluster_name"])
    lines = [
        f"cluster: {name}",
        f"i_own: {name}",
        "credentials:",
        f"  username_variable: {USER}",
        f"  password_variable: {PASSWORD}",
        "nodes:",
    ]
    for node in cluster.nodes:
        about = cluster.addresses(node)
        lines += [
            f"  - name: {node}",
            f"    erlang_name: {about.erlang_name}",
            f"    amqp: amqp://{about.direct}",
            f"    management: http://{about.management}",
        ]
    lines.append("faults:")
    for fault, given in TEMPLATES.items():
        signals = SIGNALS.get(fault, (None, None))
        told = [
            f"kill -{name} $(cat {record.folder}/nodes/{{node}}.pid)" if name else f"{tool} {words}"
            for name, words in zip(signals, given, strict=True)
        ]
        lines += [f"  {fault}:"] if fault not in without else []
        for way, words in zip(("apply", "revert"), told, strict=True):
            lines += [f'    {way}: "{ssh} {words}"'] if fault not in without else []
    path.write_text("\n".join(lines) + "\n")
    return path


def credentials(cluster: LocalCluster) -> dict[str, str]:
    """Return the environment that holds the cluster's credentials."""
    return {USER: cluster.username, PASSWORD: cluster.password}


@contextmanager
def killed_inside(folder: Path, state_dir: Path, file: Path, fault: Entry) -> Iterator[None]:
    """Run a fault for half a minute in a process of its own, which leaving the block kills -9.

    Inside the block it is in force; after it the run's watchdog has ended, too.
    """
    folder.mkdir()
    episode = Episode(id="e1", name="test", at_s=0, for_s=30, faults=(fault,))
    words = [sys.executable, str(RUNNER), str(folder), str(state_dir), str(file)]
    with (folder / "errors").open("wb") as errors:
        runner = subprocess.Popen(
            [*words, episode.model_dump_json()], stdin=subprocess.PIPE, stderr=errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        wait_until((folder / "inside").exists, 40, f"{fault.kind} is in force", poll_ms=20)
        watchdog = watchdog_of(folder)
        assert watchdog is not None
        yield
    finally:
        runner.kill()
        runner.communicate()
    wait_until(lambda: not is_alive(watchdog), 60, "the watchdog has done its work")
