"""A cluster that speaks nothing but TLS: who comes in, who is refused and told why, on a real one.

One node for what concerns a door, two for the link between nodes; the same expectations as the
check `secured` has, seen here from outside.
"""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from attached_stand import credentials, write_file
from conftest import QUICK, beside, named_broker

from chaos import outside, probes
from chaos.knocking import greeting_at, knock
from gameday import secured
from gameday.clusters.attached import attach
from gameday.clusters.authority import AUTHORITY, OTHER_NAME, STRANGER
from gameday.clusters.broker import Broker
from gameday.clusters.cluster_file import read_file
from gameday.clusters.commanded import attach_by_file
from gameday.clusters.commanded_facts import CommandedFacts
from gameday.clusters.handshakes import client_connections, try_doors
from gameday.clusters.local import LocalCluster, load, local_cluster
from gameday.clusters.management import ManagementError
from gameday.clusters.spare_doors import open_doors
from gameday.clusters.tls import folder_of
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError
from gameday.history.checks.secured import PEER, SERVER

pytestmark = pytest.mark.live

SETTINGS = replace(
    QUICK,
    advanced=f"{QUICK.advanced},\n"
    "{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 4321}]}",
    # One of two is no majority: of a pair that pauses, the one left stops, and a killed one that
    # waits for its tables may wait for ever.
    rabbitmq_conf=(*QUICK.rabbitmq_conf, "cluster_partition_handling = ignore"),
)
"""What a contract may set in the same application that the listeners are set in."""
OPENSSL_SAYS = {
    "wrong name": ":num=62:hostname mismatch",
    "expired": ":num=10:certificate has expired",
    "unknown authority": ":num=19:self-signed certificate in certificate chain",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Run two nodes that speak TLS to everybody and to each other."""
    folder = tmp_path_factory.mktemp("tls")
    with (
        beside(600),
        local_cluster(
            SETTINGS, broker=named_broker(), nodes=2, tls=True, state_dir=folder
        ) as running,
    ):
        Broker(running).wait_healthy(40)
        yield running


def openssl(cluster: LocalCluster, authority: str, name: str) -> str:
    """Let openssl's own client dial the door for clients, and return what it says of the server."""
    door = cluster.addresses("r1").client
    words = ["openssl", "s_client", "-connect", str(door), "-verify_return_error", "-brief",
             "-CAfile", str(folder_of(cluster.record) / f"{authority}.pem"),
             "-servername", name, "-verify_hostname", name]  # fmt: skip
    done = subprocess.run(words, input=b"", capture_output=True, timeout=10, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def test_each_way_to_be_wrong_is_refused_for_what_it_is(pair: LocalCluster) -> None:
    """Both nodes let the right one in at every door, and tell each wrong one apart."""
    user = pair.username, pair.password
    for node, peer in (("r1", "r2"), ("r2", "r1")):
        found = try_doors(pair, node, user, "/")

        links = {f"{way} from {peer}": outcome for way, outcome in PEER.items()}
        assert found == {"clients": SERVER, "management": SERVER, "links": links}


@pytest.mark.parametrize(
    ("authority", "name", "outcome"),
    [
        (AUTHORITY, OTHER_NAME, "wrong name"),
        (AUTHORITY, "expired.gameday.test", "expired"),
        (STRANGER, "localhost", "unknown authority"),
    ],
)
def test_openssl_refuses_them_too(
    pair: LocalCluster, authority: str, name: str, outcome: str
) -> None:
    """A client that is not ours refuses the same certificates for the same reasons."""
    said = openssl(pair, authority, name)

    assert OPENSSL_SAYS[outcome].lower() in said.lower(), said


def test_openssl_believes_the_right_one(pair: LocalCluster) -> None:
    """The same client believes the node under its own name."""
    assert "Verification: OK" in openssl(pair, AUTHORITY, "localhost")


def test_what_the_contract_sets_holds_beside_tls(pair: LocalCluster) -> None:
    """Entries for the same application that a contract has are in force as well."""
    asked = "application:get_env(rabbit, dead_letter_worker_publisher_confirm_timeout)"

    assert pair.evaluate("r1", asked) == "{ok,4321}"
    assert pair.evaluate("r1", "application:get_env(aten, poll_interval)") == "{ok,1000}"


def test_nodes_speak_tls_to_each_other(pair: LocalCluster) -> None:
    """They are one cluster, distribution is by TLS, and so are the tools that speak to them."""
    assert pair.evaluate("r1", "init:get_argument(proto_dist)") == '{ok,[["inet_tls"]]}'
    assert Broker(pair).views()["r1"].running == {"r1", "r2"}  # type: ignore[union-attr]
    assert probes.over_link(pair, ("r1", "r2")) == probes.ANSWERED
    assert "r2@mq2" in pair.ctl("r1", "cluster_status")


def test_no_port_takes_plain_bytes(pair: LocalCluster) -> None:
    """A plain greeting gets no AMQP back, and the broker lists no listener without TLS."""
    door = pair.addresses("r1").client
    answer = knock(door, b"AMQP\x00\x00\x09\x01", 2)

    assert answer.end != "open"
    assert answer.size < 8, "an alert of TLS, and no header of AMQP's"
    assert knock(door, greeting_at(door), 2).size > 500
    listed = pair.evaluate(
        "r1", "[element(3, Each) || Each <- rabbit_networking:node_listeners(node())]"
    )
    assert "'amqp/ssl'" in listed
    assert "amqp," not in listed.replace("'amqp/ssl'", "")
    assert "http," not in listed.replace("https", "")


def test_clients_and_tools_come_by_tls(pair: LocalCluster) -> None:
    """Clients connect by the cluster's URL and is counted as one by TLS; a plain URL is refused."""
    url = pair.amqp_url("r1", "/")
    with closing(pika.BlockingConnection(secured.parameters(url))) as connection:
        connection.channel()
        wait_until(  # The broker forgets those of earlier tests a moment later.
            lambda: client_connections(pair, "/") == {"tls": 1, "plain": 0}, 10, "one by TLS"
        )
    plain = url.replace("amqps://", "amqp://").partition("?")[0]
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(plain))


def test_https_alone_serves_the_management_api(pair: LocalCluster) -> None:
    """With the machine's own authorities the API is not believed; with the test one it answers."""
    api = pair.management("r1")
    assert api.get("/api/whoami")["name"] == pair.username
    unknowing = type(api)(pair.management_url("r1"), pair.username, pair.password)

    with pytest.raises(ManagementError, match="SSLError"):
        unknowing.get("/api/whoami")


def test_a_cluster_of_somebody_else_s_is_attached_to_by_tls(
    pair: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both addresses name their authority, and with another's neither is believed."""
    ours, strange = (secured.query(str(folder_of(pair.record) / f"{each}.pem"))
                     for each in (AUTHORITY, STRANGER))  # fmt: skip
    monkeypatch.setenv("AMQP_URL", pair.amqp_url("r1", "/"))
    monkeypatch.setenv("GAMEDAY_MANAGEMENT_URL", pair.management_url("r1") + "/" + ours)
    found = attach()

    assert found.version == pair.version
    with closing(pika.BlockingConnection(secured.parameters(found.amqp_url("r1", "/")))) as line:
        assert line.is_open
    monkeypatch.setenv("GAMEDAY_MANAGEMENT_URL", pair.management_url("r1") + "/" + strange)
    with pytest.raises(ManagementError, match="SSLError"):
        attach()


def test_a_cluster_file_names_the_authority(
    pair: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an owner's file, too, every node is reached by TLS, for facts and for their proofs."""
    for name, value in credentials(pair).items():
        monkeypatch.setenv(name, value)
    path = write_file(tmp_path / "own.yaml", pair, "ssh nobody@127.0.0.1")
    text = path.read_text().replace("amqp://", "amqps://").replace("http://", "https://")
    path.write_text(f"authority: {folder_of(pair.record) / f'{AUTHORITY}.pem'}\n{text}")
    found = attach_by_file(read_file(path), path, tmp_path)

    facts = CommandedFacts(found)
    facts.make_vhost("chaos-tls")
    outside.prepare_links(found, "chaos-tls")

    assert facts.problems() == []
    assert facts.message_counts("chaos-tls") == {"r1": (0, 0), "r2": (0, 0)}
    assert set(outside.over_links(found, [("r1", "r2"), ("r2", "r1")], "chaos-tls").values()) == {
        "answered"
    }
    assert outside.whole(found)
    facts.drop_vhost("chaos-tls")
    stranger = folder_of(pair.record) / f"{STRANGER}.pem"
    path.write_text(f"authority: {stranger}\n{text}")
    with pytest.raises(HarnessError, match="SSLError"):
        attach_by_file(read_file(path), path, tmp_path)


def test_a_spare_door_leads_to_the_node_under_the_node_s_own_name(
    pair: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes by it dials this machine, asks for the owner's host, and believes no other."""
    for name, value in credentials(pair).items():
        monkeypatch.setenv(name, value)
    path = write_file(tmp_path / "own.yaml", pair, "true")
    text = path.read_text().replace("amqp://127.0.0.1", "amqps://localhost")
    authority = folder_of(pair.record) / f"{AUTHORITY}.pem"
    path.write_text(f"authority: {authority}\n{text.replace('http://', 'https://')}")
    found = attach_by_file(read_file(path), path, tmp_path)

    doors = open_doors(tmp_path, {node: found.addresses(node).client for node in found.nodes})
    with closing(doors):
        behind = replace(found, spare=doors)
        parameters = secured.parameters(behind.amqp_url("r2", "/", "spare"))
        with closing(pika.BlockingConnection(parameters)) as line:
            assert line.is_open
        door = behind.door_address("r2", "spare")
        assert (parameters.host, parameters.port) == (door.host, door.port)
        assert parameters.ssl_options.server_hostname == "localhost"
        assert probes.greet(door) == probes.ANSWERED
        assert "certificate" in probes.greet(replace(door, name=OTHER_NAME))


def test_a_node_that_was_killed_comes_back_by_tls(pair: LocalCluster) -> None:
    """A killed node joins again by TLS, and whoever finds the cluster by its folder knows."""
    pair.kill("r2")
    pair.start("r2")
    Broker(pair).wait_healthy(40)
    found = load(pair.record.folder.parents[1], pair.record.ports.base)

    assert found.record.tls
    assert "tls" in found.powers
    assert found.amqp_url("r2", "/").startswith("amqps://")
    assert try_doors(found, "r2", (found.username, found.password), "/")["links"] == {
        f"{way} from r1": outcome for way, outcome in PEER.items()
    }
    found.close_control()


def test_the_keys_stay_with_their_owner(pair: LocalCluster) -> None:
    """Only the owner reads keys, and no authority's key was ever written."""
    files = list(Path(folder_of(pair.record)).iterdir())

    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert not [path for path in files if path.name in {"authority.key", "stranger.key"}]
    assert ssl.create_default_context(cafile=str(folder_of(pair.record) / "authority.pem"))
