"""Watching a run from outside: depths and alarms once a second, and the ledgers as they grow.

Samples go into `metrics/samples.jsonl` for the report's charts. The tally is what progress shows;
neither is what is judged.
"""

import contextlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic_ns
from typing import Any, Self

from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.broker import Broker
from gameday.clusters.facts import NodeView
from gameday.errors import HarnessError
from gameday.history.ledger import read_records
from gameday.history.records import Flag, Kind
from scenarios.switchboard import Switchboard

EVERY_S = 1.0
MEMORY_EVERY = 5
"""Which samples ask every node for its memory."""
OLD_NS = 3_000_000_000
"""A message confirmed for longer than this, unseen and in no queue, counts as lost so far."""


class Observer:
    """Samples the broker and tallies the ledgers, in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        broker: Broker | AttachedFacts,
        vhost: str,
        board: Switchboard,
        on_depths: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._on_depths = on_depths
        self._folder, self._broker, self._vhost, self._board = folder, broker, vhost, board
        self._tally = Tally(folder / "history")
        self._ready = self._samples = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(15)

    def figures(self) -> dict[str, int]:
        """Return what is known so far."""
        unseen = self._tally.unseen(monotonic_ns() - OLD_NS)
        return {
            "confirmed": self._tally.confirmed,
            "delivered": self._tally.delivered,
            "blocked": self._board.total("blocked"),
            "lost so far": max(0, unseen - self._ready),
        }

    def _watch(self) -> None:
        with (self._folder / "metrics" / "samples.jsonl").open("a") as file:
            while not self._done.wait(EVERY_S):
                self._tally.read_on()
                sample = self._sample()
                file.write(json.dumps(sample) + "\n")
                file.flush()
                self._on_depths(sample["depth"])

    def _sample(self) -> dict[str, Any]:
        sample: dict[str, Any] = {"time_ns": monotonic_ns(), "load": os.getloadavg()[0]}
        try:
            counts = self._broker.message_counts(self._vhost)
            view = self._broker.view(self._broker.serving_node())
        except (HarnessError, OSError) as error:
            return {**sample, "depth": {}, "unacked": {}, "alarms": [], "error": str(error)}
        self._ready = sum(ready for ready, _ in counts.values())
        return {
            **sample,
            "depth": {name: ready for name, (ready, _) in counts.items()},
            "unacked": {name: held for name, (_, held) in counts.items()},
            "alarms": [f"{alarm.kind} on {alarm.node}" for alarm in view.alarms],
            "memory": self._memory(view),
            "connections": self._board.total("connected") + self._board.total("consuming"),
        }

    def _memory(self, view: NodeView) -> dict[str, tuple[int, int]]:
        """Return each running node's memory and its limit, now and then."""
        self._samples += 1
        if self._samples % MEMORY_EVERY:
            return {}
        found = {}
        for node in sorted(view.running):
            with contextlib.suppress(HarnessError):
                found[node] = self._broker.memory(node)
        return found


class Tally:
    """Counts what the ledgers say so far; messages without our headers are counted, not named."""

    def __init__(self, folder: Path) -> None:
        self.confirmed = 0
        self.delivered = 0
        self._folder = folder
        self._read: dict[Path, int] = defaultdict(int)
        self._sent: dict[tuple[Path, int, int], tuple[int, int]] = {}
        self._oldest: dict[tuple[Path, int], int] = defaultdict(lambda: 1)
        self._kept: dict[tuple[int, int], int] = {}
        self._seen: set[tuple[int, int]] = set()
        self._nameless = 0

    def read_on(self) -> None:
        """Read what the load processes have written since the last time."""
        for path in sorted(self._folder.glob("*.ledger")):
            if "-control-" in path.name:
                continue
            records = read_records(path, self._read[path])
            self._read[path] += len(records)
            for record in records.tolist():
                self._count(path, record)

    def unseen(self, before_ns: int) -> int:
        """Return how many messages were confirmed before a time, and not seen since."""
        old = sum(at < before_ns for name, at in list(self._kept.items()) if name not in self._seen)
        return max(0, old - self._nameless)

    def _count(self, path: Path, record: tuple[int, ...]) -> None:
        at, sequence, tag, _, producer, channel = record[:6]
        flags, kind = record[9], record[11]
        if kind == Kind.INVOKE:
            self._sent[path, channel, tag] = producer, sequence
        elif kind == Kind.CONFIRMED:
            self._confirm(path, channel, tag, at, multiple=bool(flags & Flag.MULTIPLE))
        elif kind == Kind.RETURNED:
            self._seen.add((producer, sequence))  # Confirmed all the same, and in no queue.
        elif kind in {Kind.DELIVERED, Kind.DRAINED}:
            self.delivered += 1
            if flags & Flag.SEEN_BY_DIGEST:
                self._nameless += 1
            else:
                self._seen.add((producer, sequence))

    def _confirm(self, path: Path, channel: int, tag: int, at: int, *, multiple: bool) -> None:
        first = self._oldest[path, channel] if multiple else tag
        for each in range(first, tag + 1):
            name = self._sent.pop((path, channel, each), None)
            if name is not None:
                self.confirmed += 1
                self._kept[name] = at
        if multiple:
            self._oldest[path, channel] = tag + 1
