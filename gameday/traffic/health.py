"""A worker's health endpoint: `GET /health` on loopback says whether it can work, and if not why.

200 when every consumer stands on the broker's books and the broker answers; else 503 with the
reason. A connection that fell silent looks open for as long as its heartbeat, a minute or two, so
each consumer asks the broker something small once a second (`basic.qos`, which changes nothing when
it says what is so already) and counts how long the answer takes.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer

from gameday.traffic.consumer import Consumer

ASK_EVERY_S = 1.0
SILENT_AFTER_S = 3.0
PATH = "/health"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Pulse:
    """Whether one consumer can work; asks the broker by itself as long as its channel stands."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._channel = 0
        self._asked_s: float | None = None
        self._asking = gevent.spawn(self._ask_often)

    def complaint(self) -> str:
        """Return why it cannot work; empty when it can."""
        link = self._consumer.link
        if not link.is_open:
            return "no connection to the broker"
        if not self._consumer.is_consuming:
            return "not on the broker's books as a consumer"
        silent_s = 0.0 if self._asked_s is None else monotonic() - self._asked_s
        if self._channel == link.channel_index and silent_s > SILENT_AFTER_S:
            return f"the broker has not answered for {silent_s:.1f} s"
        return ""

    def close(self) -> None:
        """Ask no more."""
        self._asking.kill(block=False)

    def _ask_often(self) -> None:
        while True:
            link = self._consumer.link
            if link.channel_index != self._channel:
                self._channel, self._asked_s = link.channel_index, None
            if self._consumer.is_consuming and self._asked_s is None:
                self._asked_s = monotonic()
                self._consumer.ask(self._answered(link.channel_index))
            gevent.sleep(ASK_EVERY_S)

    def _answered(self, channel: int) -> Callable[[Any], None]:
        def note(_: Any) -> None:
            if channel == self._channel:
                self._asked_s = None

        return note


class HealthEndpoint:
    """Serves the health of a worker's consumers over HTTP, on a free port of loopback."""

    def __init__(self, consumers: Iterable[Consumer]) -> None:
        self._pulses = [Pulse(each) for each in consumers]
        self._server = WSGIServer(("127.0.0.1", 0), self._serve, log=None)
        self._server.start()

    @property
    def url(self) -> str:
        """Where it is to be asked."""
        return f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def close(self) -> None:
        """Answer no more."""
        self._server.stop(timeout=0)
        for pulse in self._pulses:
            pulse.close()

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Sequence[bytes]:
        if environ["PATH_INFO"] != PATH:
            start_response("404 Not Found", [("Content-Type", "application/json")])
            return [json.dumps({"status": "unknown", "reason": f"ask for {PATH}"}).encode()]
        reasons = sorted({reason for pulse in self._pulses if (reason := pulse.complaint())})
        status = "503 Service Unavailable" if reasons else "200 OK"
        start_response(status, [("Content-Type", "application/json")])
        text = {"status": "cut off" if reasons else "ok", "reason": "; ".join(reasons)}
        return [json.dumps(text).encode()]
