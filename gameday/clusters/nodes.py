"""A local cluster's nodes as processes: started, stopped, killed, suspended, resumed.

The Erlang virtual machine is the process that we start (the scripts `exec` it), so its id is the
node's. Starting a node after a kill needs nothing but its folder. Whether the *cluster* is
healthy is asked of `broker.py`; here a node serves when its broker says that it runs.
"""

import dataclasses
import shutil
import signal
from pathlib import Path

from gameday.clusters import clock, epmd, tls
from gameday.clusters.cluster import Ctl
from gameday.clusters.inetrc import control_inetrc, erlang_name, node_inetrc
from gameday.clusters.ports import NODE_COUNT
from gameday.clusters.processes import (
    ProcessRef,
    clean_environment,
    is_alive,
    is_suspended,
    kill,
    send_signal,
    spawn,
    tail,
)
from gameday.clusters.record import ClusterRecord, replace
from gameday.clusters.release import Release
from gameday.clusters.settings import (
    advanced_config,
    enabled_plugins,
    erlang_arguments,
    rabbitmq_conf,
)
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

NODES = tuple(f"r{number}" for number in range(1, NODE_COUNT + 1))
START_LIMIT_S = 120.0
STOP_LIMIT_S = 30.0
FIRST_FORMS_BELOW = (4, 0)


def write_configuration(record: ClusterRecord) -> None:
    """Write every node's files, before any node starts."""
    replace(record.folder / "control.inetrc", control_inetrc())
    replace(record.folder / "enabled_plugins", enabled_plugins(record.settings))
    if record.clocks:
        clock.prepare(record)
    if record.tls:
        tls.prepare(record)
    for number in range(1, record.node_count + 1):
        text = rabbitmq_conf(
            record.settings,
            record.ports,
            number,
            username=record.username,
            password=record.password,
            first_forms=record.release.major_minor < FIRST_FORMS_BELOW,
            listeners=tls.listener_lines(record, number),
            node_count=record.node_count,
        )
        replace(record.folder / f"r{number}.conf", text)
        advanced = advanced_config(tls.node_settings(record, number))
        replace(record.folder / f"r{number}.advanced.config", advanced)
        replace(record.folder / f"r{number}.inetrc", node_inetrc(number))


