"""A cluster that somebody else runs and lets us break, by commands that he wrote.

Its nodes are reached one by one, each at its own address, and every fact comes from outside: from
the management API of each node that answers, and from its AMQP port. Its powers are those for
which the owner's file has commands. `save` leaves in a run's folder what another process needs to
undo a fault, credentials excepted: those are read from the environment again.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from gameday import secured
from gameday.clusters.attached import AttachedCluster
from gameday.clusters.cluster import Address, Door, NodeAddresses
from gameday.clusters.cluster_file import ClusterFile
from gameday.clusters.commanding import NOTE, run_all
from gameday.clusters.filling import NO_VALUES, address_of, commands_of
from gameday.clusters.management import Management
from gameday.clusters.record import replace as write
from gameday.clusters.spare_doors import SPARE, BehindSpareDoors, SpareDoors, find_doors
from gameday.clusters.templates import Ready
from gameday.errors import HarnessError, UsageError

FILE_NAME = "attached.json"

POWERS: dict[str, str] = {
    "kill": "kill_node",
    "stop": "stop_node",
    "pause": "pause_node",
    "stop_app": "stop_app",
    "isolate_reset": "partition",
    "isolate_silent": "partition",
    "cut_link_reset": "partition",
    "cut_link_silent": "partition",
    "disk_alarm": "disk_alarm",
    "memory_alarm": "memory_alarm",
}
"""Which power a template gives."""


@dataclass(frozen=True, repr=False)
class CommandedCluster(BehindSpareDoors, AttachedCluster):
    """A running cluster and its owner's commands; relative files of theirs are in `folder`."""

    file: ClusterFile | None = None
    folder: Path = Path()
    run_folder: Path = Path()
    vhosts: tuple[str, ...] = ()
    spare: SpareDoors | None = None
    """Doors of ours before its nodes, where the run has opened some."""

    @property
    def own(self) -> ClusterFile:
        """The owner's file."""
        assert self.file is not None, "made by `attach_by_file` or `load` only"
        return self.file

    @property
    def authority(self) -> str | None:
        """The file of the authority that vouches for the nodes, where they speak TLS."""
        return str(self.folder / self.own.authority) if self.own.authority else None

    def addresses(self, node: str) -> NodeAddresses:
        """Return where one node listens; there is no proxy of ours between."""
        about = self.own.node(node)
        door, api = self._address(about.amqp), self._address(about.management)
        return NodeAddresses(node, about.erlang_name, client=door, direct=door, management=api)

    def _address(self, url: str) -> Address:
        """Return where a URL points, and who vouches for what listens there."""
        by_tls = url.startswith(("amqps:", "https:"))
        return replace(address_of(url), authority=self.authority if by_tls else None)

    def amqp_url(self, node: str, vhost: str, door: Door = "clients") -> str:
        """Return the URL by which clients reach one node, credentials included."""
        where = self.door_address(node, door) if door == SPARE else self.addresses(node).client
        credentials = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        scheme = urlsplit(self.own.node(node).amqp).scheme
        query = secured.query(where.authority, where.name) if where.authority else ""
        return f"{scheme}://{credentials}@{where}/{quote(vhost, safe='')}{query}"

    def management_url(self, node: str) -> str:
        """Return the URL of a node's management API, without the password."""
        return self.own.node(node).management.rstrip("/")

    def management(self, node: str = "", *, limit_s: float = 5) -> Management:
        """Return a node's management API."""
        url = self.management_url(node or self.nodes[0])
        return Management(
            url, self.username, self.password, limit_s=limit_s, authority=self.authority
        )

    def template_lacks(self, name: str) -> bool:
        """Whether the file has no commands of this name."""
        return name not in self.own.faults.given()

    def commands(
        self,
        template: str,
        way: str,
        node: str,
        peers: Sequence[str] = (),
        values: Mapping[str, str] = NO_VALUES,
    ) -> tuple[Ready, ...]:
        """Return the commands that apply or revert a fault on a node, in their order.

        One that names a peer is there once for each of the peers.
        """
        return commands_of(self.own, self.folder, template, way, node, peers, values)

    def run(self, ready: Sequence[Ready]) -> None:
        """Run commands one after another; one failure stops none, and all are told."""
        run_all(ready, self.folder, self.note, self.credential_variables)

    @property
    def note(self) -> Path:
        """Where the command that runs just now is noted."""
        return self.run_folder / NOTE

    @property
    def credential_variables(self) -> tuple[str, str]:
        """The environment variables that hold the administrator's name and password."""
        about = self.own.credentials
        return about.username_variable, about.password_variable

    def save(self) -> None:
        """Write down what another process needs to put this cluster right, no credentials."""
        record = {
            "file": self.own.model_dump(mode="json"),
            "folder": str(self.folder),
            "version": self.version,
            "vhosts": list(self.vhosts),
            "doors": str(self.spare.record.folder) if self.spare else None,
        }
        write(self.run_folder / FILE_NAME, json.dumps(record, indent=2))


