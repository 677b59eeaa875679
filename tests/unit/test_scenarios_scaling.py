"""Scaling and probing: who is added at which depth, and what an endpoint's answer becomes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.errors import HarnessError
from scenarios.probing import NO_ANSWER, ask
from scenarios.scaling import Scaler

CONTRACT = load_contract("sparki")
WORKER = next(each for each in CONTRACT.consumers if each.name == "build-worker")
DEEP = {"builds": WORKER.scale_at_depth or 0}


class Stand:
    """Crew, board and journal in one: what a scaler asks and does is written down."""

    def __init__(self, contract: Contract = CONTRACT) -> None:
        self.here = [WORKER.name] * WORKER.workers
        self.lines: list[dict[str, Any]] = []
        self.arrives = True
        self.scaler = Scaler(contract, cast("Any", self), cast("Any", self), cast("Any", self))

    def callers(self, _: str) -> list[Any]:
        """Return the workers that are alive."""
        return [SimpleNamespace(name=each) for each in self.here]

    def add_workers(self, name: str, count: int) -> None:
        """Start workers, who call at once unless they are told to take their time."""
        if self.arrives:
            self.here += [name] * count

    def append(self, event: str, **fields: Any) -> None:
        """Write a line of the journal."""
        self.lines.append({"event": event, **fields})


def test_one_is_added_at_the_threshold_and_none_below() -> None:
    """At the depth that the contract says a worker is added, with the depth in the journal."""
    stand = Stand()
    stand.scaler.on()

    stand.scaler.look({"builds": DEEP["builds"] - 1})
    assert stand.lines == []

    stand.scaler.look(DEEP)
    assert stand.lines == [
        {"event": "scaled", "consumer": "build-worker", "queue": "builds",
         "depth": DEEP["builds"], "before": 3, "after": 4},
    ]  # fmt: skip


def test_never_more_than_there_may_be() -> None:
    """However long it stays deep, no more workers come than the contract allows."""
    stand = Stand()
    stand.scaler.on()

    for _ in range(10):
        stand.scaler.look(DEEP)

    assert len(stand.here) == WORKER.scale_to


def test_one_on_its_way_is_waited_for() -> None:
    """Nobody is added while the last one has not called yet, or one was struck and is missing."""
    stand = Stand()
    stand.arrives = False
    stand.scaler.on()

    for _ in range(5):
        stand.scaler.look(DEEP)

    assert len(stand.lines) == 1


def test_it_only_acts_while_it_is_on() -> None:
    """Before the trouble and after it nobody is added, however deep a queue is."""
    stand = Stand()
    stand.scaler.look(DEEP)
    stand.scaler.on()
    stand.scaler.off()
    stand.scaler.look(DEEP)

    assert stand.lines == []


def test_a_worker_that_cannot_be_started_is_the_harness_failing() -> None:
    """It is written down, and the thread that looks at depths goes on."""
    stand = Stand()
    stand.scaler.on()

    def fail(*_: Any) -> None:
        raise HarnessError("no more processes")

    stand.add_workers = fail  # type: ignore[method-assign]
    stand.scaler.look(DEEP)

    assert [each["event"] for each in stand.lines] == ["scaled", "harness_failed"]


@pytest.fixture
def endpoint() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give an endpoint, and what it shall answer."""
    said: dict[str, Any] = {"status": 200, "body": b'{"reason": ""}'}

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(said["status"])
            self.end_headers()
            self.wfile.write(said["body"])

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/health", said
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_is_taken_as_it_was_given(endpoint: tuple[str, dict[str, Any]]) -> None:
    """Status and reason are the endpoint's own."""
    url, said = endpoint
    assert ask(url) == (200, "")

    said.update(status=503, body=b'{"reason": "no connection"}')
    assert ask(url) == (503, "no connection")


def test_what_is_no_answer(endpoint: tuple[str, dict[str, Any]]) -> None:
    """A refused connection, and an answer that is none, are no answer and no exception."""
    url, said = endpoint
    said["body"] = b"not JSON"

    assert ask(url)[0] == NO_ANSWER
    assert ask("http://127.0.0.1:1/health")[0] == NO_ANSWER
