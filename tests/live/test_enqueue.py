"""`gameday enqueue` on a real node: confirmed, received, returned, refused, and told so."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pika
import pytest

from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster
from gameday.contracts.load import load_contract
from gameday.errors import HarnessError
from gameday.traffic.enqueueing import Errand, enqueue
from gameday.traffic.request import Request, make_request
from scenarios.cli import main

pytestmark = pytest.mark.live

URL, SHA = "https://github.com/example/repo", "0123456789abcdef0123456789abcdef01234567"
QUEUE = "solstice.jobs.v1"


@pytest.fixture
def url(single: LocalCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give a virtual host of the test's own on one node."""
    name = request.node.name
    Broker(single).make_vhost(name)
    yield single.amqp_url("r1", name)
    Broker(single).drop_vhost(name)


def job() -> Request:
    """Make a request as the command does."""
    return make_request(load_contract("solstice", {}), {"repo_url": URL, "commit_sha": SHA})


def run(*words: str) -> int | str | None:
    """Run the command, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["enqueue", "--repo-url", URL, "--commit-sha", SHA, *words])
    return ended.value.code


def waiting(url: str, queue: str = QUEUE) -> int:
    """Return how many messages wait in a queue, as another client sees it."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        declared = connection.channel().queue_declare(queue, passive=True)
        return int(declared.method.message_count)


def test_a_request_lies_in_the_queue(url: str) -> None:
    """It is confirmed on an empty broker, and another client finds it: valid and persistent."""
    assert run("--amqp-url", url, "--runs-on", "illumos") == 0
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        _, properties, body = connection.channel().basic_get(QUEUE, auto_ack=True)

    assert (properties.delivery_mode, properties.type) == (2, "jobrequest.v1")
    said = json.loads(body)
    assert (said["repo_url"], said["commit_sha"], said["runs_on"]) == (URL, SHA, "illumos")
    assert said["request_id"] == properties.message_id


def test_it_is_received_and_the_others_stay(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--receive acknowledges its own request only, shows both, and declares again unharmed."""
    assert run("--amqp-url", url) == 0
    capsys.readouterr()

    assert run("--amqp-url", url, "--receive") == 0
    confirmed, received = capsys.readouterr().out.splitlines()
    assert " is confirmed: " in confirmed
    assert f" is received from {QUEUE} and acknowledged; 1 others go back" in received
    assert confirmed.split()[2] == received.split()[2]
    assert waiting(url) == 1


def test_names_come_from_flags(url: str) -> None:
    """A queue and an exchange of other names are declared, bound and used."""
    words = ("--queue", "mine", "--exchange", "jobs", "--routing-key", "k", "--dlx", "d")

    assert run("--amqp-url", url, *words) == 0
    assert waiting(url, "mine") == 1


def test_an_unroutable_request_is_said_to_be_returned(url: str) -> None:
    """Nothing is bound to its key: it is not taken for sent."""
    lost = replace(job(), routing_key="nobody")

    with pytest.raises(HarnessError, match=r"returned as unroutable: .* routing key 'nobody'"):
        enqueue(Errand(url, lost, receive=False), print)


def test_a_full_queue_is_said_to_refuse(url: str) -> None:
    """A queue that rejects at its limit nacks: the request is refused, not sent."""
    request = job()
    queues = tuple(
        queue.model_copy(
            update={"arguments": {**queue.arguments, "x-max-length": 0,
                                  "x-overflow": "reject-publish"}}
        )
        for queue in request.declares.queues
    )  # fmt: skip
    full = replace(request, declares=request.declares.model_copy(update={"queues": queues}))

    with pytest.raises(HarnessError, match="refused by the broker, which nacked it"):
        enqueue(Errand(url, full, receive=False), print)


def test_another_topology_is_said_to_be_refused(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The queue stands there otherwise: the broker's words, and nothing is published."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        connection.channel().queue_declare(QUEUE, durable=True)

    assert run("--amqp-url", url) == 4
    assert "PRECONDITION_FAILED" in capsys.readouterr().err
    assert waiting(url) == 0


def test_what_another_consumer_takes_is_not_said_to_be_received(url: str) -> None:
    """A consumer with priority has it first: confirmed, and after the limit not received."""
    request = job()
    enqueue(Errand(url, request, receive=True), print)
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.basic_consume(QUEUE, lambda *_: None, arguments={"x-priority": 9})

        with pytest.raises(HarnessError, match=r"confirmed and not received .* another consumer"):
            enqueue(Errand(url, job(), receive=True, receive_within_s=2), print)
