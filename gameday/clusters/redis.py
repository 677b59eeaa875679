"""A Redis server of ours: a real process on loopback, reached through a Toxiproxy of its own.

    claim ports -> write redis.json -> toxiproxy -> redis-server -> it answers

For the migration alone, which compares Celery on Redis with Celery on RabbitMQ. The same powers
as a node has: kill, pause, cut the link, and let the memory be full. What a dead starter left is
found as a cluster's leftovers are (`residue.py`).
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import redis

from gameday.clusters.ports import LOOPBACK, claim_block
from gameday.clusters.processes import (
    OWNER_VARIABLE,
    clean_environment,
    end,
    is_alive,
    kill,
    reference,
    send_signal,
    spawn,
    tail,
    with_token,
)
from gameday.clusters.redis_doors import PROXY, RedisDoors
from gameday.clusters.redis_record import (
    FILE_NAME,
    RedisRecord,
    RedisSettings,
    create_folder,
    load_record,
    server_folder,
)
from gameday.clusters.residue import end_processes, remove_cluster
from gameday.clusters.toxiproxy import find_binary
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError, UsageError

ANSWERS_WITHIN_S = 15.0
CALL_WITHIN_S = 5.0


class RedisServer(RedisDoors):
    """A running Redis server and what can be done to it."""

    @property
    def password(self) -> str:
        """The password that clients give; never to be logged or put on a command line."""
        return self.record.password

    @property
    def owner_environment(self) -> dict[str, str]:
        """What a child of the run needs in its environment to be found as a leftover."""
        return {OWNER_VARIABLE: self.record.token}

    @property
    def process_id(self) -> int | None:
        """The server's process id, none when it is not running."""
        process = self.record.process("redis")
        return process.pid if process is not None and is_alive(process) else None

    def url(self, database: int = 0, door: str = PROXY) -> str:
        """Return the URL, password included, by which clients reach it, through Toxiproxy."""
        return f"redis://:{self.password}@{self.doors[door]}/{database}"

    @contextmanager
    def connect(self, database: int = 0) -> Iterator[Any]:
        """Give a client on the control path, which passes no proxy; each call has a limit."""
        client = redis.Redis(
            host=self.direct.host, port=self.direct.port, db=database, password=self.password,
            socket_timeout=CALL_WITHIN_S, socket_connect_timeout=CALL_WITHIN_S,
            decode_responses=False,
        )  # fmt: skip
        try:
            yield client
        except redis.RedisError as error:
            raise HarnessError(f"{self.record.title}: {type(error).__name__}: {error}") from error
        finally:
            client.close()

    def version(self) -> str:
        """Return the server's version."""
        with self.connect() as client:
            return str(client.info("server")["redis_version"])

    def setting(self, name: str) -> str:
        """Return a setting as the server has it now."""
        with self.connect() as client:
            found = client.execute_command("CONFIG GET", name)
        plain = {_text(key): _text(value) for key, value in dict(found).items()}
        return plain[name]

    def start(self, *, wait: bool = True) -> None:
        """Start a server that is not running and, unless told otherwise, wait until it answers."""
        process = spawn(
            [str(self.record.binary), str(self.record.folder / "redis.conf")],
            clean_environment(self.record.token, self.record.folder),
            self.record.logs / "redis.log",
        )
        self.record.remember("redis", process)
        if wait:
            self.wait_answers()

    def wait_answers(self) -> None:
        """Wait until the server answers and has read its data back."""
        wait_until(self._answers, ANSWERS_WITHIN_S, f"{self.record.title} answered", poll_ms=20)

    def kill(self) -> None:
        """Kill the server at once, as `kill -9` does, and return when it is gone."""
        kill(self._living())

    def stop(self) -> None:
        """Stop the server in good order: it saves what its save points want."""
        end(self._living(), within_s=ANSWERS_WITHIN_S)

    def pause(self) -> None:
        """Suspend the server's process."""
        send_signal(self._living(), SIGSTOP)

    def resume(self) -> None:
        """Let a suspended server go on; harmless when it was not suspended."""
        send_signal(self._living(), SIGCONT)

    def fill(self) -> int:
        """Let the memory be full: allow no more than is used, and return how much that is."""
        with self.connect() as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory", max(1, used // 2))
        return used

    def make_room(self) -> None:
        """Lift the limit again."""
        with self.connect() as client:
            client.config_set("maxmemory", 0)

    def close(self) -> None:
        """End the server and its Toxiproxy, and remove its folder."""
        remove_cluster(self.record)

    def _answers(self) -> bool | NotYet:
        if self.process_id is None:
            raise HarnessError(
                f"{self.record.title} ended: {tail(self.record.logs / 'redis.log', 400)}"
            )
        try:
            with self.connect() as client:
                return bool(client.ping())
        except HarnessError as error:  # It refuses, or still loads its data.
            return NotYet(error)

    def _living(self) -> Any:
        process = self.record.process("redis")
        if process is None or not is_alive(process):
            raise HarnessError(f"{self.record.title} is not running.")
        return process


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def find_redis() -> Path:
    """Return the Redis server's binary."""
    found = shutil.which("redis-server")
    if found is None:
        raise UsageError(
            "no redis-server on this machine: run `make setup`, or install it "
            "(Debian, Ubuntu: apt-get install redis-server)."
        )
    return Path(found)  # Not resolved: Debian links it to another program, which asks its own name.


def start_redis(
    settings: RedisSettings, *, state_dir: Path, beside: int | None = None
) -> RedisServer:
    """Start a server; return it when it answers, or leave nothing running behind."""
    binary, toxiproxy = find_redis(), find_binary()
    owner = reference(os.getpid())
    assert owner is not None
    claim = claim_block(beside=beside, is_haunted=lambda base: _is_haunted(state_dir, base))
    base = claim.ports.base
    record = RedisRecord(
        folder=server_folder(state_dir.resolve(), base), base=base, token=secrets.token_hex(16),
        owner=owner, settings=settings, binary=binary, toxiproxy=toxiproxy,
    )  # fmt: skip
    server = RedisServer(record)
    try:
        create_folder(record)
        _write_configuration(record)
        record.save()
        server.start_toxiproxy(claim)
        server.start()
    except HarnessError:
        end_processes(record)
        (record.folder / FILE_NAME).unlink(missing_ok=True)
        raise
    finally:
        claim.release()
    return server


def load(state_dir: Path, base: int) -> RedisServer:
    """Attach to the server that is recorded for a block."""
    return RedisServer(load_record(server_folder(state_dir, base)))


@contextmanager
def redis_server(
    settings: RedisSettings, *, state_dir: Path, beside: int | None = None
) -> Iterator[RedisServer]:
    """Run a Redis server for the time of a block."""
    server = start_redis(settings, state_dir=state_dir, beside=beside)
    try:
        yield server
    finally:
        server.close()


def _is_haunted(state_dir: Path, base: int) -> bool:
    """Whether processes of an earlier server of the block still run."""
    with suppress(HarnessError):
        return any(with_token(load_record(server_folder(state_dir, base)).token))
    return False


def _write_configuration(record: RedisRecord) -> None:
    """Write what the server reads; it holds the password, so the folder is private."""
    lines = [
        f"bind {LOOPBACK}",
        f"port {record.base}",
        "protected-mode yes",
        "daemonize no",
        # Else it writes its title over its environment, and is not found by its token any more.
        "set-proc-title no",
        f"dir {record.data}",
        f"requirepass {record.password}",
        'logfile ""',
        *record.settings.lines,
    ]  # fmt: skip
    (record.folder / "redis.conf").write_text("\n".join([*lines, ""]), encoding="utf-8")
