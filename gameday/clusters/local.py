"""The embedded cluster: RabbitMQ nodes as processes on loopback, every link proxied.

    claim ports -> write cluster.json -> epmd -> toxiproxy -> nodes -> healthy

Clients come through Toxiproxy, and so does each directed link between nodes, because every node
finds each peer at an address of that link's own (`inetrc.py`). The same class serves whoever
started the cluster and whoever finds it later by its folder (`load`). Whether leftovers of dead
starters exist is `residue.py`'s business.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import permutations
from pathlib import Path

from gameday.clusters import epmd
from gameday.clusters.balancer import LocalBalancer, find_haproxy
from gameday.clusters.cluster import ALL_POWERS
from gameday.clusters.control import LocalControl
from gameday.clusters.limits import Limits, read_limits
from gameday.clusters.links import LocalLinks
from gameday.clusters.nodes import FIRST_FORMS_BELOW, NODES, LocalNodes, write_configuration
from gameday.clusters.ports import Claim, claim_block
from gameday.clusters.processes import OWNER_VARIABLE, ProcessRef, reference, with_token
from gameday.clusters.record import (
    FILE_NAME,
    ClusterRecord,
    cluster_folder,
    create_folder,
    load_record,
)
from gameday.clusters.release import Release, find_release
from gameday.clusters.residue import end_processes, remove_cluster
from gameday.clusters.settings import BrokerSettings
from gameday.clusters.toxiproxy import find_binary
from gameday.clusters.zones.able import why_not
from gameday.contracts.definitions import Definitions, with_user
from gameday.errors import HarnessError, UsageError

Progress = Callable[[str], None]
LIMITS = "limits"
DEFINITIONS = "definitions.json"


def default_state_dir() -> Path:
    """Return where clusters keep their state."""
    named = os.environ.get("GAMEDAY_STATE_DIR")
    if named:
        return Path(named).resolve()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "gameday"


class LocalCluster(LocalNodes, LocalBalancer, LocalControl):
    """A running local cluster, with every power; clocks only where its nodes were started so."""

    def __init__(self, record: ClusterRecord) -> None:
        LocalControl.__init__(self, record)
        LocalLinks.__init__(self, record)
        LocalNodes.__init__(self, record, self)
        self.nodes: tuple[str, ...] = NODES[: record.node_count]
        self.powers = ALL_POWERS - _cannot(record)

    @property
    def record(self) -> ClusterRecord:
        """What is known about the cluster beyond this process."""
        return self._record

    @property
    def version(self) -> str:
        """The broker's version."""
        return self._record.release.version

    def own_limits(self, node: str) -> Limits:
        """Return the alarm limits that the node had when its cluster started."""
        noted = self._record.read_value(LIMITS)
        if noted is None:
            raise HarnessError("the cluster did not come up: its own alarm limits are not known")
        return Limits(**noted[node])

    @property
    def data_folder(self) -> Path:
        """Where the nodes keep their data."""
        return self._record.folder / "nodes"

    @property
    def owner_environment(self) -> dict[str, str]:
        """What a child of the run needs in its environment to be found as a leftover."""
        return {OWNER_VARIABLE: self._record.token}

    def keep(self) -> None:
        """Leave the cluster running after this process: it is nobody's leftover then."""
        self._record = replace(self._record, kept=True)
        self._record.save()

    def close(self) -> None:
        """End every process of the cluster and remove its folder."""
        self.close_control()
        remove_cluster(self._record)


def _cannot(record: ClusterRecord) -> set[str]:
    """Return the powers that a cluster lacks: not started for them, or not on this machine."""
    able = {
        "jump_clock": record.clocks, "tls": record.tls, "balancer": record.balancer,
        "open_zones": why_not() is None,
        # Processes share their machine's network: none of them can be taken off it alone.
        "disconnect": False,
    }  # fmt: skip
    return {power for power, is_able in able.items() if not is_able}


def load(state_dir: Path, port_base: int) -> LocalCluster:
    """Attach to the cluster that is recorded for a block."""
    return LocalCluster(load_record(cluster_folder(state_dir, port_base)))


