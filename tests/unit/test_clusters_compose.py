"""The cluster in containers, without an engine: its files, ports, proxies, images and record."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.clusters import compose_engine, compose_files, compose_record
from gameday.clusters.cluster import ALL_POWERS, Address
from gameday.clusters.compose import POWERS, UNABLE
from gameday.clusters.compose_engine import Engine
from gameday.clusters.compose_images import find_images, images_here
from gameday.clusters.compose_links import Fleet
from gameday.clusters.compose_record import ComposeRecord, load_composed, recorded
from gameday.clusters.compose_residue import clean_composed
from gameday.clusters.found import end_cluster
from gameday.clusters.ports import Ports
from gameday.clusters.processes import ProcessRef
from gameday.clusters.settings import BrokerSettings
from gameday.errors import UsageError

FILE: dict[str, Any] = yaml.safe_load(compose_engine.FILE.read_text(encoding="utf-8"))
WORD = "word"
SERVICES: dict[str, Any] = FILE["services"]
PUBLISHED = re.compile(r"127\.0\.0\.1:(?:\$\{GAMEDAY_BLOCK:-(\d+)\})?(\d+):(\d+)")


def published(service: str) -> dict[int, int]:
    """Return a service's ports in the container by those on the machine, within its block."""
    found = [PUBLISHED.fullmatch(each) for each in SERVICES[service].get("ports", ())]
    assert all(found), f"{service} publishes on more than 127.0.0.1"
    return {int(each[2]): int(each[3]) for each in found if each}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_everything_is_published_on_loopback_alone(service: str) -> None:
    """No service publishes a port on any other address, nor uses the machine's own network."""
    published(service)
    assert SERVICES[service].get("network_mode", "").partition(":")[0] in {"", "service"}


@pytest.mark.parametrize("node", [1, 2, 3])
def test_a_node_is_published_where_it_is_looked_for(node: int) -> None:
    """Each door, control port and API that the harness dials is one that the file publishes."""
    ports = Ports(0)
    wanted = {
        address.port: compose_files.DOORS[door]
        for door, address in compose_files.published(ports, node).items()
    }
    wanted |= {
        compose_files.control_address(ports, node).port: 8474,
        ports.amqp(node): compose_files.AMQP,
        ports.management(node): compose_files.MANAGEMENT,
        ports.prometheus(node): compose_files.PROMETHEUS,
    }

    assert published(f"host{node}") == wanted


def test_a_developers_broker_stands_alone() -> None:
    """It has the usual ports, needs no other service, and starts only where it is named."""
    service = SERVICES["rabbitmq"]

    assert published("rabbitmq") == {5672: 5672, 15672: 15672}
    assert "depends_on" not in service
    assert service["profiles"] == ["developer"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_image_is_named_pinned_and_to_be_replaced(service: str) -> None:
    """Each image has a variable, and a version that is no `latest`."""
    image = SERVICES[service]["image"]

    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[\w./-]+:v?\d[\w.-]*\}", image), image


def test_what_depends_waits_for_health() -> None:
    """Whatever waits for a service waits until it is healthy, and that one says whether it is."""
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, f"{name} waits for {other}"
            assert "healthcheck" in SERVICES[other], f"{other} does not say whether it is healthy"


def test_the_files_of_a_cluster_by_hand_are_the_codes() -> None:
    """What `docker compose up` mounts is what the code writes: else run `compose_files` again."""
    for name, text in compose_files.by_hand().items():
        written = (compose_files.FOLDER / name).read_text(encoding="utf-8")
        assert written == text, f"{name}: run `python -m gameday.clusters.compose_files`"


def test_each_directed_link_leaves_by_an_address_of_its_own() -> None:
    """A node's proxies lead to each peer's distribution and names; no address is used twice."""
    everything = [spec for node in (1, 2, 3) for spec in compose_files.proxies_of(node)]
    names = [spec.name for spec in everything]
    links = {spec.name: spec for spec in everything if re.fullmatch(r"r\d-r\d", spec.name)}

    assert len(names) == len(set(names))
    assert sorted(links) == ["r1-r2", "r1-r3", "r2-r1", "r2-r3", "r3-r1", "r3-r2"]
    assert links["r1-r2"].listen == Address("127.0.11.2", 25672)
    assert links["r1-r2"].upstream == Address("host2", 25672)
    for node in (1, 2, 3):
        listening = [str(spec.listen) for spec in compose_files.proxies_of(node)]
        assert len(listening) == len(set(listening))
        inetrc = (compose_files.FOLDER / "nodes" / f"r{node}.inetrc").read_text()
        assert "127,0,0,1" in inetrc


