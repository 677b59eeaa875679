"""A cluster without brokers, on which the harness's own safety is tried: fast, and often.

Toxiproxy is real, and so are runner and watchdog; behind its proxies small servers answer AMQP's
greeting, and a file stands for what a node remembers. `register` makes a process know it: the
faults and recipes of the stand, short leases, and whom rescuers take for the cluster. Faults of
real nodes are killed at each point in `tests/live/test_chaos_rescue.py`.
"""

import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, cast

from chaos import catalogue, heal, lease, reverts, watchdog
from chaos.fault import Single, Site
from chaos.plan import Entry, Episode
from chaos.revert import Recipe, Revert, Seen, Target
from gameday.clusters import found
from gameday.clusters.cluster import Address
from gameday.clusters.local import LocalCluster
from gameday.clusters.ports import LOOPBACK, claim_block
from gameday.clusters.processes import clean_environment, reference, spawn
from gameday.clusters.record import ClusterRecord, cluster_folder, create_folder
from gameday.clusters.release import Release
from gameday.clusters.settings import BrokerSettings
from gameday.clusters.toxiproxy import ToxiproxyApi, find_binary
from gameday.clusters.wait import wait_until

ROOT = Path(__file__).parents[2]
PARTS = ("a", "b")

EPISODE = Episode(
    id="e1", name="stand", at_s=0, for_s=30,
    faults=(
        Entry(kind="cut_clients", target="r1", parameters={"how": "silent"}),
        Entry(kind="shift", target="a"),
        Entry(kind="cut_clients", target="r2", parameters={"how": "reset"}),
    ),
)  # fmt: skip


class StandCluster(LocalCluster):
    """Links by a real Toxiproxy, and parts in a file."""

    def __init__(self, record: ClusterRecord) -> None:
        super().__init__(record)
        self._toxiproxy = ToxiproxyApi(Address(LOOPBACK, record.ports.toxiproxy), limit_s=1.0)

    @property
    def parts(self) -> dict[str, int]:
        """What the file holds."""
        return dict(self.record.read_value("parts"))

    def set_part(self, part: str, value: int) -> None:
        """Change one part."""
        self.record.note_value("parts", {**self.parts, part: value})


def stand_of(cluster: Target) -> StandCluster:
    """Take the cluster for what it is here."""
    return cast("StandCluster", cluster)


@dataclass(frozen=True)
class Shift(Single):
    """Add one to two parts, one after the other, so that it can be cut short half way."""

    part: str
    kind: ClassVar[str] = "shift"
    fault_class: ClassVar[str] = "control"

    def capture(self, site: Site) -> Revert:
        """Record both parts."""
        return Revert("shift", stand_of(site.cluster).parts)

    def apply(self, site: Site) -> None:
        """Change one part, then the other."""
        for part in PARTS:
            stand_of(site.cluster).set_part(part, stand_of(site.cluster).parts[part] + 1)
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """See both parts changed."""
        return Seen(yes=True, evidence=stand_of(site.cluster).parts)


def _restore(cluster: Target, values: Mapping[str, Any]) -> None:
    for part, value in values.items():
        stand_of(cluster).set_part(part, value)


def _restored(cluster: Target, values: Mapping[str, Any]) -> Seen:
    parts = stand_of(cluster).parts
    return Seen(parts == dict(values), parts)


def register() -> None:
    """Make this process know the stand, and lose patience early."""
    catalogue.KINDS["shift"] = Shift
    catalogue.POWERS["shift"] = None
    reverts.RECIPES["shift"] = Recipe(_restore, _restored, 3, _restore)
    for kind, recipe in reverts.RECIPES.items():
        reverts.RECIPES[kind] = replace(recipe, within_s=min(3, recipe.within_s))
    found.LocalCluster = StandCluster  # type: ignore[misc]  # Whom a rescuer takes it for.
    heal.LocalCluster = StandCluster  # type: ignore[misc]
    lease.EXPIRES_S, lease.BEAT_S = 1.0, 0.1  # type: ignore[misc]
    watchdog.LOOK_EVERY_MS = 50  # type: ignore[misc]
    watchdog.MODULE = "tests.safety.watchdog_process"  # type: ignore[misc]


@contextmanager
def stand(state_dir: Path) -> Iterator[StandCluster]:
    """Run a stand for the time of a test."""
    claim = claim_block()
    owner = reference(os.getpid())
    assert owner is not None
    record = ClusterRecord(
        folder=cluster_folder(state_dir, claim.ports.base), ports=claim.ports,
        token=secrets.token_hex(16), release=Release("0", Path("/nowhere"), None),
        settings=BrokerSettings(), toxiproxy=find_binary(), username="nobody", owner=owner,
    )  # fmt: skip
    create_folder(record)
    record.save()
    record.note_value("parts", dict.fromkeys(PARTS, 0))
    cluster = StandCluster(record)
    try:
        greeter = [sys.executable, "-S", str(Path(__file__).parent / "greeter.py")]
        ports = [str(claim.ports.amqp(node)) for node in (1, 2, 3)]
        environment = clean_environment(record.token, record.home)
        record.remember("greeter", spawn([*greeter, *ports], environment, record.logs / "greeter"))
        cluster.start_toxiproxy()
        wait_until(lambda: json.loads((record.logs / "greeter").read_text() or "0"), 10, "greeters")
        yield cluster
    finally:
        claim.release()
        cluster.close()
