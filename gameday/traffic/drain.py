"""The last reader: `python -m gameday.traffic.drain RUN_FOLDER WINDOW_S WITHIN_S [CONTROL]`.

New connections, manual ack, recorded before acked, over every queue of the contract, again and
again until nothing came for a whole window. It exits 0 then, and 1 when time ran out or anything
failed: a drain that did not finish proves nothing. aio-pika serves here: speed decides nothing.
"""

import asyncio
import sys
from pathlib import Path
from time import monotonic, monotonic_ns

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError
from aiormq.abc import DeliveredMessage

from gameday import secured
from gameday.history.ledger import LedgerWriter
from gameday.history.records import Kind
from gameday.traffic.deliveries import Reader
from gameday.traffic.session import open_ledger, open_session, targets_from_environment
from gameday.traffic.tolerant import tolerate_pamqp

PREFETCH = 500
STEP_S = 0.25
CONNECT_S = 10.0


class Drain:
    """Reads every queue to its end. One consumer a queue, on one channel each."""

    def __init__(self, ledger: LedgerWriter) -> None:
        self._ledger = ledger
        self._last = monotonic()
        self.drained = 0

    async def run(self, url: str, queues: list[str], window_s: float, within_s: float) -> bool:
        """Drain until nothing came for a window; False when time ran out."""
        address = secured.for_aio_pika(url)
        connection = await asyncio.wait_for(aio_pika.connect(**address), CONNECT_S)
        async with connection:
            for name in queues:
                await asyncio.wait_for(self._consume(connection, name), CONNECT_S)
            return await self._settle(queues, window_s, within_s)

    async def _consume(self, connection: AbstractConnection, name: str) -> None:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        # aio-pika's own messages turn a priority that was never given into 0; the layer below not.
        underlay = await channel.get_underlay_channel()
        value = {"client": "drain", "role": "drain", "queue": name, "prefetch": PREFETCH}
        index = self._ledger.intern("channel", value)
        reader = Reader(self._ledger, name, kind=Kind.DRAINED)

        async def on_message(message: DeliveredMessage) -> None:
            self._last = monotonic()
            self.drained += 1
            delivery = reader.read(index, message, message.header.properties, message.body)
            reader.note(Kind.ACKED, index, delivery)
            await underlay.basic_ack(delivery.tag)

        await underlay.basic_consume(name, on_message)

    async def _settle(self, queues: list[str], window_s: float, within_s: float) -> bool:
        deadline = monotonic() + within_s
        self._last = monotonic()
        while monotonic() - self._last < window_s:
            if monotonic() > deadline:
                return False
            await asyncio.sleep(STEP_S)
        for name in queues:
            index = self._ledger.intern("queue", name)
            self._ledger.append(Kind.DRAIN_EMPTY, monotonic_ns(), queue=index)
        return True


async def drain(folder: Path, window_s: float, within_s: float, control: str | None) -> bool:
    """Drain the contract's queues, or a control's one, over the first node."""
    tolerate_pamqp()
    targets = targets_from_environment()
    if control is None:
        session = open_session(folder, "drain", targets)
        ledger, queues = session.ledger, [each.name for each in session.contract.topology.queues]
    else:
        ledger = open_ledger(folder, folder.name, f"{control}-drain", scope=control)
        queues = [control]
    reader = Drain(ledger)
    try:
        done = await reader.run(targets[0].url, queues, window_s, within_s)
    except (AMQPError, OSError, TimeoutError) as error:
        sys.stderr.write(f"the drain failed: {type(error).__name__}: {error}\n")
        return False
    finally:
        ledger.close()
    sys.stdout.write(f"{reader.drained}\n")
    return done


if __name__ == "__main__":
    _, folder_, window_, within_, *control_ = sys.argv
    finished = asyncio.run(
        drain(Path(folder_), float(window_), float(within_), control_[0] if control_ else None)
    )
    sys.exit(0 if finished else 1)
