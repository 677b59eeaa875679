"""What a contract means on which version of the broker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.contracts.topology import (
    Expectation,
    applies,
    effective_priority,
    expectations,
    for_version,
    settings_for,
    with_alternative,
)
from gameday.errors import UsageError


@pytest.fixture(scope="module")
def sparki() -> Contract:
    """Return sparki's contract."""
    return load_contract("sparki")


@pytest.mark.parametrize(
    ("versions", "version", "taken"),
    [
        (">=4.3", "4.3.0-rc.1", True),
        ("<4.3", "4.3.0-rc.1", False),
        ("<4", "3.13.7", True),
        (">=3.12,<4", "3.10.8-1+deb12u1", False),
        ("", "3.10.8", True),
        ("<4", "v4.0.5", False),
    ],
)
def test_a_candidate_counts_as_its_release(versions: str, version: str, taken: bool) -> None:
    """Release candidates and packages' suffixes do not change which side of a bound it is."""
    assert applies(versions, version) is taken


def test_what_is_no_version_is_a_usage_error() -> None:
    """A word in place of a version is refused in a sentence."""
    with pytest.raises(UsageError, match='"latest" is no broker version'):
        applies(">=4", "latest")


def test_each_version_gets_the_settings_that_it_takes(sparki: Contract) -> None:
    """3.10.8 would not boot with the key that 4.3 has, so each goes where it is understood."""
    values = {
        version: {
            where: [setting.value for setting in settings]
            for where, settings in settings_for(sparki, version, "tuned").items()
        }
        for version in ("3.10.8", "4.0.5", "4.3.6")
    }
    tick = {"erlang": ["-kernel net_ticktime 3"]}
    pause = "cluster_partition_handling = pause_minority"
    poll = "raft.adaptive_failure_detector.poll_interval = 500"
    vanished = "consumer_disconnected_timeout = 1000"
    old = "{aten, [{poll_interval, 500}]}"
    retry = "{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 3000}]}"
    assert values == {
        "3.10.8": {"rabbitmq.conf": [pause], "advanced.config": [old, retry], **tick},
        "4.0.5": {"rabbitmq.conf": [pause, poll], "advanced.config": [retry], **tick},
        "4.3.6": {"rabbitmq.conf": [poll, vanished], "advanced.config": [retry], **tick},
    }


def test_stock_settings_are_the_broker_s_own_but_for_the_partition_handling(
    sparki: Contract,
) -> None:
    """Without tuning only what keeps a cluster from splitting is left."""
    stock = settings_for(sparki, "3.10.8", "stock")
    assert [setting.value for setting in stock["rabbitmq.conf"]] == [
        "cluster_partition_handling = pause_minority"
    ]
    assert set(stock) == {"rabbitmq.conf"}
    assert settings_for(sparki, "4.3.6", "stock") == {}


@pytest.mark.parametrize(
    ("version", "own", "quorum"),
    [
        ("3.10.8", "classic", "fifo"),
        ("3.13.7", "classic", "fifo"),
        ("4.0.5", "classic", "two_classes"),
        ("4.2.0", "classic", "two_classes"),
        ("4.3.6", "classic", "strict"),
    ],
)
def test_priorities_are_expected_by_type_and_version(
    sparki: Contract, version: str, own: Expectation, quorum: Expectation
) -> None:
    """The classic queue keeps its priorities on every version, the quorum queue by version."""
    assert expectations(sparki.topology, version)["builds"] == own
    changed = with_alternative(sparki, "quorum-builds")
    assert expectations(changed.topology, version)["builds"] == quorum


def test_mirrors_are_judged_only_where_mirroring_exists(sparki: Contract) -> None:
    """From 4.0 on builds is judged by its messages, not by replicas that it cannot have."""
    checks = {
        version: [
            criterion.check
            for row in for_version(sparki, version).requirements
            if row.id == "sparki-02"
            for criterion in row.criteria
        ]
        for version in ("3.10.8", "4.0.5")
    }
    assert checks["3.10.8"] == ["topology", "members", "inversions", "loss"]
    assert checks["4.0.5"] == ["topology", "inversions", "loss"]


@pytest.mark.parametrize(
    ("expectation", "most", "effective"),
    [
        ("classic", 10, [0, 4, 5, 10, 10, 0]),
        ("classic", 4, [0, 4, 4, 4, 4, 0]),
        ("fifo", None, [0, 0, 0, 0, 0, 0]),
        ("two_classes", None, [0, 0, 1, 1, 1, 0]),
        ("strict", None, [0, 4, 5, 10, 31, 4]),
    ],
)
def test_the_effective_priority_is_what_the_queue_goes_by(
    expectation: Expectation, most: int | None, effective: list[int]
) -> None:
    """Each kind of queue sees the priorities 0, 4, 5, 10, 200 and none in its own way."""
    sent = np.array([0, 4, 5, 10, 200, 255], dtype=np.uint8)
    assert effective_priority(expectation, sent, most).tolist() == effective


@given(
    sent=st.lists(st.integers(0, 254), min_size=2, max_size=20),
    expectation=st.sampled_from(["classic", "fifo", "two_classes", "strict"]),
)
def test_a_higher_priority_is_never_effectively_lower(
    sent: list[int], expectation: Expectation
) -> None:
    """Whatever a queue makes of priorities, it never turns their order round."""
    ordered = np.array(sorted(sent), dtype=np.uint8)
    assert (np.diff(effective_priority(expectation, ordered, 10)) >= 0).all()
