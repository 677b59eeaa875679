"""A standing order: what a fault told this process to do, until a signal ends it.

The run gives the order over its line, and anybody on this machine may end it with SIGUSR1: the run,
the watchdog, `gameday heal`. While it stands it is the process's name in `/proc/PID/comm`, so that
whoever is to heal it can see from outside whether it still does. One signal ends all orders.
"""

import signal
from collections.abc import Callable
from pathlib import Path

import gevent

COMM = Path("/proc/self/comm")


class Standing:
    """Shows an order in this process's name, and goes on as before when it is signalled."""

    def __init__(self, go_on: Callable[[], None]) -> None:
        self._go_on = go_on
        self._name = COMM.read_text(encoding="utf-8").strip()
        gevent.signal_handler(signal.SIGUSR1, self._end)

    def show(self, order: str) -> None:
        """Take an order's word for a name; the system keeps its first 15 bytes."""
        COMM.write_text(order, encoding="utf-8")

    def _end(self) -> None:
        self._go_on()
        COMM.write_text(self._name, encoding="utf-8")
