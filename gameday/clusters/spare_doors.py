"""A door of ours before each node of somebody's cluster, by which one control's publisher comes.

That a loss would be seen is shown by a publisher without confirms whose link swallows what it
sends. No link to an attached cluster is ours, so the run starts a Toxiproxy on loopback, whose
proxies lead to the nodes' AMQP addresses: one a node, since who leads is known only later. Nobody
but that publisher is told of them: they give the power over its link, and over nothing else.
"""

import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gameday.clusters.cluster import Address, Door, How, ToxicSeen
from gameday.clusters.links import LocalLinks, door_name
from gameday.clusters.ports import LOOPBACK, Claim, claim_block, pinned_base
from gameday.clusters.processes import reference, with_token
from gameday.clusters.residue import remove_cluster
from gameday.clusters.spare_record import (
    SpareRecord,
    create_folder,
    doors_folder,
    load_record,
)
from gameday.clusters.toxiproxy import ProxySpec, ToxiproxyApi, find_binary
from gameday.errors import HarnessError

POWER = "spare_door"
SPARE: Door = "spare"


class SpareDoors(LocalLinks):
    """The doors, and the power over them; whoever started them holds their block of ports."""

    _record: SpareRecord  # type: ignore[assignment]  # It has what a proxy's record must have.

    def __init__(self, record: SpareRecord, claim: Claim | None = None) -> None:
        self._record = record
        self._claim = claim
        self._toxiproxy = ToxiproxyApi(Address(LOOPBACK, record.ports.toxiproxy))
        self._specs = {spec.name: spec for spec in _specs(record)}
        self._lock = threading.Lock()
        self.restarts = 0

    @property
    def record(self) -> SpareRecord:
        """What is known about the doors beyond this process."""
        return self._record

    def close(self) -> None:
        """End the process, and remove its folder."""
        remove_cluster(self._record)
        if self._claim is not None:
            self._claim.release()


def _specs(record: SpareRecord) -> Iterator[ProxySpec]:
    """Every door; a client that comes by TLS is told the name that the node's certificate has."""
    for number, (node, upstream) in enumerate(record.upstreams.items(), 1):
        own = Address(LOOPBACK, record.ports.spare(number))
        name = upstream.host if upstream.authority else None
        listen = replace(own, authority=upstream.authority, name=name)
        yield ProxySpec(door_name(SPARE, node), listen, upstream)


def open_doors(state_dir: Path, upstreams: Mapping[str, Address]) -> SpareDoors:
    """Open a door before each node; with nothing left running where that fails."""
    owner = reference(os.getpid())
    assert owner is not None
    state_dir, binary = state_dir.resolve(), find_binary()
    # A pinned block may be that of the very cluster which is attached to.
    claim = claim_block(beside=pinned_base(), is_haunted=lambda base: _is_haunted(state_dir, base))
    folder = doors_folder(state_dir, claim.ports.base)
    record = SpareRecord(folder, claim.ports, secrets.token_hex(16), owner, binary, dict(upstreams))
    doors = SpareDoors(record, claim)
    try:
        create_folder(record)
        doors.start_toxiproxy()
    except HarnessError:
        doors.close()
        raise
    return doors


def find_doors(folder: Path) -> SpareDoors | None:
    """Return the doors of a folder, none where they are gone."""
    with suppress(HarnessError):
        return SpareDoors(load_record(folder))
    return None


def _is_haunted(state_dir: Path, base: int) -> bool:
    """Whether a process of earlier doors of the block still runs."""
    with suppress(HarnessError):
        return any(with_token(load_record(doors_folder(state_dir, base)).token))
    return False


class BehindSpareDoors:
    """What a cluster can do to links whose only links of ours are its spare doors."""

    spare: SpareDoors | None

    def door_address(self, node: str, door: Door) -> Address:
        """Return where the one client that comes by the door reaches the node."""
        return self._only([door]).door_address(node, door)

    def cut_doors(self, node: str, doors: Iterable[Door], how: How) -> None:
        """Cut off who comes by the door."""
        self._only(doors).cut_doors(node, [SPARE], how)

    def mend_doors(self, node: str, doors: Iterable[Door]) -> None:
        """Let him through again."""
        self._only(doors).mend_doors(node, [SPARE])

    def toxics(self) -> list[ToxicSeen]:
        """Return every toxic on a door, as Toxiproxy reports it."""
        return self.spare.toxics() if self.spare else []

    def mend_all(self) -> None:
        """Mend every door; a Toxiproxy that is gone or hangs is restarted."""
        if self.spare:
            self.spare.mend_all()

    def _only(self, doors: Iterable[Door]) -> SpareDoors:
        """Return the doors, or refuse a link that is none of ours."""
        others = [door for door in doors if door != SPARE]
        if self.spare is None or others:
            what = ", ".join(others) or SPARE
            raise HarnessError(f"no link of ours leads this cluster's clients: {what}.")
        return self.spare
