"""A real broker in the broker's zone, with RabbitMQ's own ports.

In a network namespace of its own nothing is in the way, so it listens where a broker does: 5672,
15672, 15692, 25672 and 4369. A door that the contract binds to one address is bound so by the
node's own configuration.
"""

import secrets
from pathlib import Path

from gameday.clusters.nodes import complaint
from gameday.clusters.processes import (
    ProcessRef,
    clean_environment,
    is_alive,
    kill,
    reference,
    spawn,
)
from gameday.clusters.record import replace
from gameday.clusters.release import Release
from gameday.clusters.settings import QUIET_SCHEDULERS
from gameday.clusters.wait import NotYet, wait_until
from gameday.clusters.zones.probe import Target
from gameday.clusters.zones.zones import Zones
from gameday.contracts.isolation import BROKER, PORTS, DoorName, Isolation
from gameday.errors import HarnessError

PLUGINS = "[rabbitmq_management,rabbitmq_prometheus].\n"
NAME = "rabbit@broker"
SERVES_WITHIN_S = 90.0
KEYS: dict[DoorName, str] = {"management": "management.tcp", "metrics": "prometheus.tcp"}


class BrokerNode:
    """The node of a set of zones."""

    def __init__(self, zones: Zones, isolation: Isolation, release: Release) -> None:
        self._zones = zones
        self._isolation = isolation
        self._release = release
        self._folder = zones.record.folder
        self._process: ProcessRef | None = None

    def start(self) -> None:
        """Start the node, and return when every door answers in its own zone."""
        folder, release = self._folder, self._release
        replace(folder / "rabbitmq.conf", self._configuration())
        replace(folder / "enabled_plugins", PLUGINS)
        replace(folder / "inetrc", '{host,{127,0,0,1},["broker"]}.\n{lookup,[file]}.\n')
        replace(folder / "home" / ".erlang.cookie", secrets.token_hex(24).upper())
        (folder / "home" / ".erlang.cookie").chmod(0o400)
        enter = [*self._zones.enter(BROKER), *release.enter(folder)]
        variables = self._environment()
        spawn([*enter, "epmd"], variables, folder / "logs" / "epmd.log")
        console = folder / "logs" / "console.log"
        process = spawn([*enter, release.script("rabbitmq-server")], variables, console)
        self._process = process

        def serves() -> bool | NotYet:
            if not is_alive(process):
                raise HarnessError(f"the broker ended while starting: {complaint(console)}")
            outcomes = self._zones.probe(BROKER, self._own_targets())
            tried = zip(self._own_targets(), outcomes, strict=True)
            shut = [f"{port}: {said}" for (_, port, _), (how, said) in tried if how != "open"]
            return NotYet(", ".join(shut)) if shut else True

        wait_until(serves, SERVES_WITHIN_S, "every door of the broker answers", poll_ms=300)

    def kill(self) -> None:
        """Kill the node at once, as `kill -9` does; its port mapper stays."""
        assert self._process is not None
        # The process that we started only waits in our namespace for the one in the zone.
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for pid in children.read_text(encoding="ascii").split():
            found = reference(int(pid))
            if found is not None:
                kill(found)

    def _own_targets(self) -> list[Target]:
        """Return each door at an address where it must answer in the broker's own zone."""
        return [(self._bound(name) or "127.0.0.1", port, name) for name, port in PORTS.items()]

    def _bound(self, name: DoorName) -> str | None:
        """Return the one address that a door is bound to, none when it listens at every one."""
        place = self._isolation.door(name).listens_at
        return None if place == "every" else self._zones.plan.broker(place).address

    def _configuration(self) -> str:
        address = self._bound("amqp")
        lines = [
            f"listeners.tcp.1 = {address}:5672" if address else "listeners.tcp.default = 5672",
            "default_user = gameday",
            f"default_pass = {secrets.token_urlsafe(24)}",
            "cluster_name = gameday-zones",
        ]
        for name, key in KEYS.items():
            lines.append(f"{key}.port = {PORTS[name]}")
            bound = self._bound(name)
            lines += [f"{key}.ip = {bound}"] if bound else []
        return "\n".join([*lines, ""])

    def _environment(self) -> dict[str, str]:
        """Return the whole environment of the node and of its port mapper."""
        folder, release = self._folder, self._release

        def inside(path: Path) -> str:
            return release.inside(folder, path)

        arguments = ["-start_epmd", "false", *QUIET_SCHEDULERS]
        bound = self._bound("distribution")
        if bound:
            interface = "{" + bound.replace(".", ",") + "}"
            arguments += ["-kernel", "inet_dist_use_interface", interface]
        mapper = self._bound("epmd")
        return {
            **clean_environment(self._zones.record.token, folder / "home"),
            **release.environment(),
            **({"ERL_EPMD_ADDRESS": mapper} if mapper else {}),
            "HOME": inside(folder / "home"),
            "ERL_INETRC": inside(folder / "inetrc"),
            "ERL_CRASH_DUMP": "/dev/null",
            "ERL_EPMD_PORT": str(PORTS["epmd"]),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": inside(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": inside(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": inside(folder / "nodes"),
            "RABBITMQ_LOG_BASE": inside(folder / "logs"),
            "RABBITMQ_PID_FILE": inside(folder / "nodes" / "rabbit.pid"),
            "RABBITMQ_NODENAME": NAME,
            "RABBITMQ_DIST_PORT": str(PORTS["distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(arguments),
            "RUNNING_UNDER_SYSTEMD": "true",
        }
