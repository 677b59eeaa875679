"""Asking every worker's health endpoint once a second, as a supervisor would.

What it answered, or that it did not, goes into `metrics/health.jsonl`; the check `health_endpoint`
compares it with what the ledgers know.
"""

import http.client
import json
import threading
from pathlib import Path
from time import monotonic_ns
from typing import Any, Self
from urllib.parse import urlsplit

from scenarios.switchboard import Caller, Switchboard

EVERY_S = 1.0
TIMEOUT_S = 1.0
FILE_NAME = "health.jsonl"
NO_ANSWER = 0
"""The status of an endpoint that did not answer."""


class Prober:
    """Asks the endpoints, in a thread of its own; does nothing where no worker has one."""

    def __init__(self, folder: Path, board: Switchboard) -> None:
        self._path = folder / "metrics" / FILE_NAME
        self._board = board
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._probe_often, name="prober", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(10)

    def _probe_often(self) -> None:
        while not self._done.wait(EVERY_S):
            lines = [
                json.dumps(_probe(caller))
                for caller in self._board.callers("worker")
                if caller.report.get("health")
            ]
            if lines:
                with self._path.open("a") as file:
                    file.write("".join(line + "\n" for line in lines))


def _probe(caller: Caller) -> dict[str, Any]:
    """Ask one endpoint; `time_ns` is when it was asked."""
    asked_ns = monotonic_ns()
    status, reason = ask(str(caller.report["health"]))
    return {
        "time_ns": asked_ns, "process": caller.process, "name": caller.name, "status": status,
        "reason": reason, "took_ms": round((monotonic_ns() - asked_ns) / 1e6, 1),
    }  # fmt: skip


def ask(url: str) -> tuple[int, str]:
    """Return an endpoint's status and reason; 0 and the error when it does not answer."""
    place = urlsplit(url)
    assert place.hostname is not None, f"no host in {url}"
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", place.path)
        answer = connection.getresponse()
        return answer.status, str(json.loads(answer.read()).get("reason", ""))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return NO_ANSWER, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
