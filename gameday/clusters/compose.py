"""The same cluster in containers: three nodes by `docker-compose.yml`, every link proxied.

    claim ports -> write compose.json -> create -> hosts -> toxiproxies -> nodes -> healthy

It serves the same protocols as a local cluster (`local.py`), so that faults, checks and reports do
not ask which one it is. Whoever finds its folder later has the same powers (`load_composed`).
"""

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from gameday.clusters.cluster import ALL_POWERS, Address, Door, NodeAddresses
from gameday.clusters.compose_control import ComposeControl
from gameday.clusters.compose_engine import Engine, asking
from gameday.clusters.compose_files import host
from gameday.clusters.compose_images import Images
from gameday.clusters.compose_links import ComposeLinks
from gameday.clusters.compose_nodes import ComposeNodes
from gameday.clusters.compose_record import (
    FILE_NAME,
    ComposeRecord,
    composed_folder,
    lay_out,
)
from gameday.clusters.compose_residue import remove_composed
from gameday.clusters.inetrc import erlang_name
from gameday.clusters.limits import Limits, read_limits
from gameday.clusters.ports import BLOCK_SIZE, LOOPBACK, NODE_COUNT, Claim, claim_block
from gameday.clusters.processes import OWNER_VARIABLE, reference
from gameday.clusters.settings import BrokerSettings
from gameday.errors import HarnessError, UsageError

LIMITS = "limits"
UNABLE = {
    "boot_beside": "a cluster beside it would be another project: boot one with --cluster local",
    "tls": "its nodes speak no TLS yet: use --cluster local --tls",
    "balancer": "its HAProxy is not what clients come by yet: use --cluster local",
    "open_zones": "its nodes are not in zones that gameday lays: see docs/containers.md",
    "jump_clock": "the containers of a machine share its clock: use --cluster local",
}
"""The powers that it lacks, each with the reason."""

POWERS = ALL_POWERS - UNABLE.keys()


class ComposeCluster(ComposeNodes, ComposeLinks, ComposeControl):
    """A running cluster in containers."""

    _record: ComposeRecord  # type: ignore[assignment]

    def __init__(self, record: ComposeRecord, engine: Engine | None = None) -> None:
        engine = engine or Engine()
        ComposeControl.__init__(self, record, engine)
        ComposeLinks.__init__(self, record, engine)
        ComposeNodes.__init__(self, record, engine, self)
        self.nodes: tuple[str, ...] = tuple(f"r{n}" for n in range(1, record.node_count + 1))
        self.powers = POWERS
        self._claim: Claim | None = None

    @property
    def record(self) -> ComposeRecord:
        """What is known about the cluster beyond this process."""
        return self._record

    @property
    def version(self) -> str:
        """The broker's version."""
        return self._record.version

    @property
    def username(self) -> str:
        """The administrator's name."""
        return self._record.username

    @property
    def password(self) -> str:
        """The administrator's password."""
        return self._record.password

    def addresses(self, node: str) -> NodeAddresses:
        """Return where a node listens, as it is published on this machine."""
        ports, number = self._record.ports, self._number(node)
        return NodeAddresses(
            name=node,
            erlang_name=erlang_name(number),
            client=Address(LOOPBACK, ports.client(number)),
            direct=Address(LOOPBACK, ports.amqp(number)),
            management=Address(LOOPBACK, ports.management(number)),
        )

    def amqp_url(
        self, node: str, vhost: str, door: Door = "clients", user: tuple[str, str] | None = None
    ) -> str:
        """Return the URL by which clients reach the node, through Toxiproxy."""
        name, password = user or (self.username, self.password)
        credentials = f"{quote(name, safe='')}:{quote(password, safe='')}"
        return f"amqp://{credentials}@{self.door_address(node, door)}/{quote(vhost, safe='')}"

    def management_url(self, node: str) -> str:
        """Return the URL of the node's management API, without the password."""
        return f"http://{self.addresses(node).management}"

    def own_limits(self, node: str) -> Limits:
        """Return the alarm limits that the node had when its cluster started."""
        noted = self._record.read_value(LIMITS)
        if noted is None:
            raise HarnessError("the cluster did not come up: its own alarm limits are not known")
        return Limits(**noted[node])

    @property
    def data_folder(self) -> Path:
        """Where the first node keeps its data, as the engine has it on this machine."""
        project = self._record.project
        folder = self._engine.mountpoint(self._engine.volume_of(project, "data1"))
        if not folder.is_dir():
            raise HarnessError(f"the engine keeps the nodes' data in {folder}, out of reach")
        return folder

    @property
    def owner_environment(self) -> dict[str, str]:
        """What a child of the run needs in its environment to be found as a leftover."""
        return {OWNER_VARIABLE: self._record.token}

    def keep_logs(self, folder: Path) -> None:
        """Write what each container printed into a folder."""
        for container in self._engine.containers(self._record.project):
            service = container.labels["com.docker.compose.service"]
            if not service.startswith("host"):
                with asking(f"the log of {service}"):
                    (folder / f"broker-{service}.log").write_bytes(bytes(container.logs()))

    def close(self) -> None:
        """Remove every container, network and volume of the cluster, and its folder."""
        self.close_control()
        remove_composed(self._record, self._engine)
        if self._claim is not None:
            self._claim.release()
        self._engine.close()

    def hold(self, claim: Claim) -> None:
        """Keep a block of ports for as long as the cluster lives."""
        self._claim = claim


