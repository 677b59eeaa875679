"""The topology is read back from a node that gives no answer at once, but not past a refusal."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from gameday.clusters.attached import AttachedCluster
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.management import ManagementError
from scenarios.prepare import await_topology

SILENT = 0
"""What stands for hanging up without an answer."""
EMPTY = {"queues": [], "exchanges": [], "bindings": [], "policies": []}


@contextmanager
def serving(statuses: list[int]) -> Iterator[tuple[AttachedFacts, Callable[[], int]]]:
    """Run an API that gives these answers in turn; yield a broker's facts, and a count of calls."""
    left = list(statuses)

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = left.pop(0)
            if status == SILENT:
                return
            body = json.dumps(EMPTY if status == 200 else {"error": "no"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        base = f"http://127.0.0.1:{running.server_port}"
        cluster = AttachedCluster(urlsplit("amqp://h"), base, "u", "p", ("r1",), "3.10.8")
        yield AttachedFacts(cluster), lambda: len(statuses) - len(left)
        running.shutdown()
        thread.join()


def test_a_node_that_hangs_up_is_asked_again() -> None:
    """Two calls without an answer do not end a run: the third one counts."""
    with serving([SILENT, SILENT, 200]) as (facts, calls):
        assert await_topology(facts, "v", "r1").queues == ()
        assert calls() == 3


def test_a_refusal_is_an_answer() -> None:
    """A virtual host that the node does not know is not asked for again."""
    with serving([404, 200]) as (facts, calls):
        with pytest.raises(ManagementError, match="404"):
            await_topology(facts, "v", "r1")

        assert calls() == 1
