"""A load test without a game day: the run folder, the topology and the drain are made here."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import gevent
from pika.exceptions import AMQPError

from gameday.contracts.load import load
from gameday.history.folder import (
    build_manifest,
    create_run_folder,
    reports_dir,
    write_manifest,
)
from gameday.history.roles import Roles
from gameday.traffic.address import find_broker
from gameday.traffic.consumer import Consumer
from gameday.traffic.declaration import declare, depth
from gameday.traffic.publisher import Publisher
from gameday.traffic.session import Session

CONFIRMS_WITHIN_S = 15.0
CONSUMERS_WITHIN_S = 60.0
WINDOW_S = 3.0
DRAIN_WITHIN_S = 60.0


def begin(system: str, seed: int) -> Path:
    """Find the broker, declare the contract's topology, make the run folder."""
    loaded = load(system)
    contract = loaded.contract
    address = find_broker()
    declare(address.targets[0].url, contract.topology)
    folder = create_run_folder(reports_dir(), contract.system, seed)
    nodes = [target.node for target in address.targets]
    cluster = {"kind": "attached", "version": address.version, "nodes": nodes, "powers": []}
    manifest = build_manifest(
        folder, contract, seed=seed, suite="load", cluster=cluster, claimed=(),
        variables=loaded.values,
    )  # fmt: skip
    write_manifest(folder, manifest)
    targets = [[target.node, target.url] for target in address.targets]
    os.environ["GAMEDAY_TARGETS"] = json.dumps(targets)
    return folder


def wind_down(
    session: Session,
    publishers: Sequence[Publisher],
    consumers: Sequence[Consumer],
    *,
    is_joined: bool,
) -> None:
    """Stop publishing, wait for what is unanswered, let the consumers finish, close."""
    for publisher in publishers:
        publisher.stop()
    with gevent.Timeout(CONFIRMS_WITHIN_S, False):
        while any(publisher.unanswered for publisher in publishers):
            gevent.sleep(0.05)
    for publisher in publishers:
        publisher.close()
    if not is_joined:
        _let_finish(session)
    for consumer in consumers:
        consumer.drain(CONFIRMS_WITHIN_S)
    session.close()


def _let_finish(session: Session) -> None:
    """Wait until the consumers' queues are empty, or their time is up.

    So are the queues that time empties: what waits there comes back, or dies as it should.
    """
    roles = Roles(session.contract)
    queues = (*roles.consumed, *roles.passing)
    with gevent.Timeout(CONSUMERS_WITHIN_S + roles.passing_s, False):
        try:
            while any(depth(session.targets[0].url, queues).values()):
                gevent.sleep(0.25)
        except AMQPError:
            return  # The drain says so with a reason of its own.


def drain(folder: Path) -> bool:
    """Drain in a process of its own: two event loops do not live in one that gevent has patched."""
    words = [sys.executable, "-m", "gameday.traffic.drain", folder, WINDOW_S, DRAIN_WITHIN_S]
    done = subprocess.run([str(word) for word in words], check=False, timeout=DRAIN_WITHIN_S + 30)
    return done.returncode == 0
