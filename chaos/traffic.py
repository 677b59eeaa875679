"""What faults may do to the clients: a protocol that `chaos` defines and a run serves.

A client is an operating-system process. The run serves this over a Unix socket in its folder to
whichever processes carry the load; a site without clients uses `NoTraffic`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from gameday.errors import HarnessError

Role = Literal["publisher", "worker", "control"]


WEDGED, SLOWED, RESTING = "gd:wedged", "gd:slowed", "gd:resting"
FAILING, FLOODING = "gd:failing", "gd:flooding"
"""What a client's process is named while an order stands; 15 bytes are what the system keeps."""


@dataclass(frozen=True)
class Client:
    """One client process: which node it talks to, and which queue or producers are its own.

    `servers` is how many messages a worker handles at once.
    """

    name: str
    role: Role
    process: int
    pid: int
    node: str = ""
    queue: str = ""
    servers: int = 1
    producers: tuple[str, ...] = ()


class Traffic(Protocol):
    """The clients of a run, as faults may treat them."""

    def clients(self) -> tuple[Client, ...]:
        """Return every client that is alive."""

    def stop_publishers(self) -> None:
        """Stop publishing; consumers go on."""

    def start_publishers(self) -> None:
        """Publish again; harmless when nothing was stopped."""

    def kill(self, client: str) -> None:
        """Kill a client as `kill -9` does; the run counts its end as meant."""

    def signal(self, client: str, number: int) -> None:
        """Send a client a signal."""

    def pause(self, client: str) -> None:
        """Suspend a client's process."""

    def resume(self, client: str) -> None:
        """Let a suspended client go on; harmless when it was not suspended."""

    def wedge(self, client: str) -> None:
        """Let no handler of a worker end; its connection and its deliveries stay."""

    def slow(self, client: str, delay_ms: float) -> None:
        """Let a worker take so much longer over each message."""

    def fail(self, client: str) -> None:
        """Let a worker fail each message but on its last try."""

    def retried(self) -> int:
        """Return how many messages the workers have given back or published again so far."""

    def rest(self, client: str) -> None:
        """Let a worker's consumers cancel, and settle what they hold."""

    def flood(self, client: str, producer: str, factor: float) -> None:
        """Let a client's producer, or `all` of them, offer so many times its rate."""

    def herd(self, count: int, file: Path) -> None:
        """Start so many idle clients, which stay for as long as the file is there."""

    def add_workers(self, consumer: str, count: int) -> None:
        """Start workers of a consumer, so that so many more are alive."""

    def surge(self, count_factor: float) -> None:
        """Let every publisher send its surge, so many times as large, at once."""

    def poison(self, count: int) -> None:
        """Let every publisher that knows poison send so many messages of it."""

    def rejected(self) -> int:
        """Return how many messages the consumers have rejected so far."""

    def replay(self, count: int) -> None:
        """Let every publisher publish its last confirmed messages again, with their own ids."""

    def replayed(self) -> int:
        """Return how many messages have been published again so far."""

    def renew(self, password: str | None) -> None:
        """Let every client log in anew with another password; none: with its first one again."""


class NoTraffic:
    """A site without clients: there is nobody to stop, and nobody to strike."""

    def clients(self) -> tuple[Client, ...]:
        """Nobody."""
        return ()

    def stop_publishers(self) -> None:
        """Nobody publishes."""

    def start_publishers(self) -> None:
        """Nobody was stopped."""

    def kill(self, client: str) -> None:
        """There is nobody to kill."""
        _nobody(client)

    def signal(self, client: str, number: int) -> None:
        """There is nobody to signal."""
        _nobody(client, number)

    def pause(self, client: str) -> None:
        """There is nobody to suspend."""
        _nobody(client)

    def resume(self, client: str) -> None:
        """There is nobody to wake."""
        _nobody(client)

    def wedge(self, client: str) -> None:
        """There is nobody to wedge."""
        _nobody(client)

    def slow(self, client: str, delay_ms: float) -> None:
        """There is nobody to slow down."""
        _nobody(client, delay_ms)

    def fail(self, client: str) -> None:
        """There is nobody to fail."""
        _nobody(client)

    def retried(self) -> int:
        """Return 0: nobody tries again."""
        return 0

    def rest(self, client: str) -> None:
        """There is nobody to rest."""
        _nobody(client)

    def flood(self, client: str, producer: str, factor: float) -> None:
        """There is nobody to offer more."""
        _nobody(client, producer, factor)

    def herd(self, count: int, file: Path) -> None:
        """There is nobody to start a herd."""
        _nobody("a herd", count, file)

    def add_workers(self, consumer: str, count: int) -> None:
        """There is nobody to add to."""
        _nobody(consumer, count)

    def surge(self, count_factor: float) -> None:
        """Nobody surges."""

    def poison(self, count: int) -> None:
        """Nobody poisons."""

    def rejected(self) -> int:
        """Return 0: nobody rejects."""
        return 0

    def replay(self, count: int) -> None:
        """Nobody has anything to publish again."""

    def replayed(self) -> int:
        """Return 0: nobody publishes."""
        return 0

    def renew(self, password: str | None) -> None:
        """Nobody logs in."""


def _nobody(*asked: object) -> None:
    """Say that the site has no clients."""
    raise HarnessError(f"this site has no clients, so {asked[0]} cannot be reached.")
