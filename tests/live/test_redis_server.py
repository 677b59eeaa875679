"""A Redis server of ours: what each setting keeps, each way to hurt it, and nothing left of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from gameday.clusters import residue
from gameday.clusters.ports import Ports, is_free
from gameday.clusters.processes import with_token
from gameday.clusters.redis import RedisServer, redis_server
from gameday.clusters.redis_disk import fill_disk, free_disk
from gameday.clusters.redis_doors import WORKERS
from gameday.clusters.redis_record import DEFAULT, HARDENED, RedisSettings, recorded
from gameday.clusters.wait import wait_until

pytestmark = pytest.mark.live

BESIDE = 27000
"""Well apart from the session's cluster."""


def client(server: RedisServer) -> Any:
    """Return a plain client that comes by the clients' way, through Toxiproxy."""
    return redis.Redis(
        host=server.client.host, port=server.client.port, password=server.password,
        socket_timeout=1, socket_connect_timeout=1, retry=None,
    )  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Run a hardened server."""
    with redis_server(HARDENED, state_dir=tmp_path, beside=BESIDE) as running:
        yield running


@pytest.mark.parametrize(
    ("settings", "kept"), [(DEFAULT, 0), (HARDENED, 3)], ids=["default", "hardened"]
)
def test_what_a_kill_leaves(tmp_path: Path, settings: RedisSettings, kept: int) -> None:
    """As it comes Redis forgets what it had not saved yet; hardened it has every answered write."""
    with redis_server(settings, state_dir=tmp_path, beside=BESIDE) as running:
        assert client(running).lpush("tasks", "1", "2", "3") == 3
        before = running.process_id
        running.kill()
        with pytest.raises(redis.ConnectionError):
            client(running).ping()
        running.start()

        assert running.process_id != before
        assert client(running).llen("tasks") == kept


def test_a_cut_link_is_refused_and_mended(server: RedisServer) -> None:
    """Clients are refused while the link is cut, and the server lives behind it."""
    server.cut("reset")
    assert server.is_cut()
    with pytest.raises(redis.ConnectionError):
        client(server).ping()
    with server.connect() as direct:
        assert direct.ping()

    server.mend()

    assert client(server).ping()
    assert not server.is_cut()


def test_a_silent_link_swallows_and_is_mended(server: RedisServer) -> None:
    """Clients connect and hear nothing, until the link is mended."""
    server.cut("silent")
    with pytest.raises(redis.TimeoutError):
        client(server).ping()

    server.mend()

    assert client(server).ping()


def test_workers_are_silenced_alone(server: RedisServer) -> None:
    """Whoever comes by the workers' door hears nothing, and all others are served meanwhile."""
    worker = redis.Redis.from_url(server.url(door=WORKERS), socket_timeout=1, retry=None)
    assert worker.ping()
    server.cut("silent", (WORKERS,))
    assert server.cut_doors() == [WORKERS]
    with pytest.raises(redis.TimeoutError):
        worker.ping()
    assert client(server).ping()

    server.mend()

    assert worker.ping()
    assert server.cut_doors() == []


def test_what_a_silenced_worker_popped_is_nowhere(server: RedisServer) -> None:
    """A worker that waits for a task when its link goes silent: the task leaves its list for good.

    The pop is done before its answer arrives, and nobody has noted yet who holds it.
    """
    worker = redis.Redis.from_url(server.url(door=WORKERS), socket_timeout=3, retry=None)
    with ThreadPoolExecutor(1) as pool, server.connect() as direct:
        popped = pool.submit(worker.brpop, ["tasks"], 20)
        wait_until(
            lambda: any("b" in each["flags"] for each in direct.client_list()), 5,
            "the worker waits for a task", poll_ms=10,
        )  # fmt: skip
        server.cut("silent", (WORKERS,))
        direct.lpush("tasks", "one")
        wait_until(lambda: direct.llen("tasks") == 0, 5, "the task was popped", poll_ms=10)
        with pytest.raises(redis.TimeoutError):
            popped.result(10)
        server.mend()
        assert direct.keys() == []

    assert worker.lpop("tasks") is None


def test_a_full_memory_refuses_writes_and_keeps_what_is_there(server: RedisServer) -> None:
    """A write is refused in the words of Redis, nothing is evicted, and room lets writes in."""
    client(server).set("a", "1")
    server.fill()
    with pytest.raises(redis.ResponseError, match="used memory"):
        client(server).set("b", "2")
    assert client(server).get("a") == b"1"

    server.make_room()

    assert client(server).set("b", "2")


def test_a_full_disk_fails_a_snapshot_and_every_write_then(tmp_path: Path) -> None:
    """As it comes Redis refuses writes once a snapshot has failed, and keeps what it has."""
    with redis_server(DEFAULT, state_dir=tmp_path, beside=BESIDE) as running:
        client(running).set("a", "1")
        before = running.process_id
        assert "snapshot failed" in fill_disk(running)
        with pytest.raises(redis.ResponseError, match="RDB snapshots"):
            client(running).set("b", "2")
        assert client(running).get("a") == b"1"

        free_disk(running)

        assert running.process_id == before
        assert client(running).set("b", "2")
        assert client(running).dbsize() == 2


def test_a_full_disk_ends_a_server_that_forces_its_writes(server: RedisServer) -> None:
    """With an append-only file the server ends, and what it had answered is there again."""
    client(server).set("a", "1")
    before = server.process_id
    assert f"process {before} ended" in fill_disk(server)
    with pytest.raises(redis.ConnectionError):
        client(server).ping()

    free_disk(server)

    assert server.process_id not in {None, before}
    assert client(server).get("a") == b"1"
    assert client(server).set("b", "2")


def test_no_password_is_on_a_command_line_or_readable_by_others(server: RedisServer) -> None:
    """The password stands in private files alone, and who has none is refused."""
    processes = list(with_token(server.record.token))
    lines = [Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in processes]

    assert len(lines) == 2
    assert not any(server.password.encode() in line for line in lines)
    assert server.record.folder.stat().st_mode & 0o077 == 0
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host=server.client.host, port=server.client.port, retry=None).ping()


STARTER = """
import sys
from pathlib import Path
from gameday.clusters.redis import start_redis
from gameday.clusters.redis_record import HARDENED
start_redis(HARDENED, state_dir=Path(sys.argv[1]), beside=int(sys.argv[2]))
print("up", flush=True)
sys.stdin.read()
"""


def test_nothing_stays_of_a_killed_starter(tmp_path: Path) -> None:
    """A server whose starter was killed is found, its processes ended, its ports free again."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path), str(BESIDE)],
        env=os.environ.copy(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert starter.stdout is not None
    assert starter.stdin is not None
    assert starter.stdout.readline() == "up\n"
    assert residue.find_leftovers(tmp_path) == []
    (record,) = recorded(tmp_path)
    starter.send_signal(signal.SIGKILL)
    starter.wait()

    (left,) = residue.find_leftovers(tmp_path)
    said = residue.clean([left])

    assert said == [f"ended Redis on the ports from {record.base}: 2 processes"]
    assert list(with_token(record.token)) == []
    assert residue.find_leftovers(tmp_path) == []
    wait_until(lambda: all(map(is_free, Ports(record.base).listening())), 5, "its ports are free")
    starter.stdin.close()
    starter.stdout.close()
