"""Sending one request and, if wanted, receiving it: a developer's publisher and consumer in one.

    connect -> declare -> publish (mandatory, persistent) -> confirmed -> received -> acknowledged
       |          |          +-> returned, or refused           +-> not received in time
       |          +-> refused
       +-> no broker

pika's blocking channel waits for a confirm without a limit, so all of it goes on in a thread that
ends with the process, and whoever asked is told in time.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic, time
from typing import Any
from urllib.parse import urlsplit

import pika
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError

from gameday import secured
from gameday.errors import HarnessError, UsageError
from gameday.traffic.declaring import steps
from gameday.traffic.request import Request

CONFIRM_WITHIN_S = 10.0
RECEIVE_WITHIN_S = 30.0

Say = Callable[[str], None]
"""Takes a sentence for the log."""


@dataclass(frozen=True)
class Errand:
    """One request to be sent to a broker; `receive` also takes it from its queue again."""

    url: str
    request: Request
    receive: bool
    receive_within_s: float = RECEIVE_WITHIN_S

    @property
    def where(self) -> str:
        """The broker's host and port, without the secrets of its address."""
        place = urlsplit(self.url)
        return f"{place.hostname}:{place.port or 5672}"

    @property
    def who(self) -> str:
        """The request, as sentences name it."""
        return f"{self.request.message_type} {self.request.identifier}"


def enqueue(errand: Errand, say: Say) -> None:
    """Do it, or raise what became of the request instead, in one sentence."""
    ended: SimpleQueue[Exception | None] = SimpleQueue()
    parameters = _parameters(errand.url)
    threading.Thread(target=_run, args=(errand, parameters, say, ended), daemon=True).start()
    limit_s = CONFIRM_WITHIN_S + (errand.receive_within_s if errand.receive else 0)
    try:
        error = ended.get(timeout=limit_s)
    except Empty:
        raise HarnessError(
            f"{errand.where} did not answer within {limit_s:.0f} s: whether {errand.who} arrived "
            "is unknown; look at the broker (an alarm blocks publishers), then try again"
        ) from None
    if error is not None:
        raise error


def _parameters(url: str) -> Any:
    place = urlsplit(url)
    if place.scheme not in {"amqp", "amqps"} or not place.hostname:
        raise UsageError("the broker's address is no amqp:// URL; correct --amqp-url or AMQP_URL")
    try:
        parameters = secured.parameters(url)
    except ValueError as error:
        raise UsageError(f"the broker's address: {error}; correct --amqp-url or AMQP_URL") from None
    parameters.socket_timeout = parameters.stack_timeout = 5
    parameters.client_properties = {"connection_name": "gameday enqueue"}
    return parameters


def _run(errand: Errand, parameters: Any, say: Say, ended: "SimpleQueue[Exception | None]") -> None:
    try:
        _talk(errand, parameters, say)
    except secured.NO_CONNECTION as error:
        ended.put(HarnessError(_ended(errand, error)))
    except HarnessError as error:
        ended.put(error)
    else:
        ended.put(None)


def _talk(errand: Errand, parameters: Any, say: Say) -> None:
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        for method, arguments in steps(errand.request.declares):
            getattr(channel, method)(**arguments)
        channel.confirm_delivery()
        begun = monotonic()
        _publish(channel, errand.request)
        took_ms = (monotonic() - begun) * 1000
        say(
            f"{errand.who} is confirmed: {errand.where} took it for {_queues(errand.request)} "
            f"after {took_ms:.1f} ms"
        )
        if errand.receive:
            _receive(channel, errand, say)


def _publish(channel: Any, request: Request) -> None:
    channel.basic_publish(
        request.exchange, request.routing_key, request.body,
        pika.BasicProperties(
            content_type="application/json", delivery_mode=2, message_id=request.identifier,
            type=request.message_type, timestamp=int(time()),
        ),
        mandatory=True,
    )  # fmt: skip


def _receive(channel: Any, errand: Errand, say: Say) -> None:
    """Take messages until the request comes; the others go back when the connection closes."""
    deadline = monotonic() + errand.receive_within_s
    queue = errand.request.queues[0]
    others = 0
    for method, properties, _ in channel.consume(queue, inactivity_timeout=0.2):
        if method is not None and properties.message_id == errand.request.identifier:
            channel.basic_ack(method.delivery_tag)
            back = f"; {others} others go back to the queue" if others else ""
            say(f"{errand.who} is received from {queue} and acknowledged{back}")
            return
        others += method is not None
        if monotonic() > deadline:
            break
    raise HarnessError(
        f"{errand.who} was confirmed and not received from {queue} within "
        f"{errand.receive_within_s:.0f} s; another consumer of the queue may have had it: "
        "stop it, or leave out --receive"
    )


def _ended(errand: Errand, error: Exception) -> str:
    """Say how it ended otherwise, and what to do."""
    if isinstance(error, UnroutableError):
        return (
            f"{errand.who} was returned as unroutable: no queue is bound to exchange "
            f"{errand.request.exchange!r} with routing key {errand.request.routing_key!r}; bind one"
        )
    if isinstance(error, NackError):
        return (
            f"{errand.who} was refused by the broker, which nacked it; look at the queue's limits"
        )
    if isinstance(error, ChannelClosedByBroker):
        return f"{errand.where} refused: {error.reply_text}; nothing is enqueued for sure"
    return (
        f"no broker serves at {errand.where} ({type(error).__name__}); set AMQP_URL, or start a "
        "cluster with `gameday up`"
    )


def _queues(request: Request) -> str:
    return " and ".join(request.queues) or "no queue"
