"""The line between the run and its load processes: a real socket, real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError
from gameday.traffic.wire import SOCKET_NAME
from scenarios.switchboard import Switchboard

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, sys
from pathlib import Path
import gevent
from gevent.event import Event
from gameday.traffic.wire import SOCKET_NAME, Wire

folder, name, role = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
stop, seen = Event(), {"orders": 0, "factor": 0, "handled": 5, "queue": "builds", "nodes": ["r2"]}
seen["unanswered"] = 3

def note(**words):
    seen["orders"] += 1
    seen.update(words)

def gone():
    os._exit(70)

hello = {"role": role, "name": name, "process": int(sys.argv[4])}
orders = {"start": note, "stop": stop.set, "surge": note, "poison": note}
wire = Wire(folder / SOCKET_NAME, hello, lambda: seen, orders, gone)
wire.say("word", 42)
stop.wait()
seen["handled"] = 9
wire.close()
"""

Start = Callable[[str, str, int], subprocess.Popen[bytes]]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Switchboard]:
    """Give the run's end of the line."""
    made = Switchboard(tmp_path, lambda *_: None)
    yield made
    made.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give a way to start load processes, and leave none."""
    started: list[subprocess.Popen[bytes]] = []

    def one(name: str, role: str, number: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", SCRIPT, str(tmp_path), name, role, str(number)]
        started.append(subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)}))
        return started[-1]

    yield one
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def test_calls_reports_and_orders(board: Switchboard, start: Start) -> None:
    """Processes call with their names, reports add up, and orders reach exactly their role."""
    start("locust", "publisher", 1)
    start("build-worker", "worker", 2)
    board.wait_for({"locust": 1, "build-worker": 1}, 60)
    wait_until(lambda: board.total("handled") == 10, 10, "both reported", poll_ms=20)

    board.surge(1.5)
    wait_until(lambda: board.total("orders") == 1, 10, "the order was obeyed", poll_ms=20)

    by_role = {caller.role: caller for caller in board.callers()}
    assert by_role["publisher"].report["factor"] == 1.5
    assert by_role["worker"].report["orders"] == 0
    assert by_role["worker"].said == {"word": 42}


def test_clients_are_known_by_their_pid(board: Switchboard, start: Start) -> None:
    """What a fault sees of a client is what the client said: name, pid, node and queue."""
    process = start("build-worker", "worker", 4)
    board.wait_for({"build-worker": 1}, 60)
    wait_until(lambda: board.total("handled"), 10, "it reported", poll_ms=20)

    client = board.clients()[0]

    assert (client.name, client.role, client.pid) == ("build-worker-4", "worker", process.pid)
    assert (client.node, client.queue) == ("r2", "builds")


def test_the_last_report_counts(board: Switchboard, start: Start) -> None:
    """A process that ends in good order reports once more, and its figures stay in the total."""
    process = start("build-worker", "worker", 1)
    board.wait_for({"build-worker": 1}, 60)

    board.tell("worker", "stop")

    assert process.wait(20) == 0
    wait_until(lambda: not board.callers(), 10, "it hung up", poll_ms=20)
    assert board.total("handled") == 9


def test_a_killed_client_is_gone_and_meant(board: Switchboard, start: Start) -> None:
    """A client that a fault kills is gone from the line, and its end counts as meant."""
    process = start("build-worker", "worker", 1)
    board.wait_for({"build-worker": 1}, 60)

    board.kill("build-worker-1")

    assert process.wait(20) == -signal.SIGKILL
    wait_until(lambda: not board.callers(), 10, "it is gone", poll_ms=20)
    assert board.meant == {process.pid}
    with pytest.raises(HarnessError, match="build-worker-1"):
        board.kill("build-worker-1")


def test_the_dead_wait_for_nothing(board: Switchboard, start: Start) -> None:
    """What a killed client has done stays in the total; what it waited for does not."""
    start("locust", "publisher", 1)
    start("locust", "publisher", 2)
    board.wait_for({"locust": 2}, 60)
    wait_until(lambda: board.total("unanswered") == 6, 10, "both reported", poll_ms=20)

    board.kill("locust-1")

    wait_until(lambda: len(board.callers()) == 1, 10, "one is gone", poll_ms=20)
    assert (board.total("unanswered"), board.total("handled")) == (3, 10)


def test_a_pause_is_not_an_end(board: Switchboard, start: Start) -> None:
    """Suspending a client does not make its later end a meant one."""
    start("build-worker", "worker", 1)
    board.wait_for({"build-worker": 1}, 60)

    board.pause("build-worker-1")
    board.resume("build-worker-1")

    assert board.meant == set()


def test_without_the_run_a_client_ends(board: Switchboard, start: Start, tmp_path: Path) -> None:
    """When the run hangs up, load processes end by themselves, and the socket's file is gone."""
    process = start("locust", "publisher", 1)
    board.wait_for({"locust": 1}, 60)

    board.close()

    assert process.wait(20) == 70
    assert not (tmp_path / SOCKET_NAME).exists()


def test_who_does_not_call_is_named(board: Switchboard) -> None:
    """A load process that never calls is named in the error."""
    with pytest.raises(HarnessError, match="locust"):
        board.wait_for({"locust": 1}, 0.2)
