"""Nodes in containers: started, stopped, killed, paused, wiped, taken off their network.

The engine does what a machine's owner would: `docker kill`, `stop`, `pause`, `network disconnect`.
A node's container has its machine's network, which outlives it, so that it comes back where it
was; what it has stored is in a volume of its own.
"""

from docker.models.containers import Container

from gameday.clusters.cluster import Ctl
from gameday.clusters.compose_engine import Engine, asking
from gameday.clusters.compose_files import host
from gameday.clusters.compose_record import ComposeRecord
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

START_LIMIT_S = 120.0
STOP_LIMIT_S = 30
GONE_WITHIN_S = 15.0
KILLED = 137


class ComposeNodes:
    """The power over nodes as containers."""

    def __init__(self, record: ComposeRecord, engine: Engine, control: Ctl) -> None:
        self._record = record
        self._engine = engine
        self._control = control

    def start(self, node: str, *, wait: bool = True) -> None:
        """Start a node that is not running and, unless told otherwise, wait until it serves."""
        if self.is_running(node):
            raise HarnessError(f"{node} is running already")
        with asking(f"starting {node}"):
            self._container(node).start()
        if wait:
            self.wait_serving(node)

    def wait_serving(self, node: str, within_s: float = START_LIMIT_S) -> None:
        """Wait until the node's broker says that it runs; its early death ends the wait."""
        wait_until(lambda: self._serves(node), within_s, f"{node} serves", poll_ms=100)

    def kill(self, node: str) -> None:
        """Kill the node at once, paused or not, and return when it is gone."""
        container = self._living(node)
        with asking(f"killing {node}"):
            container.kill(signal="SIGKILL")
        wait_until(lambda: not self.is_running(node), GONE_WITHIN_S, f"{node} is gone", poll_ms=20)

    def stop(self, node: str) -> None:
        """Stop the node in good order and return when it is gone."""
        container = self._living(node)
        with asking(f"stopping {node}"):
            container.stop(timeout=STOP_LIMIT_S)
            container.reload()
        if container.attrs["State"]["ExitCode"] == KILLED:
            raise HarnessError(f"{node} did not stop within {STOP_LIMIT_S} s and was killed")

    def pause(self, node: str) -> None:
        """Suspend every process of the node's container."""
        with asking(f"pausing {node}"):
            self._living(node).pause()

    def resume(self, node: str) -> None:
        """Let a paused node go on; harmless when it was not paused."""
        container = self._container(node)
        if container.attrs["State"]["Paused"]:
            with asking(f"resuming {node}"):
                container.unpause()

    def is_suspended(self, node: str) -> bool:
        """Whether the node's container is paused."""
        return bool(self._container(node).attrs["State"]["Paused"])

    def process_id(self, node: str) -> int | None:
        """Return the process id of the node as the engine sees it, none when it does not run."""
        state = self._container(node).attrs["State"]
        return int(state["Pid"]) if state["Running"] else None

    def is_running(self, node: str) -> bool:
        """Whether the node's container runs, paused or not."""
        return self.process_id(node) is not None

    def wipe(self, node: str) -> None:
        """Delete all that a node which is not running has stored."""
        if self.is_running(node):
            raise HarnessError(f"{node} is running: what it has stored cannot be deleted.")
        self._on_volume(node, "rm -rf /var/lib/rabbitmq/mnesia")

    def has_data(self, node: str) -> bool:
        """Whether the node has stored anything."""
        return bool(self._on_volume(node, "ls /var/lib/rabbitmq/mnesia 2>/dev/null || true"))

    def set_clock(self, node: str, offset_s: float) -> None:
        """Refuse: the containers of a machine share its clock."""
        raise HarnessError(f"{node} has its machine's clock, which does not jump by {offset_s:g} s")

    def clock_offset_s(self, node: str) -> float:
        """Return nothing: every container has its machine's time of day."""
        del node
        return 0.0

    def disconnect(self, node: str) -> None:
        """Take the node's machine off the network of the others, and of its clients."""
        network = self._engine.network(self._record.project)
        with asking(f"disconnecting {node}"):
            network.disconnect(self._machine(node))

    def reconnect(self, node: str) -> None:
        """Put the node's machine on the network again; harmless when it is there."""
        if self.is_connected(node):
            return
        network, machine = self._engine.network(self._record.project), self._machine(node)
        with asking(f"reconnecting {node}"):
            network.connect(machine, aliases=[host(self._number_of(node))])

    def is_connected(self, node: str) -> bool:
        """Whether the node's machine is on the network."""
        network = self._engine.network(self._record.project)
        return self._machine(node).id in network.attrs["Containers"]

    def _on_volume(self, node: str, line: str) -> str:
        """Run a line of shell where the node keeps its data."""
        record = self._record
        volume = self._engine.volume_of(record.project, f"data{self._number_of(node)}")
        image = record.images["RABBITMQ_IMAGE"]
        return self._engine.run_beside(image, volume, ["sh", "-c", line])

    def _container(self, node: str) -> Container:
        """Return the node's container as it is now."""
        return self._engine.container(self._record.project, f"rabbit{self._number_of(node)}")

    def _machine(self, node: str) -> Container:
        """Return the container that owns the node's network."""
        return self._engine.container(self._record.project, host(self._number_of(node)))

    def _living(self, node: str) -> Container:
        """Return the node's container, which must run."""
        container = self._container(node)
        if not container.attrs["State"]["Running"]:
            raise HarnessError(f"{node} is not running")
        return container

    def _serves(self, node: str) -> bool | NotYet:
        """Whether the broker runs; a node that has died will not."""
        if not self.is_running(node):
            raise HarnessError(f"{node} ended while starting: {self._complaint(node)}")
        try:
            answer = self._control.evaluate(node, "rabbit:is_running()", timeout_s=3)
        except HarnessError as error:
            return NotYet(error)
        return True if answer == "true" else NotYet(f"rabbit:is_running() is {answer}")

    def _complaint(self, node: str) -> str:
        """Return the end of what a node printed."""
        with asking(f"the log of {node}"):
            return bytes(self._container(node).logs(tail=12)).decode(errors="replace")[-800:]

    @staticmethod
    def _number_of(node: str) -> int:
        """Return a node's number."""
        return int(node.removeprefix("r"))
