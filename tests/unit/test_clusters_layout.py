"""Where a cluster listens, how its nodes find each other, and what configures them."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.clusters import ports
from gameday.clusters.cluster import Address
from gameday.clusters.expressions import binary
from gameday.clusters.inetrc import control_inetrc, node_inetrc
from gameday.clusters.links import proxy_specs
from gameday.clusters.nodes import node_environment
from gameday.clusters.ports import Ports, claim_block
from gameday.clusters.processes import ProcessRef
from gameday.clusters.record import ClusterRecord, load_record
from gameday.clusters.release import Release
from gameday.clusters.settings import (
    BrokerSettings,
    advanced_config,
    erlang_arguments,
    rabbitmq_conf,
)
from gameday.errors import HarnessError, UsageError

BASE = 20000 + os.getpid() % 40 * ports.BLOCK_SIZE
"""A block of this test process, so that two at once do not meet."""
TOKEN = "t0ken"  # noqa: S105 - a stand-in.


def record_in(folder: Path, tree: Path | None = None) -> ClusterRecord:
    """Return a record of a cluster that was never started."""
    settings = BrokerSettings(("a = 1",), "{aten, []}", ("-kernel", "net_ticktime", "3"))
    return ClusterRecord(
        folder=folder,
        ports=Ports(BASE),
        token=TOKEN,
        release=Release("3.10.8", Path("/usr/lib/x/sbin"), tree),
        settings=settings,
        toxiproxy=Path("/usr/bin/toxiproxy-server"),
        username="gameday",
        owner=ProcessRef(1, 2),
    )


def test_no_two_things_listen_on_one_address_and_all_stay_in_the_block() -> None:
    """Every listener of a cluster has an address of its own, on loopback, within its block."""
    addresses = list(Ports(BASE).listening())
    assert len(addresses) == len(set(addresses))
    assert all(BASE <= address.port < BASE + ports.BLOCK_SIZE for address in addresses)
    assert all(address.host.startswith("127.") for address in addresses)


def test_blocks_avoid_a_default_broker_and_outgoing_ports() -> None:
    """No block chosen for the user holds a default RabbitMQ's port, or an ephemeral one."""
    used = {port for base in ports.CANDIDATES for port in range(base, base + ports.BLOCK_SIZE)}
    assert not used & {4369, 5672, 8474, 15672, 15692, 25672, 35672}
    assert max(used) < 32768


def test_taken_port_is_named() -> None:
    """A pinned block with a stranger in it is refused with the stranger's port."""
    with socket.create_server(("127.0.0.1", BASE + 31)), pytest.raises(UsageError) as refusal:
        claim_block(BASE)
    assert f"port {BASE + 31} on 127.0.0.1 is taken" in str(refusal.value)


def test_block_is_claimed_once_and_free_again_after() -> None:
    """Two claims of one block never stand together."""
    first = claim_block(BASE)
    with pytest.raises(UsageError, match="belong to another gameday cluster"):
        claim_block(BASE)
    first.release()
    claim_block(BASE).release()


def test_unpinned_claims_take_different_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs at once find two blocks by themselves."""
    monkeypatch.delenv("GAMEDAY_PORT_BASE", raising=False)
    first, second = claim_block(), claim_block()
    assert first.ports != second.ports
    first.release()
    second.release()


@pytest.mark.parametrize("text", ["abc", "80", "65500", "-1"])
def test_nonsense_as_port_base_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pinned block that cannot be is one sentence with the variable's name."""
    monkeypatch.setenv("GAMEDAY_PORT_BASE", text)
    with pytest.raises(UsageError, match="GAMEDAY_PORT_BASE"):
        ports.pinned_base()


def test_each_link_has_its_own_address_and_leads_to_the_right_node(tmp_path: Path) -> None:
    """What node i looks up for node j is where the proxy of i to j listens."""
    specs = {spec.name: spec for spec in proxy_specs(record_in(tmp_path))}
    assert '{host,{127,0,12,3},["mq3"]}.' in node_inetrc(2)
    assert specs["r2-r3"].listen == Address("127.0.12.3", BASE + 3)
    assert specs["r2-r3"].upstream == Address("127.0.0.1", BASE + 3)
    assert len({spec.listen for spec in specs.values()}) == len(specs) == 24


