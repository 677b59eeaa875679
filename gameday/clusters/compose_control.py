"""The control path to nodes in containers: it enters the container, and so passes no network.

As on a local cluster, expressions go to a long-lived hidden Erlang node, here one in each node's
own container, which ends with it; `rabbitmqctl` runs there, too. The management API is published
beside the proxies.
"""

from functools import partial

from docker.models.containers import Container

from gameday.clusters.compose_engine import Engine, asking
from gameday.clusters.compose_record import ComposeRecord
from gameday.clusters.control import SCRIPT, ErlangControl, erlang_flags
from gameday.clusters.inetrc import erlang_name
from gameday.clusters.management import Management
from gameday.clusters.ports import LOOPBACK
from gameday.clusters.processes import clean_environment
from gameday.errors import HarnessError, UnansweredError

KILLED = 137


class ComposeControl:
    """The control path of a cluster in containers."""

    def __init__(self, record: ComposeRecord, engine: Engine) -> None:
        self._record = record
        self._engine = engine
        self._erlang = {
            f"r{number}": ErlangControl(
                record.logs / f"control{number}.log", partial(self._launch, number)
            )
            for number in range(1, record.node_count + 1)
        }

    def evaluate(self, node: str, expression: str, *, timeout_s: float = 10) -> str:
        """Evaluate an Erlang expression on the node and return the value's text."""
        text = expression.strip()
        closed = text if text.endswith(".") else text + "."
        try:
            return self._erlang[node].evaluate(self._erlang_name(node), closed, timeout_s)
        except UnansweredError:
            raise
        except HarnessError as error:
            # A control process ends with its container: then it is the node that does not answer.
            state = self._state(node)
            if not state["Running"] or state["Paused"]:
                raise UnansweredError(f"{node} is {state['Status']}: {expression[:80]}") from error
            raise

    def ctl(
        self,
        node: str,
        *arguments: str,
        timeout_s: float = 30,
        tool: str = "rabbitmqctl",
    ) -> str:
        """Run a command line tool in the node's container and return what it prints."""
        what = f"{tool} {' '.join(arguments)[:80]} on {node}"
        # Ended from within: the engine would wait for as long as the command does.
        limit = ["timeout", "-s", "KILL", f"{timeout_s:g}"]
        words = [*limit, tool, "-q", "-n", self._erlang_name(node), *arguments]
        with asking(what):
            done = self._container_of(node).exec_run(words, demux=True)
        output, errors = (bytes(each or b"").decode(errors="replace") for each in done.output)
        if done.exit_code == KILLED:
            raise HarnessError(f"{what}: not done within {timeout_s:g} s")
        if done.exit_code != 0:
            raise HarnessError(f"{what}: {(errors or output).strip()[-400:]}")
        return output

    def management(self, node: str) -> Management:
        """Return the node's management API, unproxied."""
        record = self._record
        port = record.ports.management(self._number(node))
        return Management(f"http://{LOOPBACK}:{port}", record.username, record.password)

    def close_control(self) -> None:
        """End the control processes."""
        for each in self._erlang.values():
            each.close()

    def _launch(self, number: int, name: str) -> tuple[list[str], dict[str, str]]:
        """Return how a container's control process is started."""
        node = f"r{number}"
        container = self._container_of(node)
        state = container.attrs["State"]
        if not state["Running"] or state["Paused"]:
            raise UnansweredError(f"{node} is {state['Status']}")
        settings = {
            "ERL_FLAGS": erlang_flags(self._record.settings),
            "ERL_INETRC": "/etc/gameday/control.inetrc",
        }
        words = [word for key, value in settings.items() for word in ("-e", f"{key}={value}")]
        command = ["docker", "exec", "-i", *words, container.id, "escript"]
        environment = {
            **clean_environment(self._record.token, self._record.folder),
            "DOCKER_HOST": self._engine.host,
        }
        return [*command, f"/etc/gameday/{SCRIPT}", name], environment

    def _container_of(self, node: str) -> Container:
        """Return the node's container as it is now."""
        return self._engine.container(self._record.project, f"rabbit{self._number(node)}")

    def _state(self, node: str) -> dict[str, object]:
        """Return what the engine says of the node's container."""
        return dict(self._container_of(node).attrs["State"])

    def _erlang_name(self, node: str) -> str:
        """Return the Erlang name of a node."""
        return erlang_name(self._number(node))

    @staticmethod
    def _number(node: str) -> int:
        """Return a node's number."""
        return int(node.removeprefix("r"))
