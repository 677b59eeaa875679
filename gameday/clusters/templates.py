"""Command templates: which placeholders they may have, and how they become commands.

A template is split into words first and filled in afterwards, each word by itself, so that no
value can become another word, whatever it holds; there is no shell. Where a command hands its
words to a shell at the other end, as `ssh` does, the values' own pattern (`cluster_file.PLAIN`)
keeps that one from reading anything into them.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

USER_PART = re.compile(r"://[^/\s?#\"']*@")
"""A user in a URL, as it is masked in everything that is written."""

NODE = frozenset({"node", "erlang_name", "amqp_host", "amqp_port", "management_host"})
"""What every node has, for itself and, after `peer_`, for a peer; `peer` is the peer's name.

`peers` and `peers_…` are those of all peers that are meant, parted by commas: one command then
parts a node from all at once. Parted one by one, it is for a moment in a partition of another kind.
"""

PEER = frozenset(
    {"peer", "peers", *(f"{each}_{name}" for each in ("peer", "peers") for name in NODE)}
)

LIMITS: dict[str, frozenset[str]] = {
    "disk_alarm": frozenset({"disk_free_limit_bytes", "beyond_free_bytes"}),
    "memory_alarm": frozenset({"memory_limit_bytes"}),
}
"""What is measured when the fault strikes: the limit in force, and more than there is."""

RESERVED = NODE | PEER | frozenset().union(*LIMITS.values())

BETWEEN = frozenset({"isolate_reset", "isolate_silent", "cut_link_reset", "cut_link_silent"})
"""Faults between nodes: a command that names a peer is run once for each peer that is meant."""

ONE_PEER = frozenset({"cut_link_reset", "cut_link_silent"})


@dataclass(frozen=True)
class Ready:
    """One command with everything filled in: on behalf of which node, and its time limit."""

    node: str
    argv: tuple[str, ...]
    within_s: float
    input: str | None = None

    @property
    def shown(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.argv)

    def as_json(self) -> dict[str, Any]:
        """Return it as the journal has it."""
        return {**asdict(self), "argv": list(self.argv)}


def from_json(value: Mapping[str, Any]) -> Ready:
    """Read a command back from the journal."""
    return Ready(value["node"], tuple(value["argv"]), value["within_s"], value["input"])


def is_of_peer(name: str) -> bool:
    """Whether a placeholder is about a peer of the node."""
    return name in {"peer", "peers"} or name.startswith(("peer_", "peers_"))


def is_of_one_peer(name: str) -> bool:
    """Whether a placeholder is about one peer, so that its command is run once for each."""
    return name == "peer" or name.startswith("peer_")


def names_in(text: str) -> set[str]:
    """Return the placeholders of a text."""
    return set(PLACEHOLDER.findall(text))


def text_of(run: str, input_: str | None, folder: Path) -> str:
    """Return everything that is filled in of a command: its words and its input."""
    return run if input_ is None else f"{run}\n{(folder / input_).read_text(encoding='utf-8')}"


def mistakes(fault: str, way: str, run: str, input_: str | None, folder: Path) -> Iterator[str]:
    """Say what is wrong with a command, apart from values that a node lacks."""
    try:
        words = shlex.split(run)
    except ValueError as error:
        yield f"expected a command, found {run!r}; it cannot be split into words: {error}"
        return
    if not words:
        yield "expected a command, found nothing; write it"
        return
    try:
        names = names_in(text_of(run, input_, folder))
    except (OSError, UnicodeDecodeError) as error:
        yield f"expected a text file beside this one, found {input_!r}; {error}"
        return
    if USER_PART.search(text_of(run, input_, folder)):
        yield (
            "expected no user in a URL, found one; that is masked wherever commands are written "
            "down, and could not be run again: let the program's own configuration name him"
        )
    peers = {name for name in names if is_of_peer(name)}
    if peers and fault not in BETWEEN:
        yield f"expected no peer, found {{{min(peers)}}}; {fault} strikes one node alone"
    if fault in ONE_PEER and not peers:
        yield "expected the peer that is cut off, found none; name {peer} or one of its values"
    foreign = set().union(*(own for other, own in LIMITS.items() if other != fault)) & names
    if foreign:
        yield f"expected no limit of another fault, found {{{min(foreign)}}}; {fault} measures none"
    if way == "revert" and "beyond_free_bytes" in names:
        yield (
            "expected the limit that was in force, found {beyond_free_bytes}; write "
            "{disk_free_limit_bytes}"
        )


def lacking(run: str, input_: str | None, folder: Path, values: Mapping[str, str]) -> set[str]:
    """Return the placeholders that neither gameday nor a node's values fill in."""
    try:
        names = names_in(text_of(run, input_, folder)) - RESERVED
    except (OSError, UnicodeDecodeError):
        return set()  # Said already.
    own = {name: name.removeprefix("peers_").removeprefix("peer_") for name in names}
    return {name for name in names if own[name] not in values}


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill a text's placeholders in."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def ready(
    node: str,
    run: str,
    input_: str | None,
    folder: Path,
    values: Mapping[str, str],
    within_s: float,
) -> Ready:
    """Return a command with everything filled in, word by word."""
    argv = tuple(fill(word, values) for word in shlex.split(run))
    text = None
    if input_ is not None:
        text = fill((folder / input_).read_text(encoding="utf-8"), values)
    return Ready(node, argv, within_s, text)