def test_control_path_knows_every_node_on_one_line() -> None:
    """Erlang keeps only the last line of an address, so all names must stand on one."""
    lines = [line for line in control_inetrc().splitlines() if "host" in line]
    assert lines == ['{host,{127,0,0,1},["mq1","mq2","mq3","mqctl"]}.']


def test_first_node_waits_for_nobody_before_4_0() -> None:
    """On 3.x the first node forms the cluster alone; on 4.x all know all."""
    text = {
        (node, first): rabbitmq_conf(
            BrokerSettings(),
            Ports(BASE),
            node,
            username="u",
            password="p",  # noqa: S106 - a stand-in.
            first_forms=first,
        )
        for node in (1, 2)
        for first in (True, False)
    }
    assert "nodes." not in text[1, True]
    assert "r3@mq3" not in text[2, True]
    assert all(f"r{peer}@mq{peer}" in text[1, False] for peer in (1, 2, 3))
    assert all("pause_minority" in each for each in text.values())


def test_settings_of_the_contract_reach_the_files() -> None:
    """Lines, Erlang terms and arguments are passed on unchanged."""
    settings = BrokerSettings(("x.y = 1",), "{aten, [{poll_interval, 1000}]},", ("+A", "1"))
    assert advanced_config(settings) == "[\n{aten, [{poll_interval, 1000}]}\n].\n"
    assert erlang_arguments(settings, Ports(BASE), 1).endswith(" +A 1")
    assert settings.net_ticktime_s == 60
    assert BrokerSettings(erlang_arguments=("net_ticktime", "3")).net_ticktime_s == 3


def test_nothing_of_the_callers_environment_configures_a_node(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RABBITMQ_ and ERL_ variables of the caller do not reach the broker."""
    monkeypatch.setenv("RABBITMQ_NODE_PORT", "1")
    monkeypatch.setenv("RABBITMQ_CONFIG_FILES", "/etc")
    monkeypatch.setenv("ERL_FLAGS", "-x")
    monkeypatch.setenv("ERL_EPMD_PORT", "4369")
    found = node_environment(record_in(tmp_path), 1)
    assert not {"RABBITMQ_NODE_PORT", "RABBITMQ_CONFIG_FILES", "ERL_FLAGS"} & found.keys()
    assert found["ERL_EPMD_PORT"] == str(BASE)
    assert found["GAMEDAY_OWNER"] == TOKEN


def test_tree_sees_the_folder_at_its_own_place(tmp_path: Path) -> None:
    """Paths given to a broker in a tree are those inside it; a plain broker's are the real ones."""
    inside = node_environment(record_in(tmp_path, Path("/some/tree")), 2)
    assert inside["RABBITMQ_CONFIG_FILE"] == "/mnt/r2.conf"
    assert inside["RABBITMQ_CONF_ENV_FILE"] == "/dev/null"
    plain = node_environment(record_in(tmp_path), 2)
    assert plain["RABBITMQ_CONFIG_FILE"] == f"{tmp_path}/r2.conf"


@pytest.mark.parametrize("tree", [None, Path("/some/tree")])
def test_record_survives_its_file(tmp_path: Path, tree: Path | None) -> None:
    """What is loaded is what was saved, and the file is private."""
    record = record_in(tmp_path, tree)
    record.save()
    assert load_record(tmp_path) == record
    assert (tmp_path / "cluster.json").stat().st_mode & 0o077 == 0


def test_missing_record_is_one_sentence(tmp_path: Path) -> None:
    """A folder without a cluster says so."""
    with pytest.raises(HarnessError, match="no cluster is recorded"):
        load_record(tmp_path)


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_texts_become_bytes_and_never_source(text: str) -> None:
    """Whatever a name holds, only digits and commas reach the Erlang parser."""
    source = binary(text)
    assert set(source) <= set("<>,0123456789")
    numbers = [int(number) for number in source[2:-2].split(",") if number]
    assert bytes(numbers).decode() == text


@pytest.mark.parametrize("first_forms", [True, False])
def test_a_single_node_looks_for_nobody_else(first_forms: bool) -> None:
    """One node's configuration names no second node, whatever the version."""
    text = rabbitmq_conf(
        BrokerSettings(),
        Ports(BASE),
        1,
        username="u",
        password="p",  # noqa: S106 - a stand-in.
        first_forms=first_forms,
        node_count=1,
    )
    assert "r2@" not in text
    assert "r3@" not in text
