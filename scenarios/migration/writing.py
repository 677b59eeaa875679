"""The manifest of a migration: begun before the first leg, written anew after each batch."""

import importlib.metadata
import platform
import shlex
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gameday.history.folder import git_commit, host, write_manifest
from gameday.history.migration.rules import RULES
from scenarios.migration.brokers import Brokers
from scenarios.migration.options import Ready
from scenarios.migration.rows import left_out
from scenarios.migration.stand import Stand

LIBRARIES = ("celery", "kombu", "amqp", "redis", "billiard", "numpy", "pandas")


@dataclass
class Manifest:
    """What is known so far; every change is on the disk when the call returns."""

    folder: Path
    content: dict[str, Any]

    @classmethod
    def begin(cls, ready: Ready, stand: Stand, brokers: Brokers) -> "Manifest":
        """Write down what is about to be played."""
        cluster = brokers.cluster
        libraries = {name: importlib.metadata.version(name) for name in LIBRARIES}
        found = cls(stand.folder, {
            "kind": "migration", "run": stand.run, "system": ready.system,
            "suite": ready.asked.suite, "seed": ready.asked.seed,
            "candidate": ready.candidate.id, "rules": dict(RULES),
            "rows": [row.as_json(stand.sides[row.id].arguments) for row in ready.rows],
            "legs": [], "rehearsal": [],
            "untested": left_out(cluster.version) if ready.own is None else [],
            "versions": {
                "rabbitmq": cluster.version,
                "erlang": cluster.evaluate("r1", "erlang:system_info(otp_release)").strip('"'),
                "redis": brokers.servers[ready.redis.id].version(),
                "celery": libraries["celery"], "kombu": libraries["kombu"],
                "python": platform.python_version(),
            },
            "nodes": list(cluster.nodes), "host": host(), "git": git_commit(),
            "libraries": libraries, "command": shlex.join(("gameday", *sys.argv[1:])),
            "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "monotonic_zero_ns": time.monotonic_ns(),
        })  # fmt: skip
        write_manifest(found.folder, found.content)
        return found

    def add(self, name: str, *entries: dict[str, Any]) -> None:
        """Add legs, or steps of the rehearsal."""
        self.content[name].extend(entries)
        write_manifest(self.folder, self.content)
