"""A producer in a process of its own: `traffic_producer.py RUN_FOLDER PRODUCER FIRST_NODE`.

It runs one producing service of the contract until SIGTERM, as Locust's user of it would: the same
schedule, pool, confirms and retries. It obeys the run, and ends at once when the run is gone.
"""

import signal
import sys
from pathlib import Path

import gevent
from gevent.event import Event

from gameday.traffic.joined import Joined
from gameday.traffic.session import open_session, targets_from_environment

ANSWERED_WITHIN_S = 20.0


def main(arguments: list[str]) -> int:
    """Publish when told to, until told to stop; 1 when publishes stayed unanswered."""
    folder, name, first = Path(arguments[0]), arguments[1], int(arguments[2])
    session = open_session(folder, name, targets_from_environment())
    contract = next(each for each in session.contract.producers if each.name == name)
    stop = Event()
    gevent.signal_handler(signal.SIGTERM, stop.set)
    gevent.signal_handler(signal.SIGINT, stop.set)
    joined = Joined(folder, session.ledger.process, session.seed, name)
    publisher = session.publisher(contract, first)
    joined.add(name, contract, publisher)
    stop.wait()
    publisher.stop()
    with gevent.Timeout(ANSWERED_WITHIN_S, False):
        while publisher.unanswered:
            gevent.sleep(0.01)
    left = publisher.unanswered
    joined.close()
    publisher.close()
    session.close()
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
