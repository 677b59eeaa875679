"""The backlog that a fault strikes at: raised before it, and held while an owner's command runs.

A fault of our own strikes within a moment. An owner's command may take seconds, in which consumers
would serve most of what waited. Until it returns, as much as they serve falls due again, at most
one surge beyond what waits or is on its way: at whichever moment of its command the fault strikes,
it meets a backlog. How many copies were at risk is reckoned from the ledgers all the same.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from chaos.fault import unhurt
from chaos.plan import Episode
from gameday import secured
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError, UnansweredError
from scenarios.game import Game

STANDS_WITHIN_S = 6.0
LOOK_EVERY_S = 0.2
LOOK_WITHIN_S = 1.0
ARRIVES_WITHIN_S = 1.0
"""How long what was just ordered may be on its way without showing up in anybody's figures."""
WORTH_A_SHARE = 0.1
"""What part of a surge must be missing before more is ordered."""
NO_ANSWER = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)


def surge_of(game: Game) -> int:
    """Return how many messages the largest surge has."""
    return max(each.surge for each in game.contract.producers)


def raise_backlog(game: Game) -> None:
    """Let the surge fall due, and wait until it stands in the queue."""
    game.board.surge(1.0)
    wanted = surge_of(game) // 2

    def stands() -> bool | NotYet:
        ready, unsettled = game.broker.message_counts(game.vhost)[game.main_queue]
        return True if ready + unsettled >= wanted else NotYet(f"{ready} ready")

    try:
        wait_until(
            stands, STANDS_WITHIN_S, "a backlog stood", poll_ms=50, errors=(UnansweredError,)
        )
    except HarnessError as error:
        game.journal.append("note", text=str(error))  # The exposure rule judges it.


@contextmanager
def held_backlog(game: Game, episode: Episode) -> Iterator[Callable[[str], None]]:
    """Hold the backlog until all that strikes at once is applied; yield what a site shall call."""
    at_once = sum(not each.after_s for each in episode.faults)
    if not isinstance(game.cluster, CommandedCluster) or not surge_of(game):
        yield unhurt
        return
    keeper = Keeper(game, game.cluster, peers_of(episode, game.cluster.nodes), at_once)
    with ThreadPoolExecutor(max_workers=1) as pool:
        kept = pool.submit(lambda: asyncio.run(keeper.keep()))
        try:
            yield keeper.at
        finally:
            keeper.done.set()
            kept.result()
    if keeper.added:
        text = f"{keeper.added} more messages fell due while the owner's commands ran"
        game.journal.append("note", text=f"{text}, so that a backlog stood when the fault struck")


def peers_of(episode: Episode, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the nodes that an episode does not strike, or all where it strikes each."""
    struck = {name.strip() for each in episode.faults for name in str(each.target).split(",")}
    return tuple(node for node in nodes if node not in struck) or nodes


@dataclass
class Keeper:
    """Looks how much waits, by nodes that are not struck, and lets what is missing fall due."""

    game: Game
    cluster: CommandedCluster
    nodes: tuple[str, ...]
    to_strike: int
    added: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    _ordered: deque[tuple[float, int]] = field(default_factory=deque)
    _connection: AbstractConnection | None = None
    _looks: int = 0

    def at(self, point: str) -> None:
        """Take note of a point of a fault's life; nothing is held once all are applied."""
        self.to_strike -= point == "applied"
        if self.to_strike <= 0:
            self.done.set()

    async def keep(self) -> None:
        """Hold the backlog until told that all is applied."""
        try:
            while not self.done.is_set():
                try:
                    self._fill(await asyncio.wait_for(self._ready(), LOOK_WITHIN_S))
                except NO_ANSWER:  # Struck already, or too busy: another node is asked.
                    await self._hang_up()
                await asyncio.to_thread(self.done.wait, LOOK_EVERY_S)
        finally:
            await self._hang_up()

    def _fill(self, ready: int) -> None:
        """Order what is missing; what waits to be sent or confirmed is as good as there."""
        now, surge = monotonic(), surge_of(self.game)
        while self._ordered and now - self._ordered[0][0] > ARRIVES_WITHIN_S:
            self._ordered.popleft()
        ordered = sum(count for _, count in self._ordered)
        missing = surge - ready - max(ordered, self.game.board.total("unanswered"))
        if missing > WORTH_A_SHARE * surge and not self.done.is_set():
            self.game.board.surge(missing / surge)
            self._ordered.append((now, missing))
            self.added += missing

    async def _ready(self) -> int:
        """Ask the main queue, over a node that is not struck, how many messages are ready."""
        if self._connection is None:
            node = self.nodes[self._looks % len(self.nodes)]
            self._looks += 1
            url = self.cluster.amqp_url(node, self.game.vhost)
            self._connection = await aio_pika.connect(**secured.for_aio_pika(url))
        channel = await self._connection.channel()
        queue = await channel.declare_queue(self.game.main_queue, passive=True)
        await channel.close()
        return queue.declaration_result.message_count or 0

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*NO_ANSWER):
                await asyncio.wait_for(connection.close(), LOOK_WITHIN_S)
