"""The Celery processes of a leg: workers, which a fault may kill, and the publisher.

Each is started with the token of a cluster of ours in its environment, so that `gameday heal`
finds it when we are gone, and in a session of its own, so that a worker dies with its children.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from gameday.traffic.celery.job import READY, Job

ROOT = Path(__file__).parents[2]
ELSEWHERE = (
    "CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL",
    "CELERY_RESULT_BACKEND",
)  # fmt: skip
"""What Celery takes before its configuration: with it, a load would go to somebody's own broker."""
READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 15.0


@dataclass
class Worker:
    """One Celery worker and its children."""

    name: str
    job: Job
    process: subprocess.Popen[bytes]
    log: Path

    def tree(self) -> list[psutil.Process]:
        """Return its processes that are alive, itself first."""
        try:
            main = psutil.Process(self.process.pid)
            return [main, *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def last_words(self) -> str:
        """Return the end of what it printed."""
        return _tail(self.log)

    def kill(self) -> list[int]:
        """Kill it and its children at once; return their process ids."""
        struck = [each.pid for each in self.tree()]
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        return struck


class Publisher:
    """The publisher of a leg, and what it said."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        self.said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def order(self, line: str) -> None:
        """Tell it something."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise HarnessError(f"the publisher is gone: {self.log}: {error}") from error

    def heard(
        self, event: str, within_s: float, between: Callable[[], None] = lambda: None, **fields: Any
    ) -> dict[str, Any]:
        """Wait until it has said something, and return that."""

        def look() -> dict[str, Any] | NotYet:
            between()
            for each in list(self.said):
                if each["event"] == event and all(each.get(k) == v for k, v in fields.items()):
                    return each
            if self.process.poll() is not None and not self._reader.is_alive():
                raise HarnessError(f"the publisher ended without {event!r}: {_tail(self.log)}")
            return NotYet([each["event"] for each in self.said])

        return wait_until(look, within_s, f"the publisher said {event!r}", poll_ms=20)

    def end(self) -> None:
        """Let it end, or end it."""
        if self.process.poll() is None:
            try:
                self.order("end")
                self.process.wait(ENDS_WITHIN_S)
            except (HarnessError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self.said.append(json.loads(line))
            except ValueError:  # A library printed something.
                continue


@dataclass
class Crew:
    """Starts and ends the processes of one run."""

    folder: Path
    marker: Mapping[str, str]
    workers: list[Worker] = field(default_factory=list)
    publishers: list[Publisher] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start_worker(self, job: Job, name: str) -> Worker:
        """Start a worker; it is ready when it consumes, which the side can tell."""
        unique = f"{name}.{next(self.numbers)}"
        module = "gameday.traffic.celery.worker"
        words = [sys.executable, "-m", module, str(self.folder), unique]
        log = self.folder / "logs" / f"{job.scope}-{unique}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                words, env=self._environment(job), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip
        worker = Worker(unique, job, process, log)
        self.workers.append(worker)
        return worker

    def start_again(self, worker: Worker) -> Worker:
        """Start another worker in place of one that has ended."""
        if worker in self.workers:
            self.workers.remove(worker)
        return self.start_worker(worker.job, worker.name.split(".")[0])

    def start_publisher(self, job: Job) -> Publisher:
        """Start a publisher; its load begins when it says so."""
        words = [sys.executable, "-m", "gameday.traffic.celery.publisher", str(self.folder)]
        log = self.folder / "logs" / f"{job.scope}-publisher.log"
        with log.open("ab") as errors:
            process = subprocess.Popen(
                words, env=self._environment(job), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, start_new_session=True, text=True,
            )  # fmt: skip
        publisher = Publisher(process, log)
        self.publishers.append(publisher)
        return publisher

    def wait_ready(self, workers: list[Worker]) -> None:
        """Wait until workers have said that they are ready to consume."""

        def all_ready() -> bool | NotYet:
            for worker in workers:
                if worker.process.poll() is not None:
                    raise HarnessError(f"{worker.name} ended at once: {_tail(worker.log)}")
            late = [
                each.name for each in workers if READY not in each.log.read_text(errors="replace")
            ]
            return NotYet(late) if late else True

        wait_until(all_ready, READY_WITHIN_S, "every worker ready", poll_ms=50)

    def stop(self, workers: list[Worker]) -> list[str]:
        """Ask workers for a warm shutdown; kill those that do not end, and name them."""
        killed = []
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in workers:
            try:
                worker.process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                killed.append(worker.name)
            if worker in self.workers:
                self.workers.remove(worker)
        return killed

    def close(self) -> None:
        """End everything at once."""
        for publisher in tuple(self.publishers):
            if publisher.process.poll() is None:
                os.killpg(publisher.process.pid, signal.SIGKILL)
                publisher.process.wait(10)
        for worker in tuple(self.workers):
            if worker.process.poll() is None:
                worker.kill()

    def _environment(self, job: Job) -> dict[str, str]:
        paths = (str(ROOT), os.environ.get("PYTHONPATH"))
        kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        return {
            **kept,
            **self.marker,
            **job.environment(),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            # Where setproctitle is installed, it shall not write over what we are found by.
            "SPT_NOENV": "1",
        }


def _tail(log: Path, characters: int = 600) -> str:
    """Return the end of a log."""
    return log.read_text(encoding="utf-8", errors="replace")[-characters:].strip()