def start_composed(
    settings: BrokerSettings,
    images: Images,
    *,
    state_dir: Path,
    nodes: int = NODE_COUNT,
    progress: Callable[[str], None] = lambda _: None,
) -> ComposeCluster:
    """Start up to three nodes in containers; return when all serve, or leave nothing behind."""
    state_dir = state_dir.resolve()
    engine = Engine()
    claim = claim_block(is_haunted=lambda base: _is_haunted(state_dir, base))
    with ExitStack() as undo:
        undo.callback(claim.release)
        if claim.ports.base % BLOCK_SIZE:
            raise UsageError(
                f"GAMEDAY_PORT_BASE={claim.ports.base}: containers need a multiple of 100."
            )
        owner = reference(os.getpid())
        assert owner is not None
        record = ComposeRecord(
            folder=composed_folder(state_dir, claim.ports.base),
            ports=claim.ports,
            token=secrets.token_hex(16),
            version=images.version,
            images=images.variables,
            settings=settings,
            username="gameday",
            owner=owner,
            node_count=nodes,
        )
        lay_out(record)
        record.save()
        cluster = ComposeCluster(record, engine)
        undo.callback(_give_up, cluster)
        progress(f"RabbitMQ {record.version} in containers, ports from {record.ports.base}")
        _start_containers(cluster, engine, progress)
        undo.pop_all()
    cluster.hold(claim)
    return cluster


def _is_haunted(state_dir: Path, base: int) -> bool:
    """Whether containers of an earlier run are recorded for the block."""
    return (composed_folder(state_dir, base) / FILE_NAME).exists()


def _give_up(cluster: ComposeCluster) -> None:
    """Remove what was started of a cluster that did not come up."""
    cluster.close_control()
    remove_composed(cluster.record, Engine())


def _start_containers(
    cluster: ComposeCluster, engine: Engine, progress: Callable[[str], None]
) -> None:
    """Start everything in its order: networks, proxies, the first node, then the others."""
    record = cluster.record
    numbers = range(1, record.node_count + 1)
    proxies = [f"toxiproxy{number}" for number in range(1, NODE_COUNT + 1)]
    machines = [host(number) for number in range(1, NODE_COUNT + 1)]
    wanted = [*machines, *proxies, *(f"rabbit{number}" for number in numbers)]
    engine.compose(
        record.project,
        ["up", "--no-start", "--no-deps", "--quiet-pull", *wanted],
        record.variables,
        record.logs / "compose.log",
    )
    with asking("starting the containers"):
        for service in (*machines, *proxies):
            engine.container(record.project, service).start()
    cluster.wait_toxiproxies()
    progress("waiting until every node serves")
    cluster.start("r1")
    for node in cluster.nodes[1:]:
        cluster.start(node, wait=False)
    for node in cluster.nodes[1:]:
        cluster.wait_serving(node)
    # Noted before anything can change them: whoever comes later restores these values.
    noted = {node: read_limits(cluster, node).as_json() for node in cluster.nodes}
    record.note_value(LIMITS, noted)
