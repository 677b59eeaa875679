"""A Redis server whose disk is full: made so by a limit on the size of its files.

What that does depends on its settings. As it comes, a snapshot fails, and from then on every write
is refused, until one succeeds. With an append-only file that is forced to the disk, the server ends
at the next write, as it does when a disk is really full.
"""

import os
import resource
from typing import Any

from gameday.clusters.processes import is_alive
from gameday.clusters.redis import RedisServer
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

BALLAST_DATABASE = 2
BALLAST = "ballast"
BALLAST_BYTES = 4 * 2**20
ROOM_BYTES = 2**20
"""More than what a server prints meanwhile, and less than its data with the ballast."""
WITHIN_S = 10.0


def fill_disk(server: RedisServer) -> str:
    """Let no file grow beyond what it needs; return what was seen of it."""
    pid = server.process_id
    if pid is None:
        raise HarnessError(f"{server.record.title} is not running.")
    log_bytes = (server.record.logs / "redis.log").stat().st_size
    is_forced = server.setting("appendonly") == "yes"
    with server.connect(BALLAST_DATABASE) as client:
        client.set(BALLAST, os.urandom(BALLAST_BYTES))
    _limit(pid, log_bytes + ROOM_BYTES)
    return _ended(server) if is_forced else _refuses(server)


def free_disk(server: RedisServer) -> None:
    """Lift the limit, start a server that has ended, and wait until it takes writes again."""
    pid = server.process_id
    if pid is None:
        server.start()
    else:
        _limit(pid, resource.RLIM_INFINITY)
        _save(server, "ok")
    with server.connect(BALLAST_DATABASE) as client:
        client.flushdb()


def _limit(pid: int, size_bytes: int) -> None:
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, most))


def _refuses(server: RedisServer) -> str:
    _save(server, "err")
    return "the last snapshot failed: every write is refused"


def _ended(server: RedisServer) -> str:
    """Write once more, which ends the server."""
    process = server.record.process("redis")
    assert process is not None
    try:
        with server.connect(BALLAST_DATABASE) as client:
            client.append(BALLAST, "x")
    except HarnessError:
        pass  # It ended before it could answer.
    wait_until(lambda: not is_alive(process), WITHIN_S, f"{server.record.title} ended", poll_ms=20)
    return f"process {process.pid} ended at a write to its append-only file"


def _save(server: RedisServer, wanted: str) -> None:
    """Take a snapshot, which must end as wanted."""

    def ended() -> bool | NotYet:
        with server.connect() as client:
            found: dict[str, Any] = client.info("persistence")
            if found["rdb_bgsave_in_progress"]:
                return NotYet("a snapshot is under way")
            if found["rdb_last_bgsave_status"] == wanted:
                return True
            client.bgsave(schedule=True)
        return NotYet(found["rdb_last_bgsave_status"])

    what = f"the last snapshot of {server.record.title} is {wanted}"
    wait_until(ended, WITHIN_S, what, poll_ms=50)
