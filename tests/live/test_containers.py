"""`docker compose` by itself, as a developer uses it, driven by testcontainers."""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pika
import pytest
import redis
import requests
from containers_stand import ROOT, images_or_skip, left_of, service_images
from testcontainers.compose import DockerCompose

from chaos import probes
from gameday.clusters.cluster import Address
from gameday.clusters.ports import CANDIDATES, is_free
from gameday.clusters.wait import NotYet, wait_until

pytestmark = pytest.mark.live
AMQP, MANAGEMENT = 5672, 15672


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give Compose the images that are here and a project of the test's own, gone afterwards."""
    name = f"gameday-test-{os.getpid()}"
    for variable, value in service_images(images_or_skip()).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", name)
    yield name
    assert left_of(name) == []


def test_a_developer_gets_one_broker(project: str) -> None:
    """`up rabbitmq` starts that one alone: AMQP on 5672, management on 15672, loopback only."""
    for port in (AMQP, MANAGEMENT):
        if not is_free(Address("127.0.0.1", port)):
            pytest.skip(f"containers: port {port} is taken — run with: make test, when it is free")
    with DockerCompose(ROOT, services=["rabbitmq"], profiles=["developer"], wait=True) as compose:
        assert [each.Service for each in compose.get_containers()] == ["rabbitmq"]
        with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", AMQP)) as connection:
            channel = connection.channel()
            channel.queue_declare("hello")
            channel.basic_publish("", "hello", b"world")
            _, _, body = channel.basic_get("hello", auto_ack=True)
        assert body == b"world"
        assert enqueued() == 0
        address = f"http://127.0.0.1:{MANAGEMENT}/api/overview"
        assert requests.get(address, auth=("guest", "guest"), timeout=5).ok
        assert not reached_from_outside(AMQP)


def enqueued() -> int:
    """Put a job of solstice's on that broker, as its developer does; return the exit code."""
    words = (
        *("enqueue", "--amqp-url", f"amqp://guest:guest@127.0.0.1:{AMQP}/%2f", "--receive"),
        *("--repo-url", "https://github.com/example/repo", "--commit-sha", "deadbeef" * 5),
    )
    return subprocess.run([sys.executable, "-m", "scenarios", *words], check=False).returncode


def reached_from_outside(port: int) -> bool:
    """Whether a port answers on an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.18.0.254", 9))  # Sends nothing: it only chooses an address.
        own = probe.getsockname()[0]
    return probes.greet(Address(own, port)) == probes.ANSWERED


@pytest.mark.nightly
def test_three_nodes_come_up_with_all_that_is_beside_them(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up` starts all in order: each node by its proxy, HAProxy, Redis, Prometheus with 3 nodes."""
    base = next(each for each in reversed(CANDIDATES) if is_free(Address("127.0.0.1", each + 11)))
    monkeypatch.setenv("GAMEDAY_BLOCK", str(base // 100))
    with DockerCompose(ROOT, wait=True):
        for port in (11, 12, 13, 60):
            assert probes.greet(Address("127.0.0.1", base + port)) == probes.ANSWERED
        assert redis.Redis(port=base + 63).ping()
        query = f"http://127.0.0.1:{base + 62}/api/v1/query?query=sum(up)"

        def scraped() -> bool | NotYet:
            with urllib.request.urlopen(query, timeout=5) as answer:
                found = answer.read().decode()
            return True if '"3"]' in found else NotYet(found)

        wait_until(scraped, 20, "Prometheus has scraped three nodes", poll_ms=500)
