"""A worker process: `python -m gameday.traffic.worker RUN_FOLDER CONSUMER FIRST_NODE`.

It runs the contract's consumers of one service until SIGTERM, then drains: it takes no more,
finishes what it holds, acks, and exits 0; 1 when the contract's time did not suffice. When the run
that started it is gone, it drains as well.
"""

import signal
import sys
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from gameday.traffic.consumer import Consumer
from gameday.traffic.crash import end_on_defects
from gameday.traffic.session import Session, open_session, targets_from_environment
from gameday.traffic.wire import SOCKET_NAME, Wire


def main(arguments: list[str]) -> int:
    """Serve until told to stop; return the exit code."""
    end_on_defects()
    folder, name, first = Path(arguments[0]), arguments[1], int(arguments[2])
    session = open_session(folder, name, targets_from_environment())
    contract = next(each for each in session.contract.consumers if each.name == name)
    stop = Event()
    gevent.signal_handler(signal.SIGTERM, stop.set)
    gevent.signal_handler(signal.SIGINT, stop.set)
    consumers = [
        session.consumer(contract, first + number, number) for number in range(contract.concurrency)
    ]
    wire = _join(folder, session, name, consumers, stop)
    stop.wait()
    drained = [each.drain(contract.drain_s) for each in consumers]
    wire.close()
    session.close()
    return 0 if all(drained) else 1


def _join(
    folder: Path, session: Session, name: str, consumers: list[Consumer], stop: Event
) -> Wire:
    def slow(delay_ms: float) -> None:
        for consumer in consumers:
            consumer.delay_ms = delay_ms

    def rebalance() -> None:
        for consumer in consumers:
            consumer.rebalance()

    hello = {"role": "worker", "name": name, "process": session.ledger.process}
    return Wire(
        folder / SOCKET_NAME,
        hello,
        lambda: _report(consumers),
        {"slow": slow, "stop": stop.set, "rebalance": rebalance},
        stop.set,
    )


def _report(consumers: list[Consumer]) -> dict[str, Any]:
    return {
        "queue": consumers[0].queue,
        "delivered": sum(each.served.delivered for each in consumers),
        "handled": sum(each.served.handled for each in consumers),
        "rejected": sum(each.served.rejected for each in consumers),
        "retried": sum(each.served.retried for each in consumers),
        "unsettled": sum(each.unsettled for each in consumers),
        "consuming": sum(each.is_consuming for each in consumers),
        "nodes": [each.link.node for each in consumers if each.is_consuming],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