def test_the_first_node_looks_for_nobody() -> None:
    """Before 4.0 the first node forms the cluster alone; every other waits for it for long."""
    first, second = (
        compose_files.rabbitmq_conf(BrokerSettings(), n, name="x", username="u", password=WORD)
        for n in (1, 2)
    )

    assert "classic_config.nodes" not in first
    assert "nodes.1 = r1@mq1" in second
    assert "discovery_retry_limit = 1000" in second


def fleet(monkeypatch: pytest.MonkeyPatch) -> tuple[Fleet, list[tuple[int, str, Any]]]:
    """Return a fleet of two servers and the list of what each is asked."""
    calls: list[tuple[int, str, Any]] = []

    class Quiet:
        def __init__(self, address: Address, _limit_s: float) -> None:
            self.port = address.port

        def call(self, _method: str, path: str, body: Any = None) -> Any:
            calls.append((self.port, path, body))
            return {f"clients-r{self.port}": {"listen": str(self.port)}}

    monkeypatch.setattr("gameday.clusters.compose_links.Consumer", Quiet)
    addresses = {1: Address("h", 1), 2: Address("h", 2)}
    return Fleet(addresses, {"clients-r1": 1, "clients-r2": 2}), calls


def test_a_proxy_is_asked_of_the_server_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What concerns one proxy goes to its node's server alone, what concerns all to each."""
    servers, calls = fleet(monkeypatch)

    servers.call("PATCH", "/proxies/clients-r2", {"enabled": False})
    assert calls == [(2, "/proxies/clients-r2", {"enabled": False})]
    assert sorted(servers.call("GET", "/proxies")) == ["clients-r1", "clients-r2"]

    calls.clear()
    servers.call("POST", "/populate", [{"name": "clients-r1"}, {"name": "clients-r2"}])
    assert calls == [
        (1, "/populate", [{"name": "clients-r1"}]),
        (2, "/populate", [{"name": "clients-r2"}]),
    ]


class FakeEngine(Engine):
    """An engine that has some images."""

    def __init__(self, *images: str, version: str = "4.3.6") -> None:
        self.images = images
        self.told = version

    def tags(self) -> frozenset[str]:
        """Return the images."""
        return frozenset(self.images)

    def has_image(self, image: str) -> bool:
        """Whether it has it."""
        return image in self.images

    def environment_of(self, image: str) -> dict[str, str]:
        """Say which RabbitMQ an image holds."""
        del image
        return {"RABBITMQ_VERSION": self.told} if self.told else {}


OWN = ("gameday/rabbitmq:4.3.5", "gameday/rabbitmq:4.3.6", "gameday/rabbitmq:4.0.5")
PROXY = "gameday/toxiproxy:2.12.0"


