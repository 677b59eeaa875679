"""Whether this machine can keep zones apart: asked of the machine, never of its configuration.

`why_not` is quick: are the programs there, and may namespaces and rules be made? `detect` looks
whether rules are *enforced*: a door that they close must be closed with them and open without.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gameday.clusters.zones.rules import ruleset
from gameday.clusters.zones.zones import OWN_USER, Zones, open_zones, search_path
from gameday.contracts.isolation import BROKER, Door, Isolation, Zone
from gameday.errors import HarnessError

PROGRAMS = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux", "nsenter": "util-linux"}
"""What is needed, and the Debian package that has it."""
TRIAL_WITHIN_S = 10.0
CANARY_PORT = 5672
CANARY = (
    f"import socket, sys; door = socket.create_server(('', {CANARY_PORT})); "
    "print('ready', flush=True); sys.stdin.read()"
)
OUTSIDE = "outside"
SMALLEST = Isolation(zones=(Zone(name=OUTSIDE, holds="nobody"),), doors=(Door(name="amqp"),))
"""The broker's zone, and one from which nothing may be reached."""


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way of zones, and what to do about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


@dataclass(frozen=True)
class Detected:
    """What probing showed: how a forbidden connection ended with the rules, and without them."""

    with_rules: str
    without_rules: str

    @property
    def enforced(self) -> bool | None:
        """Whether the rules are enforced; none when the door was closed without them, too."""
        if self.with_rules in {"open", "mute"}:
            return False
        return True if self.without_rules in {"open", "mute"} else None

    def __str__(self) -> str:
        return f"{self.with_rules} with the rules, {self.without_rules} without"


@cache
def why_not() -> Obstacle | None:
    """Return what keeps this machine from making zones; none when it can."""
    missing = {
        package
        for name, package in PROGRAMS.items()
        if shutil.which(name, path=search_path()) is None
    }
    if missing:
        packages = " ".join(sorted(missing))
        return Obstacle(f"{packages} not installed", f"make setup, or apt-get install {packages}")
    user = () if os.geteuid() == 0 else OWN_USER
    trial = "nft add table inet trial && ip link add trial0 type veth peer name trial1"
    command = ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child",
               "--mount-proc", "sh", "-ec", trial]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=TRIAL_WITHIN_S,
            env={"PATH": search_path()},
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return Obstacle("making a namespace hangs", "run as root on a machine of one's own")
    if done.returncode == 0:
        return None
    said = " ".join(done.stderr.split())[:160]
    return Obstacle(
        f"namespaces cannot be made here ({said})",
        "run as root, or let others make them: sysctl kernel.unprivileged_userns_clone=1, on "
        "Ubuntu kernel.apparmor_restrict_unprivileged_userns=0; a container needs --privileged",
    )


def detect(state_dir: Path, rules: str | None = None) -> Detected:
    """Open the smallest zones and probe whether rules are enforced; none are rules that drop all.

    With rules that drop nothing this must find that nothing is enforced, or it finds nothing.
    """
    with open_zones(SMALLEST, state_dir) as zones, _canary(zones):
        zones.enforce(ruleset([]) if rules is None else rules)
        held = _reaches(zones)
        zones.lift()
        return Detected(held, _reaches(zones))


def _reaches(zones: Zones) -> str:
    address = zones.plan.broker("service").address
    ((outcome, _),) = zones.probe(OUTSIDE, [(address, CANARY_PORT, "tcp")])
    return outcome


@contextmanager
def _canary(zones: Zones) -> Iterator[None]:
    """Have something listen in the broker's zone that needs no broker."""
    command = [*zones.enter(BROKER), sys.executable, "-I", "-c", CANARY]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
        env=zones.environment, text=True,
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        if child.stdout.readline().strip() != "ready":
            raise HarnessError(f"nothing listens in the zone: {child.stderr.read()}")  # type: ignore[union-attr]
        yield
