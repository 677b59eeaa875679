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
from gameday.traffic.health import HealthEndpoint
from gameday.traffic.keys import KEYS
from gameday.traffic.session import Session, open_session, targets_from_environment
from gameday.traffic.standing import Standing
from gameday.traffic.wire import SOCKET_NAME, Handlers, Wire


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
    health = HealthEndpoint(consumers) if contract.health else None
    wire = _join(folder, session, name, consumers, stop, health)
    stop.wait()
    drained = [each.drain(contract.drain_s) for each in consumers]
    wire.close()
    if health is not None:
        health.close()
    session.close()
    return 0 if all(drained) else 1


class Team:
    """The consumers of one worker, as the run orders them about; a signal ends what it ordered."""

    def __init__(self, session: Session, consumers: list[Consumer]) -> None:
        self._session = session
        self._consumers = consumers
        self._standing = Standing(self.go_on)

    def go_on(self) -> None:
        """Work as the contract says."""
        for consumer in self._consumers:
            consumer.go_on()

    def slow(self, delay_ms: float, shown: str) -> None:
        """Take so much longer over each message."""
        self._standing.show(shown)
        for consumer in self._consumers:
            consumer.delay_ms = delay_ms

    def fail(self, shown: str) -> None:
        """Fail each message for a while, but for its last try: what they call is down."""
        self._standing.show(shown)
        for consumer in self._consumers:
            consumer.fails_first = True

    def wedge(self, shown: str) -> None:
        """Let no handler end."""
        self._standing.show(shown)
        for consumer in self._consumers:
            consumer.wedge()

    def rest(self, shown: str) -> None:
        """Cancel, and settle what is held."""
        self._standing.show(shown)
        for consumer in self._consumers:
            consumer.rest()

    def rebalance(self) -> None:
        """Go back to the first node."""
        for consumer in self._consumers:
            consumer.rebalance()

    def renew(self, password: str | None) -> None:
        """Log in with another password from now on, and do it at once."""
        KEYS.renew(password)
        self._session.renew()
        for consumer in self._consumers:
            consumer.renew()


def _join(
    folder: Path,
    session: Session,
    name: str,
    consumers: list[Consumer],
    stop: Event,
    health: HealthEndpoint | None,
) -> Wire:
    team = Team(session, consumers)
    hello = {"role": "worker", "name": name, "process": session.ledger.process}
    orders: Handlers = {
        "slow": team.slow,
        "fail": team.fail,
        "wedge": team.wedge,
        "rest": team.rest,
        "rebalance": team.rebalance,
        "renew": team.renew,
        "stop": stop.set,
    }
    served = {} if health is None else {"health": health.url}
    return Wire(
        folder / SOCKET_NAME, hello, lambda: {**_report(consumers), **served}, orders, stop.set
    )


def _report(consumers: list[Consumer]) -> dict[str, Any]:
    return {
        "queue": consumers[0].queue,
        "servers": sum(each.servers for each in consumers),
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
