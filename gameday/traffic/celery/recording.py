"""Celery's signals to records: what a worker's process does with tasks, whoever wrote them.

    task_prerun -> DELIVERED          task_postrun -> HANDLED, EFFECT
    before_task_publish (a retry) -> SUPERSEDED, INVOKE -> after_task_publish -> CONFIRMED
    task_revoked -> DELIVERED, REJECTED

A task is recorded where it runs, in a prefork worker's child. Signal handlers that raise are
logged by Celery and no more; then a delivery without its end is left, which a check sees.
"""

import sqlite3
from dataclasses import replace
from pathlib import Path
from time import monotonic_ns
from typing import Any

from celery import signals

from gameday.errors import HarnessError
from gameday.history.migration.effects import note_failure, store_of
from gameday.history.records import Result
from gameday.traffic.celery.application import TIMED_OUT
from gameday.traffic.celery.ledger import TaskLedger
from gameday.traffic.celery.wiring import QUEUE
from gameday.traffic.identity import ATTEMPT, Identity, identify

BUSY_WITHIN_S = 5.0
RESULTS = {"SUCCESS": Result.DONE, "RETRY": Result.TRANSIENT}


class Effects:
    """The ids of tasks that took effect, shared by all workers of a scope, on either broker."""

    def __init__(self, folder: Path, scope: str) -> None:
        self._path = store_of(folder, scope)

    def take(self, key: str) -> bool:
        """Let a task take effect unless its id did before."""
        try:
            self._path.parent.mkdir(exist_ok=True)
            store = sqlite3.connect(self._path, timeout=BUSY_WITHIN_S, isolation_level=None)
            try:
                # Survives the process, not a loss of power, as the ledger does.
                store.execute("PRAGMA synchronous = OFF")
                # The whole lock at once: of two that read first and then want to write, SQLite
                # turns one away at once, as it does for a change of the journal's mode.
                store.execute("BEGIN IMMEDIATE")
                store.execute("CREATE TABLE IF NOT EXISTS effect (key TEXT PRIMARY KEY)")
                done = store.execute("INSERT OR IGNORE INTO effect VALUES (?)", (key,))
                store.execute("COMMIT")
                return done.rowcount == 1
            finally:
                store.close()
        except (OSError, sqlite3.Error) as error:
            note_failure(self._path, str(error))  # Celery only logs what a signal's handler raises.
            raise HarnessError(f"{self._path}: effects cannot be kept: {error}") from error


class Recorder:
    """Connects a worker's signals with its ledger; keep it as long as the worker lives."""

    def __init__(self, ledger: TaskLedger, effects: Effects, broker: str) -> None:
        self._ledger, self._effects, self._broker = ledger, effects, broker
        self._running: dict[str, tuple[Identity, str, int]] = {}
        self._publishing: dict[str, tuple[int, int]] = {}
        self._tags = 0
        self._channel = 0

    def connect(self) -> None:
        """Begin to listen."""
        signals.task_prerun.connect(self.begin, weak=False)
        signals.task_postrun.connect(self.end, weak=False)
        signals.task_revoked.connect(self.revoked, weak=False)
        signals.before_task_publish.connect(self.publish, weak=False)
        signals.after_task_publish.connect(self.published, weak=False)
        for closing in (signals.worker_process_shutdown, signals.worker_shutdown):
            closing.connect(self._close, weak=False)

    def begin(self, task_id: str = "", task: Any = None, **_: Any) -> None:
        """Record that a task begins."""
        who = identity_of(task.request)
        if who is None:
            return
        info = task.request.delivery_info or {}
        queue = str(info.get("routing_key") or QUEUE)
        tag = self._ledger.delivered(
            who, queue, info.get("priority"), redelivered=bool(info.get("redelivered"))
        )
        self._running[task_id] = who, queue, tag

    def end(self, task_id: str = "", state: str = "", retval: Any = None, **_: Any) -> None:
        """Record that a task has ended, and its effect."""
        known = self._running.pop(task_id, None)
        if known is None:
            return
        who, queue, tag = known
        result = _result(state, retval)
        self._ledger.handled(who, queue, tag, result)
        if result in {Result.DONE, Result.TIMED_OUT} and self._effects.take(task_id):
            self._ledger.effect(who, task_id)
        if result is Result.PERMANENT:
            self._ledger.rejected(who, queue, tag)

    def revoked(self, request: Any = None, **_: Any) -> None:
        """Record that a task was revoked before it began."""
        who = identity_of(request)
        if who is not None:
            tag = self._ledger.delivered(who, QUEUE, None, redelivered=False)
            self._ledger.rejected(who, QUEUE, tag)

    def publish(
        self, headers: dict[str, Any] | None = None, routing_key: str = "", **_: Any
    ) -> None:
        """Record a retry, which a task publishes: a new attempt of the same message."""
        task_id = str((headers or {}).get("id", ""))
        known = self._running.get(task_id)
        if known is None or headers is None:
            return
        who, queue, tag = known
        new = replace(who, attempt=self._ledger.attempt(int(headers.get("retries", 1))))
        headers[ATTEMPT] = new.attempt
        self._ledger.superseded(new, queue, tag)
        if not self._channel:
            self._channel = self._ledger.channel("retry", self._broker)
        self._tags += 1
        route = self._ledger.route(self._broker, routing_key or queue, "evaluate.again")
        now = monotonic_ns()
        self._ledger.invoke(new, self._channel, self._tags, route, now - who.due_ns, now)
        self._publishing[task_id] = self._channel, self._tags

    def published(self, headers: dict[str, Any] | None = None, **_: Any) -> None:
        """Record that the broker took it: with a confirm, or Redis' reply, it has answered."""
        known = self._publishing.pop(str((headers or {}).get("id", "")), None)
        if known is not None:
            self._ledger.confirmed(*known)

    def _close(self, **_: Any) -> None:
        self._ledger.close()


def identity_of(request: Any) -> Identity | None:
    """Return whose task it is, none for one that we did not send."""
    headers = dict(getattr(request, "headers", None) or {})
    found = identify({k: v for k, v in headers.items() if str(k).startswith("x-gameday")})
    if found is not None:
        return found
    whole = getattr(request, "request_dict", None) or getattr(request, "__dict__", {})
    return identify({k: v for k, v in whole.items() if str(k).startswith("x-gameday")})


def _result(state: str, retval: Any) -> Result:
    if isinstance(retval, dict) and retval.get("status") == TIMED_OUT:
        return Result.TIMED_OUT
    if type(retval).__name__ == "SoftTimeLimitExceeded":
        return Result.TIMED_OUT
    return RESULTS.get(state, Result.PERMANENT)
