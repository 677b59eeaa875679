"""The negative controls' clients: deliberately unsafe, so that a run proves that it can see loss.

    python -m gameday.traffic.unsafe RUN_FOLDER CONTROL publish|consume

What each does wrong, and what harms it, stands in `gameday/history/harm.py`. Those without
confirms alone record *confirmed* at the socket write, which is the mistake that they show.

Their ledgers carry the control's name as scope, and are judged apart from the system's own.
"""

import signal
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any, Literal

import gevent
import pika
from gevent.event import Event

from gameday import secured
from gameday.contracts import model
from gameday.history.harm import AUTOMATIC_ACK, NO_CONFIRMS, NOT_MANDATORY, REFUSED, TRANSIENT
from gameday.history.ledger import LedgerWriter
from gameday.history.records import Disposition
from gameday.traffic.consumer import Consumer
from gameday.traffic.crash import end_on_defects
from gameday.traffic.identity import PERMANENT
from gameday.traffic.lanes import Manners
from gameday.traffic.messages import Outgoing, Route, Sequences
from gameday.traffic.purpose import Target
from gameday.traffic.sender import Sender
from gameday.traffic.session import open_ledger, targets_from_environment
from gameday.traffic.settling import Tools
from gameday.traffic.wire import SOCKET_NAME, Wire

NO_CONFIRM = frozenset({NO_CONFIRMS, REFUSED})
BY_EXCHANGE = frozenset({REFUSED, NOT_MANDATORY})
"""Controls that publish by an exchange of their own, which has their name."""
BODY = b'{"control": true}'.ljust(500)
SERVICE_MS = 25
PREFETCH = 250


@dataclass
class Publishing:
    """The publishing half of a control."""

    sender: Sender
    ledger: LedgerWriter
    route: Route
    sequences: Sequences

    def publish(self, count: int, over_s: float, *, poison: bool = False) -> None:
        """Publish so many messages, evenly over a time; poison fails in every handler."""
        gevent.spawn(self._publish, count, over_s, poison)

    def report(self) -> dict[str, Any]:
        """Say what was sent and what is thought to be safe."""
        tally = self.sender.tally
        return {"control_sent": tally.sent, "control_confirmed": tally.confirmed,
                "control_connected": self.sender.open_links}  # fmt: skip

    def _publish(self, count: int, over_s: float, poison: bool) -> None:
        expect, fail = (Disposition.REJECT, PERMANENT) if poison else (Disposition.ACK, 0)
        for _ in range(count):
            sequence = self.sequences.next()
            identifier = f"{self.ledger.process:08x}-0000-4000-8000-{sequence:012x}"
            message = Outgoing(
                self.ledger.process, sequence, monotonic_ns(), None, expect, fail, BODY,
                zlib.crc32(BODY), identifier, self.route,
            )  # fmt: skip
            self.sender.send(message)
            gevent.sleep(over_s / count)


def main(arguments: list[str]) -> int:
    """Do a control's half until told to stop."""
    end_on_defects()
    folder, control, half = Path(arguments[0]), arguments[1], arguments[2]
    targets = targets_from_environment()
    ledger = open_ledger(folder, folder.name, f"{control}-{half}", scope=control)
    stop = Event()
    gevent.signal_handler(signal.SIGTERM, stop.set)
    if half == "publish":
        _publish(folder, control, targets, ledger, stop)
    else:
        _consume(folder, control, targets, ledger, stop)
    ledger.close()
    return 0


def _publish(
    folder: Path, control: str, targets: tuple[Target, ...], ledger: LedgerWriter, stop: Event
) -> None:
    _declare(targets[0].url, control)
    exchange = control if control in BY_EXCHANGE else ""
    value = {"exchange": exchange, "routing_key": control, "type": "control", "queues": [control]}
    route = Route(
        ledger.intern("route", value), exchange, control, "control",
        mandatory=control not in {NOT_MANDATORY, REFUSED}, persistent=control != TRANSIENT,
    )  # fmt: skip
    believes: Literal["socket", "broker"] = "socket" if control in NO_CONFIRM else "broker"
    manners = Manners(control, pool=1, attempts=1, believes=believes)
    publishing = Publishing(Sender(ledger, targets, manners), ledger, route, Sequences())
    hello = {"role": "control", "name": f"{control}-publish", "process": ledger.process}
    orders = {"publish": publishing.publish, "stop": stop.set}
    wire = Wire(folder / SOCKET_NAME, hello, publishing.report, orders, stop.set)
    stop.wait()
    publishing.sender.close()
    wire.close()


def _declare(url: str, queue: str) -> None:
    connection = pika.BlockingConnection(secured.parameters(url))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    if queue in BY_EXCHANGE:
        channel.exchange_declare(queue, "direct", durable=True)
        channel.queue_bind(queue, queue, queue)
    connection.close()


def _consume(
    folder: Path, control: str, targets: tuple[Target, ...], ledger: LedgerWriter, stop: Event
) -> None:
    contract = model.Consumer(
        name=control, queue=control, prefetch=PREFETCH, retry="none",
        manual_ack=control != AUTOMATIC_ACK,
        service_ms=SERVICE_MS if control == AUTOMATIC_ACK else 1,
    )  # fmt: skip
    tools = Tools(ledger, targets, None, lambda *_: True, {})
    consumer = Consumer(contract, tools, 0, f"{control}-consume")

    def report() -> dict[str, Any]:
        served = consumer.served
        return {"control_handled": served.handled, "control_held": consumer.unsettled,
                "control_rejected": served.rejected,
                "control_connected": int(consumer.is_consuming)}  # fmt: skip

    hello = {"role": "control", "name": f"{control}-consume", "process": ledger.process}
    wire = Wire(folder / SOCKET_NAME, hello, report, {"stop": stop.set}, stop.set)
    stop.wait()
    consumer.drain(10)
    wire.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
