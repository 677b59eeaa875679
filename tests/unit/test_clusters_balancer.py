"""The balancer before the nodes: what HAProxy is told, and who is told when it is missing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from test_clusters_layout import record_in

from gameday.clusters import balancer
from gameday.clusters.balancer import configuration, find_haproxy
from gameday.clusters.cluster import CLIENT_DOORS
from gameday.clusters.diagnosis import GREETING
from gameday.clusters.local import LocalCluster
from gameday.contracts.load import load_contract
from gameday.contracts.topology import with_alternative
from gameday.errors import UsageError

NODES = ("r1", "r2", "r3")


def written(folder: Path, *, tls: bool = False) -> str:
    """Return what HAProxy is told for three nodes."""
    record = replace(record_in(folder), tls=tls, balancer=True)
    return configuration(record, NODES, LocalCluster(record))


def test_every_door_leads_to_every_node_by_that_node_s_door(tmp_path: Path) -> None:
    """Each kind of clients has one port, and behind it the same door of all three nodes."""
    text = written(tmp_path)
    cluster = LocalCluster(replace(record_in(tmp_path), balancer=True))

    for door in CLIENT_DOORS:
        part = text.partition(f"backend {door}\n")[2].partition("frontend")[0]
        servers = dict(re.findall(r"server (\w+) (\S+)", part))
        assert servers == {node: str(cluster.door_address(node, door)) for node in NODES}
        assert f"bind {cluster.balanced_address(door)}" in text
    binds = re.findall(r"bind (\S+)", text)
    assert len(set(binds)) == len(CLIENT_DOORS)
    assert not set(binds) & set(re.findall(r"server \w+ (\S+)", text))


def test_a_node_is_up_while_it_answers_the_broker_s_own_greeting(tmp_path: Path) -> None:
    """What is sent is AMQP's greeting, and what must come is no other header than a method's."""
    text = written(tmp_path)

    [sent] = set(re.findall(r"send-binary (\w+)", text))
    assert bytes.fromhex(sent) == GREETING
    assert set(re.findall(r"expect binary (\w+)", text)) == {"01000000"}
    looked = text.count("tcp-check connect") + text.count("track ") // len(NODES)
    assert looked == len(CLIENT_DOORS), "each door is looked at, or believed to be as another"


def test_its_own_looks_verify_a_node_that_speaks_tls(tmp_path: Path) -> None:
    """With TLS each look is by TLS to whom the authority vouches for; without, none is."""
    text = written(tmp_path, tls=True)

    looks = [line for line in text.splitlines() if " check" in line and "server " in line]
    assert looks
    assert all("check-ssl verify required ca-file" in line for line in looks)
    assert "ssl" not in written(tmp_path)


def test_a_missing_haproxy_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants a balancer on a machine without one is told how to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(balancer, "PLACES", ())

    with pytest.raises(UsageError, match=r"HAProxy is not installed.*make setup"):
        find_haproxy()


def test_veza_s_second_shape_is_three_nodes_behind_it() -> None:
    """The alternative changes the number of nodes, what is before them, suites and every queue."""
    contract = load_contract("veza")
    later = with_alternative(contract, "three-nodes")

    assert (contract.nodes, contract.behind) == (1, None)
    assert (later.nodes, later.behind) == (3, "haproxy")
    assert {queue.type for queue in later.topology.queues} == {"quorum"}
    scenarios = {play.scenario for play in later.suites["smoke"]}
    assert {"kill-leader", "partition-silent", "balancer-restart"} <= scenarios
    assert "balancer-restart" not in {play.scenario for play in contract.suites["smoke"]}
    row = next(each for each in later.requirements if each.id == "veza-14")
    assert {"balanced", "keeps_serving"} <= {each.check for each in row.criteria}
