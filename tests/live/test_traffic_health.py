"""A worker's health endpoint on a real cluster: true when cut off, and when nothing is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from traffic_stand import Stand, stand, until

from gameday.clusters.cluster import How
from gameday.clusters.local import LocalCluster
from scenarios.probing import ask

NOTICED_WITHIN_S = 8.0
BACK_WITHIN_S = 20.0


@pytest.fixture
def here(cluster: LocalCluster, vhost: str, tmp_path: Path) -> Iterator[Stand]:
    """Give a run folder and clients on the session's cluster; every door is open afterwards."""
    with stand(cluster, vhost, tmp_path / "run") as made:
        yield made
    for node in cluster.nodes:
        cluster.mend_clients(node)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param("reset", "no connection to the broker", marks=pytest.mark.nightly),
        ("silent", "the broker has not answered"),
    ],
)
def test_the_endpoint_tells_the_truth(
    here: Stand, cluster: LocalCluster, how: How, reason: str
) -> None:
    """Well it is 200; cut off it is 503 with the reason; afterwards 200 again, and it works."""
    here.worker()
    url = str(here.board.callers("worker")[0].report["health"])
    assert ask(url) == (200, "")

    for node in cluster.nodes:
        cluster.cut_clients(node, how)
    until(lambda: ask(url)[0] == 503, NOTICED_WITHIN_S, "it says that it is cut off")
    assert reason in ask(url)[1]

    for node in cluster.nodes:
        cluster.mend_clients(node)
    until(lambda: ask(url)[0] == 200, BACK_WITHIN_S, "it says that it is well")
    here.sender().send(here.message())
    until(lambda: here.board.total("handled") == 1, 20, "it handles a message")


def test_another_path_is_not_its_health(here: Stand) -> None:
    """Only the path that the run was given answers for the worker."""
    here.worker()
    url = str(here.board.callers("worker")[0].report["health"])

    assert ask(url.replace("/health", "/"))[0] == 404


@pytest.mark.nightly
def test_asking_does_not_disturb(here: Stand) -> None:
    """With the broker asked once a second, prefetch and deliveries are as without."""
    here.worker()
    sender = here.sender()
    for _ in range(150):
        sender.send(here.message())

    until(lambda: here.board.total("handled") == 150, 40, "all are handled")

    assert here.board.total("delivered") == 150, "nothing came twice"