def attach_by_file(file: ClusterFile, path: Path, run_folder: Path) -> CommandedCluster:
    """Attach to the cluster of a file, with the credentials of the environment."""
    about = file.credentials
    for variable in (about.username_variable, about.password_variable):
        if not os.environ.get(variable):
            raise UsageError(
                f"{variable} is not set: {path} names it for a credential; export it first."
            )
    cluster = made_of(file, path.resolve().parent, "", run_folder)
    for name in templates_with(file, cluster.password):
        raise UsageError(
            f"{path}: faults.{name}: a credential stands in a command: what is run is written "
            "down, so let the command read it from a file of the node's own."
        )
    overview = _first_answer(cluster)
    found = str(overview["cluster_name"])
    if found != file.cluster:
        raise UsageError(
            f"{path}: cluster: the file is about {file.cluster!r}, and the cluster that answers "
            f"calls itself {found!r}: correct the file, if that one is yours."
        )
    attached = replace(cluster, version=str(overview["rabbitmq_version"]))
    _refuse_other_nodes(attached, path)
    return attached


def made_of(file: ClusterFile, folder: Path, version: str, run_folder: Path) -> CommandedCluster:
    """Return a cluster with the credentials of the environment."""
    about = file.credentials
    username = os.environ.get(about.username_variable, "")
    password = os.environ.get(about.password_variable, "")
    first = file.nodes[0]
    scheme, _, where = first.amqp.partition("://")
    user = f"{quote(username, safe='')}:{quote(password, safe='')}"
    return CommandedCluster(
        amqp=urlsplit(f"{scheme}://{user}@{where}"),
        management_base=first.management.rstrip("/"),
        management_username=username,
        management_password=password,
        nodes=tuple(each.name for each in file.nodes),
        version=version,
        powers=frozenset(POWERS[name] for name in file.faults.given()),
        file=file,
        folder=folder,
        run_folder=run_folder,
    )


def templates_with(file: ClusterFile, password: str) -> list[str]:
    """Return the templates in which the password stands; a user's name may be an ordinary word."""
    return [
        name
        for name, template in file.faults.given().items()
        if password in template.model_dump_json()
    ]


def _first_answer(cluster: CommandedCluster) -> dict[str, str]:
    """Return the overview of the first node whose management API answers."""
    reasons = []
    for node in cluster.nodes:
        try:
            return dict(cluster.management(node).get("/api/overview"))
        except HarnessError as error:
            reasons.append(str(error))
    raise HarnessError(f"no node of {cluster.own.cluster} answers: {'; '.join(reasons)}")


def _refuse_other_nodes(cluster: CommandedCluster, path: Path) -> None:
    """Refuse a file whose nodes are not the cluster's: what it does to one must be that one."""
    listed = {each.erlang_name for each in cluster.own.nodes}
    known = {str(each["name"]) for each in cluster.management().get("/api/nodes?columns=name")}
    if listed != known:
        raise UsageError(
            f"{path}: nodes: the file has {', '.join(sorted(listed))}, and the cluster has "
            f"{', '.join(sorted(known))}: list each node of the cluster, and no other."
        )
    for node in cluster.nodes:
        answers = cluster.management(node).get("/api/overview?columns=node")["node"]
        if answers != cluster.own.node(node).erlang_name:
            raise UsageError(
                f"{path}: nodes: {cluster.management_url(node)} is {answers}, not node {node}: "
                "give each node its own address, not one behind which others stand."
            )


def load(run_folder: Path) -> CommandedCluster | None:
    """Return the cluster that a run worked on, none when it was no such one."""
    path = run_folder / FILE_NAME
    if not path.exists():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    file = ClusterFile.model_validate_json(json.dumps(values["file"]))
    made = made_of(file, Path(values["folder"]), values["version"], run_folder)
    spare = find_doors(Path(values["doors"])) if values["doors"] else None
    return replace(made, vhosts=tuple(values["vhosts"]), spare=spare)
