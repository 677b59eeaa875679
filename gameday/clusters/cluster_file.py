"""The file in which somebody describes his own cluster, and which faults he allows there.

URLs, node names, the names of the environment variables that hold the credentials, a statement of
ownership, and for each allowed fault the commands that apply it and those that undo it. `read`
gives the file or one `UsageError` with a line for each mistake; what commands may hold is
`templates.py`'s business. Nothing here talks to anything. How to write one: docs/attached.md.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, PositiveFloat, ValidationError

from gameday.clusters import templates
from gameday.contracts.document import Mistake, read
from gameday.contracts.load import field_of
from gameday.contracts.parts import Part
from gameday.contracts.sentences import sentences
from gameday.errors import UsageError

PLAIN = r"^[A-Za-z0-9@._/][A-Za-z0-9@._:/+=,-]*$"
"""What a value may be: neither blanks nor anything that a shell, at whatever end, could read."""

NAME = r"^[a-z][a-z0-9_]*$"
"""What such a value may be called."""

AMQP_PORTS = {"amqp": 5672, "amqps": 5671}
API_SCHEMES = ("http", "https")

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Credentials(Part):
    """Which environment variables hold the administrator's name and password."""

    username_variable: Variable
    """The variable with the user's name."""
    password_variable: Variable
    """The variable with the password; neither it nor the name ever stands in the file."""


class Node(Part):
    """One node: where it listens, what RabbitMQ calls it, and values for the commands."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Its name in plans and reports, and `{node}` in commands."""
    erlang_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+@[A-Za-z0-9_.-]+$")]
    """What `rabbitmqctl cluster_status` calls it, such as `rabbit@host`."""
    amqp: str
    """Where clients reach this very node: `amqp://HOST:PORT`, without credentials."""
    management: str
    """Where its management API listens: `http://HOST:PORT`, without credentials."""
    values: dict[Annotated[str, Field(pattern=NAME)], Annotated[str, Field(pattern=PLAIN)]] = Field(
        default_factory=dict
    )
    """More values for commands: `host: 10.0.0.11` is `{host}` there, and `{peer_host}` a peer's."""


class Command(Part):
    """One command, and the file that it is given as its input."""

    run: str
    """The command; it is split into words as a shell would, and run without one."""
    input: str | None = None
    """A file beside this one; it is given to the command as its input, placeholders filled in."""


Commands = str | tuple[str | Command, ...]
"""One command, or several that are run one after another."""


class Template(Part):
    """How one fault is applied on a node, and how it is undone."""

    apply: Commands
    """What breaks it."""
    revert: Commands = ()
    """What puts it right; run again, or where nothing is broken, it must do no harm."""
    apply_within_s: PositiveFloat = 30
    """How long one command of `apply` may take, in seconds."""
    revert_within_s: PositiveFloat = 60
    """How long one command of `revert` may take, in seconds."""
    healed_within_s: PositiveFloat | None = None
    """How long it may take until the cluster is seen healed, in seconds; else 120, or after a pause
    45, since one that lasted may leave a partition that only a restart mends."""


class Faults(Part):
    """Which faults the owner allows: only what has a template is ever done."""

    kill: Template | None = None
    """A node's process is gone at once, as by `kill -9`."""
    stop: Template | None = None
    """A node is stopped in good order."""
    pause: Template | None = None
    """A node stands still, as by `kill -STOP`."""
    stop_app: Template | None = None
    """`rabbitmqctl stop_app`."""
    isolate_reset: Template | None = None
    """A node is parted from its peers, and both ends notice at once."""
    isolate_silent: Template | None = None
    """A node is parted from its peers, and every byte between them is dropped."""
    cut_link_reset: Template | None = None
    """A node is parted from one peer, and both ends notice at once."""
    cut_link_silent: Template | None = None
    """A node is parted from one peer, and every byte between them is dropped."""
    disk_alarm: Template | None = None
    """A node's disk alarm."""
    memory_alarm: Template | None = None
    """A node's memory alarm."""

    def given(self) -> dict[str, Template]:
        """Return the templates that the file has, by name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: template for name, template in found.items() if template is not None}


class ClusterFile(Part):
    """A cluster that somebody else runs, in its owner's words."""

    cluster: str
    """The name that the cluster gives itself (`rabbitmqctl cluster_status`)."""
    i_own: str | None = None
    """The same name once more: the statement that this cluster is the writer's to break."""
    credentials: Credentials
    """Where its credentials are."""
    authority: str | None = None
    """For TLS: the file, beside this one, with the authority's certificate."""
    nodes: Annotated[tuple[Node, ...], Field(min_length=1)]
    """Its nodes, each with an address of its own."""
    faults: Faults = Faults()
    """The faults that are allowed; none when left out."""

    def node(self, name: str) -> Node:
        """Return a node by its name."""
        return next(each for each in self.nodes if each.name == name)


