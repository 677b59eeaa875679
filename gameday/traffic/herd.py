"""A herd of idle clients: `python -m gameday.traffic.herd RUN_FOLDER COUNT FILE`.

Each is a connection with a channel, spread over the nodes, which comes back at once when it is
lost, as clients of one service do that nobody taught to wait. They publish and consume nothing.
The herd lives for as long as FILE is there, and as its run is.
"""

import os
import sys
from pathlib import Path

import gevent

from gameday.traffic.crash import end_on_defects
from gameday.traffic.link import Link
from gameday.traffic.purpose import Purpose
from gameday.traffic.session import open_session, targets_from_environment
from gameday.traffic.wire import SOCKET_NAME, Wire

LOOK_EVERY_S = 0.1


def main(arguments: list[str]) -> int:
    """Stand, and come back, until the file is gone."""
    end_on_defects()
    folder, count, file = Path(arguments[0]), int(arguments[1]), Path(arguments[2])
    session = open_session(folder, "herd", targets_from_environment())
    links = [
        Link(session.ledger, session.targets, number, _name(number), _idle, _idle)
        for number in range(count)
    ]

    def report() -> dict[str, int]:
        return {"standing": sum(link.is_open for link in links)}

    hello = {"role": "herd", "name": "herd", "process": session.ledger.process}
    wire = Wire(folder / SOCKET_NAME, hello, report, {}, lambda: os._exit(70))
    while file.exists():
        gevent.sleep(LOOK_EVERY_S)
    gevent.joinall([gevent.spawn(link.close) for link in links], timeout=10)
    wire.close()
    session.close()
    return 0


def _name(number: int) -> Purpose:
    return Purpose("idle", f"herd-{number}")


def _idle(_: Link) -> None:
    """Do nothing with a connection that stands, or is lost."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