def node_environment(record: ClusterRecord, number: int) -> dict[str, str]:
    """Return the whole environment of a node."""
    files = {
        "HOME": record.home,
        "ERL_INETRC": record.folder / f"r{number}.inetrc",
        "ERL_CRASH_DUMP": Path("/dev/null"),
        "RABBITMQ_CONFIG_FILE": record.folder / f"r{number}.conf",
        "RABBITMQ_ADVANCED_CONFIG_FILE": record.folder / f"r{number}.advanced.config",
        "RABBITMQ_ENABLED_PLUGINS_FILE": record.folder / "enabled_plugins",
        "RABBITMQ_MNESIA_BASE": record.folder / "nodes",
        "RABBITMQ_LOG_BASE": record.logs,
        "RABBITMQ_PID_FILE": record.folder / "nodes" / f"r{number}.pid",
    }
    devices = {"ERL_CRASH_DUMP"}
    return {
        **clean_environment(record.token, record.home),
        **record.release.environment(),
        **epmd.environment(record),
        **clock.environment(record, f"r{number}"),
        **{k: str(v) if k in devices else record.inside(v) for k, v in files.items()},
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_NODENAME": f"r{number}@mq{number}",
        "RABBITMQ_DIST_PORT": str(record.ports.unused_distribution(number)),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erlang_arguments(
            tls.node_settings(record, number),
            record.ports,
            number,
        ),
        # The script then becomes the virtual machine instead of watching over it.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def complaint(log: Path) -> str:
    """Return the first errors that a node printed, which say why; else the end of its log."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line.partition("[error]")[2].partition(">")[2].strip() for line in text.splitlines()]
    errors = list(dict.fromkeys(line for line in lines if line.strip(" =")))
    return "; ".join(errors[:8])[:800] or tail(log)


class LocalNodes:
    """The power over a local cluster's nodes."""

    def __init__(self, record: ClusterRecord, control: Ctl) -> None:
        self._record = record
        self._control = control

    def start(self, node: str, *, wait: bool = True) -> None:
        """Start a node that is not running and, unless told otherwise, wait until it serves."""
        if self.is_running(node):
            raise HarnessError(f"{node} is running already")
        number = NODES.index(node) + 1
        record = self._record
        clock.sweep(record, node)
        process = spawn(
            [*record.release.enter(record.folder), record.release.script("rabbitmq-server")],
            node_environment(record, number),
            self._console(node),
        )
        record.remember(node, process)
        if wait:
            self.wait_serving(node)

    def take_release(self, release: Release) -> None:
        """Let each node that starts from now on run another RabbitMQ, on the data that it has."""
        self._record = dataclasses.replace(self._record, release=release)
        self._record.save()
        write_configuration(self._record)

    def wait_serving(self, node: str, within_s: float = START_LIMIT_S) -> None:
        """Wait until the node's broker says that it runs; its early death ends the wait."""
        wait_until(lambda: self._serves(node), within_s, f"{node} serves", poll_ms=100)

    def kill(self, node: str) -> None:
        """Kill the node at once, as `kill -9` does, and return when it is gone."""
        kill(self._living(node))

    def stop(self, node: str) -> None:
        """Stop the node in good order and return when it is gone."""
        process = self._living(node)
        send_signal(process, signal.SIGTERM)
        wait_until(lambda: not is_alive(process), STOP_LIMIT_S, f"{node} stopped", poll_ms=50)

    def pause(self, node: str) -> None:
        """Suspend the node's process."""
        send_signal(self._living(node), signal.SIGSTOP)

    def resume(self, node: str) -> None:
        """Let a suspended node go on; harmless when it was not suspended."""
        send_signal(self._living(node), signal.SIGCONT)

    def is_suspended(self, node: str) -> bool:
        """Whether the node's process is suspended."""
        process = self._record.process(node)
        return process is not None and is_suspended(process)

    def process_id(self, node: str) -> int | None:
        """Return the node's process id, none when it is not running."""
        process = self._record.process(node)
        return process.pid if process is not None and is_alive(process) else None

    def is_running(self, node: str) -> bool:
        """Whether the node's process is there, suspended or not."""
        return self.process_id(node) is not None

    def wipe(self, node: str) -> None:
        """Delete all that a node which is not running has stored."""
        if self.is_running(node):
            raise HarnessError(f"{node} is running: what it has stored cannot be deleted.")
        for path in self._stored(node):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def has_data(self, node: str) -> bool:
        """Whether the node has stored anything."""
        return bool(self._stored(node))

    def set_clock(self, node: str, offset_s: float) -> None:
        """Let the node's time of day be so far ahead of the machine's."""
        clock.set_offset(self._record, node, offset_s)

    def clock_offset_s(self, node: str) -> float:
        """Return how far ahead the node's time of day was told to be."""
        return clock.offset_s(self._record, node)

    def keep_logs(self, folder: Path) -> None:
        """Copy what each process of the cluster logged into a folder."""
        for path in sorted(self._record.logs.glob("*.log")):
            shutil.copyfile(path, folder / f"broker-{path.name}")

    def _stored(self, node: str) -> list[Path]:
        """Return the files and folders that a node keeps over a restart."""
        name = erlang_name(NODES.index(node) + 1)
        return sorted((self._record.folder / "nodes").glob(f"{name}*"))

    def _living(self, node: str) -> ProcessRef:
        """Return the node's process, which must be there."""
        process = self._record.process(node)
        if process is None or not is_alive(process):
            raise HarnessError(f"{node} is not running")
        return process

    def _serves(self, node: str) -> bool | NotYet:
        """Whether the broker runs; a node that has died will not."""
        if not self.is_running(node):
            raise HarnessError(f"{node} ended while starting: {complaint(self._console(node))}")
        try:
            answer = self._control.evaluate(node, "rabbit:is_running()", timeout_s=3)
        except HarnessError as error:
            return NotYet(error)
        return True if answer == "true" else NotYet(f"rabbit:is_running() is {answer}")

    def _console(self, node: str) -> Path:
        """Return the file that takes what the node prints."""
        return self._record.logs / f"{node}.console.log"