def read_file(path: Path) -> ClusterFile:
    """Read a cluster file, or say everything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{path}: cannot be read as a cluster file: {reason}.") from error
    document = read(text)
    mistakes, file = list(document.mistakes), None
    if not mistakes:
        try:
            file = ClusterFile.model_validate_json(json.dumps(document.data), strict=True)
        except ValidationError as error:
            mistakes = sentences(error, ClusterFile)
        else:
            mistakes = list(_meaning(file, path.parent))
    if file is None or mistakes:
        found = sorted({(document.line(each.path), _said(each)) for each in mistakes})
        raise UsageError("\n".join(f"{path}:{line}: {said}" for line, said in found))
    return file


def _said(mistake: Mistake) -> str:
    return f"{field_of(mistake.path)}: {mistake.text}"


def _meaning(file: ClusterFile, folder: Path) -> Iterator[Mistake]:
    """Find what is wrong beyond the fields' shapes."""
    if file.i_own != file.cluster:
        text = (
            f"expected {file.cluster!r} once more, found {file.i_own or 'nothing'!r}; gameday "
            "breaks only what somebody says is his: repeat the cluster's name if it is yours"
        )
        yield Mistake(("i_own",), text)
    for field in ("name", "erlang_name", "amqp", "management"):
        yield from _twice(file, field)
    for number, node in enumerate(file.nodes):
        yield from _wrong_url(("nodes", number, "amqp"), node.amqp, tuple(AMQP_PORTS))
        yield from _wrong_url(("nodes", number, "management"), node.management, API_SCHEMES)
        for name in node.values:
            if name not in templates.RESERVED and not templates.is_of_peer(name):
                continue
            yield Mistake(
                ("nodes", number, "values", name),
                f"expected a name of your own, found {name}; gameday fills that one in itself",
            )
    yield from _wrong_authority(file, folder)
    for name, template in file.faults.given().items():
        yield from _wrong_template(file, folder, name, template)


def _wrong_authority(file: ClusterFile, folder: Path) -> Iterator[Mistake]:
    """Find that nobody vouches for nodes which are reached by TLS, or that who does is missing."""
    urls = [url for node in file.nodes for url in (node.amqp, node.management)]
    if file.authority is None:
        by_tls = next((url for url in urls if url.startswith(("amqps:", "https:"))), None)
        if by_tls:
            text = (
                f"expected the file of an authority that vouches for {by_tls}, found none; name "
                "yours, or the machine's own (on Debian /etc/ssl/certs/ca-certificates.crt)"
            )
            yield Mistake(("authority",), text)
    elif not (folder / file.authority).is_file():
        text = f"expected a file beside this one, found no {file.authority}; correct the path"
        yield Mistake(("authority",), text)


def _twice(file: ClusterFile, field: str) -> Iterator[Mistake]:
    """Find two nodes with the same name or address: nobody could tell them apart."""
    seen: set[str] = set()
    for number, node in enumerate(file.nodes):
        value = getattr(node, field)
        if value in seen:
            text = f"expected one of its own, found {value} again; each node needs its own"
            yield Mistake(("nodes", number, field), text)
        seen.add(value)


def _wrong_url(
    path: tuple[str | int, ...], url: str, schemes: tuple[str, ...]
) -> Iterator[Mistake]:
    """Find what is wrong with a URL; one with credentials is not repeated."""
    wanted = f"{schemes[0]}://HOST:PORT"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        yield Mistake(path, f"expected {wanted}, found no URL; correct it")
        return
    if "@" in url:
        yield Mistake(
            path,
            f"expected {wanted}, found credentials in it; name their environment variables in "
            "credentials, and change the password if others could read this file",
        )
    elif not usable or parts.query or (parts.path.strip("/") and path[-1] == "amqp"):
        yield Mistake(path, f"expected {wanted}, found {url!r}; correct it")


def _wrong_template(
    file: ClusterFile, folder: Path, name: str, template: Template
) -> Iterator[Mistake]:
    """Find what is wrong with a fault's commands."""
    place = ("faults", name)
    if not commands(template.revert):
        yield Mistake(
            (*place, "revert"),
            f"expected the command that undoes {name}, found nothing; gameday breaks nothing that "
            "it cannot put right: add it",
        )
    if not commands(template.apply):
        yield Mistake((*place, "apply"), "expected a command, found nothing; add it")
    for way in ("apply", "revert"):
        for command in commands(getattr(template, way)):
            for text in templates.mistakes(name, way, command.run, command.input, folder):
                yield Mistake((*place, way), text)
            for node in file.nodes:
                lacking = templates.lacking(command.run, command.input, folder, node.values)
                for each in sorted(lacking):
                    text = f"expected a value for {{{each}}}, found none; give node {node.name} one"
                    yield Mistake((*place, way), text)


def commands(given: Commands) -> tuple[Command, ...]:
    """Return commands in one form, however the file has them."""
    each = (given,) if isinstance(given, str) else given
    return tuple(Command(run=one) if isinstance(one, str) else one for one in each)