@contextmanager
def local_cluster(
    settings: BrokerSettings,
    *,
    broker: str | Release | None = None,
    nodes: int = len(NODES),
    clocks: bool = False,
    tls: bool = False,
    balancer: bool = False,
    state_dir: Path | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[LocalCluster]:
    """Run a cluster for the time of a block."""
    cluster = start_local(
        settings,
        broker=broker,
        nodes=nodes,
        clocks=clocks,
        tls=tls,
        balancer=balancer,
        state_dir=state_dir or default_state_dir(),
        progress=progress,
    )
    try:
        yield cluster
    finally:
        cluster.close()


def start_local(
    settings: BrokerSettings,
    *,
    broker: str | Release | None = None,
    nodes: int = len(NODES),
    definitions: Definitions | None = None,
    beside: int | None = None,
    clocks: bool = False,
    tls: bool = False,
    balancer: bool = False,
    state_dir: Path,
    progress: Progress = lambda _: None,
) -> LocalCluster:
    """Start a cluster of up to three nodes; return it when all serve, or leave nothing behind.

    With definitions its nodes boot from a file of these and the administrator: a node that loads
    any makes no user and no virtual host itself. `beside` is another cluster's block of ports to
    keep clear of; with `clocks` each node has a time of day of its own, with `tls` all is TLS.
    """
    state_dir = _usable(state_dir)
    release = broker if isinstance(broker, Release) else find_release(broker)
    toxiproxy = find_binary()
    if balancer:
        find_haproxy()
    claim = claim_block(beside=beside, is_haunted=lambda base: _is_haunted(state_dir, base))
    record = ClusterRecord(
        folder=cluster_folder(state_dir, claim.ports.base),
        ports=claim.ports,
        token=secrets.token_hex(16),
        release=release,
        settings=settings,
        toxiproxy=toxiproxy,
        username="gameday",
        owner=_ourselves(),
        node_count=nodes,
        clocks=clocks,
        tls=tls,
        balancer=balancer,
    )
    return _begin(record, claim, definitions, progress)


def _begin(
    record: ClusterRecord, claim: Claim, definitions: Definitions | None, progress: Progress
) -> LocalCluster:
    """Start what a record says, and give the claim up: epmd holds the block then."""
    with ExitStack() as undo:
        undo.callback(claim.release)
        create_folder(record)
        if definitions is not None:
            record = _with_definitions(record, definitions)
        record.save()
        cluster = LocalCluster(record)
        undo.callback(_give_up, cluster)
        progress(f"RabbitMQ {record.release.version} on the ports from {claim.ports.base}")
        _start_processes(cluster, claim, progress)
        undo.pop_all()
    claim.release()
    return cluster


def _ourselves() -> ProcessRef:
    """Return this process, whose cluster it is."""
    owner = reference(os.getpid())
    assert owner is not None
    return owner


def _with_definitions(record: ClusterRecord, definitions: Definitions) -> ClusterRecord:
    """Write the file that the nodes load, and return the record with the line that names it."""
    path = record.folder / DEFINITIONS
    whole = with_user(definitions, record.username, record.password)
    path.write_text(json.dumps(whole), encoding="utf-8")
    line = f"load_definitions = {record.inside(path)}"
    lines = (*record.settings.rabbitmq_conf, line)
    return replace(record, settings=replace(record.settings, rabbitmq_conf=lines))


def _usable(state_dir: Path) -> Path:
    """Return the folder in full; RabbitMQ's scripts cannot live with blanks in its name."""
    folder = state_dir.resolve()
    if any(character.isspace() for character in str(folder)):
        raise UsageError(
            f"the state folder {folder} has a blank in its name: set GAMEDAY_STATE_DIR."
        )
    return folder


def _is_haunted(state_dir: Path, base: int) -> bool:
    """Whether processes of an earlier cluster of the block still run, listening or not."""
    folder = cluster_folder(state_dir, base)
    if not (folder / FILE_NAME).exists():
        return False
    return any(with_token(load_record(folder).token))


def _give_up(cluster: LocalCluster) -> None:
    """End what was started of a cluster that did not come up; its logs stay to be read."""
    cluster.close_control()
    end_processes(cluster.record)
    (cluster.record.folder / FILE_NAME).unlink(missing_ok=True)


def _start_processes(cluster: LocalCluster, claim: Claim, progress: Progress) -> None:
    """Start everything in its order."""
    write_configuration(cluster.record)
    epmd.start(cluster.record, claim.lock_descriptor)
    cluster.start_toxiproxy()
    _start_nodes(cluster, progress)
    if cluster.record.balancer:
        cluster.start_balancer(cluster.nodes)
    # Noted before anything can change them: whoever comes later restores these values.
    noted = {node: read_limits(cluster, node).as_json() for node in cluster.nodes}
    cluster.record.note_value(LIMITS, noted)


def _start_nodes(cluster: LocalCluster, progress: Progress) -> None:
    """Start the nodes together and let them join one after another where that matters.

    Before 4.0 a node that joins while the first still enables its feature flags keeps an old
    schema and dies. All the same they start together, which takes the time: the links are cut
    until the first serves, and then those of one node more are mended at a time.
    """
    nodes = cluster.nodes
    in_turn = len(nodes) > 1 and cluster.record.release.major_minor < FIRST_FORMS_BELOW
    if in_turn:
        cluster.cut(permutations(nodes, 2), "reset")
    for node in nodes:
        cluster.start(node, wait=False)
    for count, node in enumerate(nodes, start=1):
        if in_turn:
            cluster.mend(permutations(nodes[:count], 2))
        cluster.wait_serving(node)
        progress(f"{node} serves")