@pytest.mark.parametrize(
    ("broker", "images", "chosen"),
    [
        (None, (*OWN, PROXY), "gameday/rabbitmq:4.3.6"),
        ("4.0", (*OWN, PROXY), "gameday/rabbitmq:4.0.5"),
        ("4.3", (*OWN, PROXY, "rabbitmq:4.3-management"), "rabbitmq:4.3-management"),
        ("mine/rabbit:1", (*OWN, PROXY, "mine/rabbit:1"), "mine/rabbit:1"),
    ],
)
def test_the_image_is_the_one_asked_for(
    broker: str | None, images: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The official image goes before one's own, the newest of one's own before the others."""
    monkeypatch.delenv("RABBITMQ_IMAGE", raising=False)
    monkeypatch.delenv("TOXIPROXY_IMAGE", raising=False)
    version = "4.0.5" if broker == "4.0" else "4.3.6"

    found = find_images(broker, FakeEngine(*images, version=version), pull=False)

    assert found.variables == {"RABBITMQ_IMAGE": chosen, "TOXIPROXY_IMAGE": PROXY}


class TaggedEngine(FakeEngine):
    """An engine whose images hold the version that their tag begins with."""

    def environment_of(self, image: str) -> dict[str, str]:
        """Say what the tag says, to its last number."""
        version = image.rpartition(":")[2].partition("-")[0]
        return {"RABBITMQ_VERSION": {"4.3": "4.3.7"}.get(version, version)}


def test_the_versions_that_are_here_are_told_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Official images and one's own, by their versions and in their order; no other image."""
    monkeypatch.delenv("RABBITMQ_IMAGE", raising=False)
    official = ("rabbitmq:4.3-management", "redis:8.0", "somebody/rabbitmq:9.9")
    engine = TaggedEngine("gameday/rabbitmq:3.10.8", "gameday/rabbitmq:4.0.5", PROXY, *official)

    assert images_here(engine) == ["3.10.8", "4.0.5", "4.3.7"]


@pytest.mark.parametrize(
    ("broker", "named", "engine", "sentence"),
    [
        ("./tree", None, FakeEngine(), r"--broker \./tree: containers take a version or an image"),
        ("4.3", None, FakeEngine(PROXY), r"image rabbitmq:4\.3-management is not here: run"),
        ("4.0", "own:1", FakeEngine("own:1", PROXY), r"own:1 holds RabbitMQ 4\.3\.6, not 4\.0"),
        (None, "own:1", FakeEngine("own:1", PROXY, version=""), "does not say which RabbitMQ"),
    ],
)
def test_an_image_that_will_not_do_is_refused(
    broker: str, named: str | None, engine: FakeEngine, sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """One sentence says which image, and what to do."""
    monkeypatch.delenv("TOXIPROXY_IMAGE", raising=False)
    if named:
        monkeypatch.setenv("RABBITMQ_IMAGE", named)
    else:
        monkeypatch.delenv("RABBITMQ_IMAGE", raising=False)

    with pytest.raises(UsageError, match=sentence):
        find_images(broker, engine, pull=False)


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2375", "ssh://somebody@elsewhere", ""])
def test_an_engine_elsewhere_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers are broken on this machine only, whatever context the command line uses."""
    monkeypatch.setattr(compose_engine, "endpoint", lambda: host)

    with pytest.raises(UsageError, match="not on this machine"):
        Engine()


def test_where_no_engine_answers_a_record_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is refused in one sentence; what a dead one left stays recorded, and heals later."""
    monkeypatch.setattr(compose_engine, "endpoint", lambda: f"unix://{tmp_path}/none.sock")
    record = record_in(tmp_path)
    compose_record.lay_out(record)
    record.save()

    with pytest.raises(UsageError, match="no container engine answers at unix:"):
        Engine()
    assert not end_cluster(record)
    [sentence] = clean_composed([record])
    assert sentence.startswith("containers of gameday-28100-01234567 wait until an engine answers")
    assert recorded(tmp_path) == [record]


def record_in(folder: Path) -> ComposeRecord:
    """Return the record of a project that nobody runs."""
    return ComposeRecord(
        folder=compose_record.composed_folder(folder, 28100),
        ports=Ports(28100),
        token="0123456789abcdef",  # noqa: S106
        version="4.3.6",
        images={"RABBITMQ_IMAGE": "a", "TOXIPROXY_IMAGE": "b"},
        settings=BrokerSettings(rabbitmq_conf=("x = 1",), erlang_arguments=("+A", "1")),
        username="gameday",
        owner=ProcessRef(1, 2),
    )


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Whoever finds the folder knows all that the starter knew, and no secret is in the record."""
    record = record_in(tmp_path)
    compose_record.lay_out(record)
    record.save()

    assert load_composed(record.folder) == record
    assert recorded(tmp_path) == [record]
    assert record.project == "gameday-28100-01234567"
    assert record.variables["GAMEDAY_BLOCK"] == "281"
    assert record.password not in (record.folder / "compose.json").read_text()
    assert record.password in (record.files / "r1.conf").read_text()
    assert all(each.stat().st_mode & 0o077 == 0 for each in record.folder.rglob("*"))


def test_two_clusters_share_no_secret(tmp_path: Path) -> None:
    """Password and cookie are drawn anew for each, and never those of a cluster by hand."""
    found: list[tuple[str, str]] = []
    for name in ("one", "other"):
        record = record_in(tmp_path / name)
        compose_record.lay_out(record)
        found.append((record.password, (record.files / "cookie").read_text()))

    by_hand = (compose_files.FOLDER / "nodes" / "cookie").read_text()
    assert len({*found[0], *found[1], by_hand}) == 5


def test_every_power_that_is_lacking_has_its_reason() -> None:
    """What containers cannot do is named with the reason; everything else they can."""
    assert POWERS | UNABLE.keys() == ALL_POWERS
    assert not POWERS & UNABLE.keys()
    assert all(len(reason) > 20 for reason in UNABLE.values())


def test_compose_is_told_nothing_of_the_callers_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of the caller's, another project's name say, do not change what is started."""
    seen: dict[str, Any] = {}

    def run(_command: list[str], **words: Any) -> None:
        seen.update(words["env"])

    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "somebody-elses")
    monkeypatch.setenv("GAMEDAY_BLOCK", "1")
    monkeypatch.setattr(compose_engine.subprocess, "run", run)
    engine = FakeEngine()
    engine.host = "unix:///x"
    record = record_in(tmp_path)

    engine.compose(record.project, ["up"], record.variables, tmp_path / "log")

    assert seen["GAMEDAY_BLOCK"] == "281"
    assert "COMPOSE_PROJECT_NAME" not in seen
