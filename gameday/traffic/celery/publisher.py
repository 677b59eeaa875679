"""The publisher of a leg: `python -m gameday.traffic.celery.publisher FOLDER`.

    schedule -> due -> lanes (threads, each with its connections) -> broker

An open model: what is due waits for no answer but for a free lane, and its latency counts from
when it was due. The run talks to it by lines: `go`, `route NAME` (a broker, `split` or `both`),
`stop`, `results`, `end`; it answers with lines of JSON on standard output, with the clock of the
ledgers.
"""

import json
import queue
import sys
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from time import monotonic_ns
from typing import Any

from celery import Celery

from gameday.traffic.celery.application import application
from gameday.traffic.celery.job import Job, Load, job_from_environment
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.schedule import Planned, plan
from gameday.traffic.celery.sending import BACKOFF_S, TROUBLE, Line, Outgoing
from gameday.traffic.identity import Identity

LANES = 12
GIVE_UP_S = 20.0
REVOKE_AFTER_S = 0.3
MOVES_LOOK_S = 0.02
TRIES_MOST = 60


class Publisher:
    """Sends a load's tasks when they are due, to where the route says at that moment."""

    def __init__(self, job: Job, load: Load, ledger: TaskLedger) -> None:
        self._job, self._load, self._ledger = job, load, ledger
        self.route = job.route or next(iter(job.wirings))
        self._apps = {name: self._app(name) for name in job.wirings}
        self._due: queue.Queue[tuple[Planned, int] | None] = queue.Queue()
        self._go = threading.Event()
        self._stop = threading.Event()
        self._warm = threading.Barrier(LANES + 1)
        self._busy: dict[int, str] = {}
        self._moving = threading.Lock()
        self._namespace = uuid.uuid5(uuid.NAMESPACE_URL, f"{job.run}/{job.scope}")
        self.offered = 0
        self.sent: list[tuple[str, str]] = []
        self._threads = [threading.Thread(target=self._lane, args=(n,)) for n in range(LANES)]
        self._revokers: list[threading.Timer] = []

    def _app(self, name: str) -> Celery:
        return application(self._job, self._job.wirings[name])

    def run(self) -> None:
        """Play the schedule to its end, or until told to stop; return when every lane is done."""
        for thread in self._threads:
            thread.start()
        self._warm.wait()
        say("ready")
        self._go.wait()
        begun = monotonic_ns()
        say("begun", ns=begun)
        for planned in plan(self._load):
            due_ns = begun + int(planned.due_s * 1e9)
            if self._stop.wait(max(0.0, (due_ns - monotonic_ns()) / 1e9)):
                break
            self.offered += 1
            self._due.put((planned, due_ns))
        self._stop.wait(max(0.0, (begun - monotonic_ns()) / 1e9 + self._load.for_s))
        for _ in self._threads:
            self._due.put(None)
        for thread in self._threads:
            thread.join()
        for timer in self._revokers:
            timer.join()
        say("done", ns=monotonic_ns(), offered=self.offered, confirmed=len(self.sent))

    def go(self) -> None:
        """Let the load begin."""
        self._go.set()

    def stop(self) -> None:
        """Let nothing more fall due."""
        self._stop.set()
        self._go.set()

    def move(self, name: str) -> None:
        """Send to another broker from now on, and say so once no send to the old is under way."""
        with self._moving:
            self.route = name
        while name in self._apps and set(self._busy.values()) - {name}:
            time.sleep(MOVES_LOOK_S)
        say("route", name=name, ns=monotonic_ns())

    def _lane(self, number: int) -> None:
        lines = {
            name: Line(app, self._job.wirings[name], self._ledger, f"publisher-{number}-{name}")
            for name, app in self._apps.items()
        }
        for line in lines.values():
            line.open()  # What is down now is tried again with the first task.
        self._warm.wait()
        while (item := self._due.get()) is not None:
            self._send(number, lines, *item)
            self._busy.pop(number, None)
        for line in lines.values():
            line.drop()

    def _send(self, number: int, lines: dict[str, Line], planned: Planned, due_ns: int) -> None:
        task_id = str(uuid.uuid5(self._namespace, str(planned.sequence)))
        out = self._outgoing(planned, due_ns, task_id)
        count = 0
        pending = list(self._targets(planned))
        give_up = time.monotonic() + GIVE_UP_S
        while pending and count < TRIES_MOST:
            with self._moving:
                if self.route in self._apps:
                    pending = [self.route]  # Where the producers have moved meanwhile.
                name = self._busy[number] = pending[0]
            who = replace(out.who, attempt=self._ledger.attempt(count))
            count += 1
            if lines[name].send(replace(out, who=who)):
                pending.pop(0)
                self._after(name, planned, task_id)
                continue
            if time.monotonic() > give_up:
                return
            time.sleep(BACKOFF_S * min(count, 5))
        if not pending:
            self.sent.append((task_id, planned.ends))

    def _outgoing(self, planned: Planned, due_ns: int, task_id: str) -> Outgoing:
        who = Identity(
            self._ledger.process, planned.sequence, 0, due_ns, planned.priority,
            int(planned.expect), 0, 0,
        )  # fmt: skip
        out = Outgoing(who, planned, task_id, eta_s=self._load.eta_s)
        if not self._job.tasks:
            return out
        task = self._job.tasks[planned.sequence % len(self._job.tasks)]
        return replace(out, task=str(task["name"]), arguments=tuple(task.get("args", ())))

    def _targets(self, planned: Planned) -> tuple[str, ...]:
        names = tuple(self._apps)
        if self.route == "both":
            return names
        if self.route == "split":
            return (names[planned.sequence % len(names)],)
        return (self.route,)

    def _after(self, name: str, planned: Planned, task_id: str) -> None:
        if planned.ends == "revoked":
            timer = threading.Timer(REVOKE_AFTER_S, self._revoke, (name, task_id))
            self._revokers.append(timer)
            timer.start()

    def _revoke(self, name: str, task_id: str) -> None:
        try:
            self._apps[name].control.revoke(task_id)
        except TROUBLE as error:
            say("revoke failed", task=task_id, why=type(error).__name__)

    def results(self) -> None:
        """Say how many of the tasks that were to end well have a result, by the result backend."""
        app = next(iter(self._apps.values()))
        wanted = [task for task, ends in self.sent if ends in {"done", "retried", "eta"}]
        try:
            states = {task: str(app.AsyncResult(task).state) for task in wanted}
        except TROUBLE as error:
            say("results", wanted=len(wanted), found=None, why=type(error).__name__)
            return
        missing = {task: state for task, state in states.items() if state != "SUCCESS"}
        say("results", wanted=len(wanted), found=len(wanted) - len(missing), missing=missing)


def say(event: str, **fields: Any) -> None:
    """Tell the run something."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def listen(publisher: Publisher) -> None:
    """Do what the run says, a line at a time; when it is gone, stop."""
    for line in sys.stdin:
        word, _, name = line.strip().partition(" ")
        if word == "route":
            publisher.move(name)
        elif word == "go":
            publisher.go()
        elif word == "results":
            publisher.results()
        elif word == "stop":
            publisher.stop()
        elif word == "end":
            return
    publisher.stop()


def main(folder: Path) -> int:
    """Publish a leg's load."""
    job = job_from_environment()
    assert job.load is not None, "a publisher needs a load"
    ledger = TaskLedger(folder, job.run, job.scope, "publisher")
    publisher = Publisher(job, job.load, ledger)
    listener = threading.Thread(target=listen, args=(publisher,), daemon=True)
    listener.start()
    publisher.run()
    listener.join()
    ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
