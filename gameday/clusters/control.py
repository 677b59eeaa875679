"""The control path to a local cluster's nodes: it passes no proxy.

Three ways, cheapest first: one long-lived hidden Erlang node that evaluates expressions on any
node in milliseconds, the management API, and `rabbitmqctl`, which costs 1 to 2 s of CPU a call.
The Erlang node is started when it is first needed and ends with this process.
"""

import base64
import itertools
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from importlib import resources
from pathlib import Path
from typing import IO

from gameday.clusters import epmd, tls
from gameday.clusters.authority import CONTROL
from gameday.clusters.inetrc import CONTROL_HOST, erlang_name
from gameday.clusters.management import Management
from gameday.clusters.ports import LOOPBACK
from gameday.clusters.processes import clean_environment, tail
from gameday.clusters.record import ClusterRecord
from gameday.clusters.settings import BrokerSettings
from gameday.errors import HarnessError, UnansweredError

SCRIPT = "control.escript"
START_LIMIT_S = 20.0
QUIET = "+S 1:1 +SDio 1 +A 1 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false"
UNANSWERED = re.compile(r"^error: \{erpc,(timeout|noconnection)\}")
"""How Erlang's `erpc` says that a node gave no answer, as `control.escript` writes it."""


def tool_environment(record: ClusterRecord) -> dict[str, str]:
    """Return the environment in which command line tools reach every node directly."""
    low, high = record.ports.ctl_range
    return {
        **clean_environment(record.token, record.home),
        **record.release.environment(),
        **epmd.environment(record),
        "HOME": record.inside(record.home),
        "ERL_INETRC": record.inside(record.folder / "control.inetrc"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CTL_DIST_PORT_MIN": str(low),
        "RABBITMQ_CTL_DIST_PORT_MAX": str(high),
        "RABBITMQ_CTL_ERL_ARGS": " ".join(
            ("-kernel inet_dist_use_interface {127,0,0,1}", *tls.erlang_words(record, CONTROL))
        ),
        "RABBITMQ_LOG_BASE": record.inside(record.logs),
        "RABBITMQ_MNESIA_BASE": record.inside(record.folder / "nodes"),
    }


Launch = Callable[[str], tuple[list[str], dict[str, str]]]
"""From the control process's Erlang name: the command that starts it, and its environment."""


def launch_here(record: ClusterRecord, name: str) -> tuple[list[str], dict[str, str]]:
    """Return how a local cluster's control process is started."""
    script = record.folder / SCRIPT
    script.write_bytes(resources.files("gameday.clusters").joinpath(SCRIPT).read_bytes())
    words = [*record.release.enter(record.folder), "escript", record.inside(script), name]
    flags = " ".join((erlang_flags(record.settings), *tls.erlang_words(record, CONTROL)))
    return words, {**tool_environment(record), "ERL_FLAGS": flags}


def erlang_flags(settings: BrokerSettings) -> str:
    """Return the flags of a control process: quiet, and with the nodes' own tick time."""
    return f"{QUIET} -kernel net_ticktime {settings.net_ticktime_s}"


class ErlangControl:
    """One hidden Erlang node, spoken to line by line."""

    def __init__(self, log: Path, launch: Launch) -> None:
        self._log = log
        self._launch = launch
        self._waiting: dict[str, Future[str]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def evaluate(self, erlang_node: str, expression: str, limit_s: float) -> str:
        """Evaluate an expression on a node; late or failed is an error."""
        source = base64.b64encode(expression.encode()).decode()
        identity = f"q{next(self._numbers)}"
        request = f"{identity} {erlang_node} {int(limit_s * 1000)} {source}\n"
        answer = self._send(identity, request)
        try:
            # A little more than the node's own limit, which gives the better error.
            return answer.result(limit_s + 0.5)
        except FutureTimeout as error:
            self._waiting.pop(identity, None)
            raise UnansweredError(
                f"{erlang_node} did not answer within {limit_s:g} s: {expression[:80]}",
            ) from error
        except HarnessError as error:
            kind = UnansweredError if UNANSWERED.search(str(error)) else HarnessError
            raise kind(f"{erlang_node}: {error}: {expression[:80]}") from error

    def close(self) -> None:
        """End the Erlang node."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None

    def _send(self, identity: str, request: str) -> Future[str]:
        """Write a request, starting the Erlang node when there is none."""
        answer: Future[str] = Future()
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            self._waiting[identity] = answer
            pipe = self._process.stdin if self._process else None
            assert pipe is not None
            try:
                pipe.write(request.encode())
                pipe.flush()
            except BrokenPipeError as error:
                raise HarnessError(f"the control process ended: {self._log_tail()}") from error
        return answer

    def _start(self) -> None:
        """Start the Erlang node and wait until it takes requests."""
        ready: Future[str] = Future()
        # Its own table: the reader of a process that died fails the requests of that one only.
        self._waiting = {"ready": ready}
        name = f"ctl{os.getpid()}x{os.urandom(3).hex()}@{CONTROL_HOST}"
        command, environment = self._launch(name)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        assert self._process.stdout is not None
        arguments = (self._process.stdout, self._waiting)
        threading.Thread(target=_hand_out, args=arguments, daemon=True).start()
        try:
            ready.result(START_LIMIT_S)
        except (FutureTimeout, HarnessError) as error:
            self._process.kill()
            raise HarnessError(f"the control process did not start: {self._log_tail()}") from error

    def _log_tail(self) -> str:
        """Return the end of what the Erlang node complained about."""
        return tail(self._log)


def _hand_out(pipe: IO[bytes], waiting: dict[str, Future[str]]) -> None:
    """Hand answers to whoever waits, until the Erlang node ends."""
    with pipe:
        for line in pipe:
            identity, status, encoded = _answer(line)
            future = waiting.pop(identity, None)
            if future is None:
                continue
            text = base64.b64decode(encoded).decode()
            if status == "ok":
                future.set_result(text)
            else:
                future.set_exception(HarnessError(text))
    for identity in list(waiting):
        future = waiting.pop(identity, None)
        if future is not None:
            future.set_exception(HarnessError("the control process ended"))


def _answer(line: bytes) -> tuple[str, str, str]:
    """Part an answer; an empty line between two answers, seen on a busy machine, is nobody's."""
    identity, status, encoded, *_ = [*line.decode().split(), "", "", ""]
    return identity, status, encoded


class LocalControl:
    """The control path of a local cluster."""

    def __init__(self, record: ClusterRecord) -> None:
        self._record = record
        self._erlang = ErlangControl(record.logs / "control.log", partial(launch_here, record))

    def evaluate(self, node: str, expression: str, *, timeout_s: float = 10) -> str:
        """Evaluate an Erlang expression on the node and return the value's text."""
        text = expression.strip()
        closed = text if text.endswith(".") else text + "."
        return self._erlang.evaluate(self._erlang_name(node), closed, timeout_s)

    def ctl(
        self,
        node: str,
        *arguments: str,
        timeout_s: float = 30,
        tool: str = "rabbitmqctl",
    ) -> str:
        """Run a command line tool against the node and return what it prints."""
        record = self._record
        script = record.release.script(tool)
        command = [*record.release.enter(record.folder), script, "-q", "-n"]
        process = subprocess.Popen(
            [*command, self._erlang_name(node), *arguments],
            env=tool_environment(record),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            text=True,
        )
        what = f"{tool} {' '.join(arguments)[:80]} on {node}"
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise HarnessError(f"{what}: not done within {timeout_s:g} s") from error
        if process.returncode != 0:
            raise HarnessError(f"{what}: {(errors or output).strip()[-400:]}")
        return output

    def management(self, node: str) -> Management:
        """Return the node's management API, unproxied."""
        record = self._record
        number = self._number(node)
        scheme = "https" if record.tls else "http"
        url = f"{scheme}://{LOOPBACK}:{record.ports.management(number)}"
        authority = tls.authority_of(record)
        return Management(url, record.username, record.password, authority=authority)

    def close_control(self) -> None:
        """End the control process."""
        self._erlang.close()

    def _erlang_name(self, node: str) -> str:
        """Return the Erlang name of a node."""
        return erlang_name(self._number(node))

    @staticmethod
    def _number(node: str) -> int:
        """Return a node's number."""
        return int(node.removeprefix("r"))
