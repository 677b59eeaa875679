"""The line between the run and the processes that carry its load: JSON lines on a Unix socket.

The run listens; each load process says who it is, then reports what it has done twice a second and
obeys what it is told. When the line breaks, the run is gone: a load process then ends by itself.
"""

import json
import os
import socket as blocking_socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent import socket

SOCKET_NAME = "run.sock"
REPORT_EVERY_S = 0.5

Handlers = dict[str, Callable[..., None]]


class Wire:
    """The load process's end of the line; works on gevent's loop."""

    def __init__(
        self,
        path: Path,
        hello: dict[str, Any],
        report: Callable[[], dict[str, Any]],
        handlers: Handlers,
        on_gone: Callable[[], None],
    ) -> None:
        self._report = report
        self._handlers = handlers
        self._on_gone = on_gone
        self._socket = socket.socket(blocking_socket.AF_UNIX, blocking_socket.SOCK_STREAM)
        self._socket.connect(short_path(path))
        self._say({"hello": {**hello, "pid": os.getpid()}})
        self._greenlets = [gevent.spawn(self._listen), gevent.spawn(self._report_often)]

    def say(self, name: str, value: Any) -> None:
        """Tell the run one thing, such as that a drain has ended."""
        self._say({name: value})

    def close(self) -> None:
        """Report once more and hang up."""
        gevent.killall(self._greenlets, block=False)
        self._say({"report": self._report()})
        self._socket.close()

    def _say(self, line: dict[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(line).encode() + b"\n")
        except OSError:
            return  # The listener notices the broken line and acts on it once.

    def _report_often(self) -> None:
        while True:
            self._say({"report": self._report()})
            gevent.sleep(REPORT_EVERY_S)

    def _listen(self) -> None:
        buffer = b""
        while data := self._receive():
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                self._handlers[order.pop("do")](**order)
        self._on_gone()

    def _receive(self) -> bytes:
        try:
            return bytes(self._socket.recv(65536))
        except OSError:
            return b""


def short_path(path: Path) -> str:
    """Return a path that fits a Unix socket's address (108 bytes), relative where that helps."""
    choices = (str(path), os.path.relpath(path))
    return min(choices, key=len)
