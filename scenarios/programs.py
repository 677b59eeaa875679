"""The doctor's probes of programs: each is found the way a run finds it, and run once.

Nothing here decides how a program is found; that is the business of the rooms that use it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gameday.clusters.balancer import find_haproxy
from gameday.clusters.clock import find_library
from gameday.clusters.compose_images import find_images
from gameday.clusters.release import Release, find_release
from gameday.clusters.toxiproxy import find_binary
from gameday.clusters.zones.able import why_not
from gameday.errors import UsageError
from scenarios.finding import Finding, Level, missing, optional, ready

LIMIT_S = 20
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def answer(command: Sequence[str]) -> str | None:
    """Run a program and return the first line that it prints, none when it cannot run."""
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=LIMIT_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else None


def python() -> Finding:
    """Look at the interpreter that runs this."""
    return ready("Python", f"{sys.version.split()[0]}, {sys.executable}")


def rabbitmq() -> Finding:
    """Find the broker that a run would take, and start its Erlang once."""
    try:
        release = find_release(None)
    except UsageError as error:
        return missing("RabbitMQ", str(error), "make setup")
    return _broker("RabbitMQ", release, Level.MISSING)


def broker_4_3() -> Finding:
    """Find the tree with strict priorities on quorum queues."""
    return _tree("4.3")


def broker_4_0() -> Finding:
    """Find the tree with two classes of priority on quorum queues."""
    return _tree("4.0")


def _tree(version: str) -> Finding:
    """Find another broker beside the installed one."""
    name = f"RabbitMQ {version}"
    try:
        release = find_release(version)
    except UsageError:
        remedy = f"make brokers, for `gameday run --broker {version}`, `matrix` and `upgrade`"
        return optional(name, "not fetched", remedy)
    return _broker(name, release, Level.OPTIONAL)


def _broker(name: str, release: Release, otherwise: Level) -> Finding:
    """Say which Erlang a broker runs on, or that it does not run."""
    place = release.tree or release.scripts
    erlang = erlang_release(release)
    if erlang is None:
        found = f"{release.version} in {place}, but its Erlang does not start"
        remedy = "Try `erl` by hand; entering a tree needs root or user namespaces."
        return Finding(name, otherwise, found, remedy)
    return ready(name, f"{release.version} on Erlang {erlang}, {place}")


def erlang_release(release: Release) -> str | None:
    """Return the Erlang that a broker would run on, none when it does not start."""
    ask = "io:put_chars(erlang:system_info(otp_release)), halt()."
    with tempfile.TemporaryDirectory() as state:
        command = [*release.enter(Path(state)), "erl", "-noshell", "-eval", ask]
        return answer(command)


def toxiproxy() -> Finding:
    """Find the Toxiproxy server that a run would take, and run it once."""
    try:
        binary = find_binary()
    except UsageError as error:
        return missing("Toxiproxy", str(error), "make setup")
    # One that `go install` built gives "git" for its version, so that is not worth showing.
    if answer([str(binary), "--version"]) is None:
        return missing("Toxiproxy", f"{binary} does not run", "Remove it, then: make setup")
    return ready("Toxiproxy", str(binary))


def go() -> Finding:
    """Find what builds Toxiproxy where no package has it."""
    version = answer(["go", "version"])
    if version is None:
        return optional("Go", "not found", "Only to build Toxiproxy: install Go 1.23 or later.")
    return ready("Go", version.removeprefix("go version "))


def chromium() -> Finding:
    """Find the browser that the report's own tests use."""
    for name in CHROMIUMS:
        version = answer([name, "--version"]) if shutil.which(name) else None
        if version is not None:
            return ready("Chromium", version.split(" built ")[0])
    return optional(
        "Chromium", "not found", "Only for the report's tests: apt-get install chromium"
    )


def docker() -> Finding:
    """Ask the container engine itself, not its client; Compose; and for images of the broker."""
    version = answer(["docker", "version", "--format", "{{.Server.Version}}"])
    only = "Only --cluster compose needs that"
    if version is None:
        remedy = f"{only}: install Docker with Compose (on Debian, as root: make images)."
        return optional("containers", "no engine answers", remedy)
    compose = answer(["docker", "compose", "version", "--short"])
    if compose is None:
        remedy = f"{only}: install Docker's Compose plugin, version 2 (or: make images)."
        return optional("containers", f"engine {version} without Compose", remedy)
    found = f"engine {version}, Compose {compose}"
    try:
        images = find_images(None, pull=False)
    except UsageError as error:
        remedy = f"{only}: docker compose pull, or make images."
        return optional("containers", f"{found}; {error}", remedy)
    return ready("containers", f"{found}, RabbitMQ {images.version}")


def libfaketime() -> Finding:
    """Find what lets a node's clock jump."""
    library = find_library()
    if library is None:
        return optional(
            "libfaketime", "not found", "Only the fault jump_clock needs it: make setup."
        )
    return ready("libfaketime", str(library))


def zones() -> Finding:
    """Try whether network namespaces and rules can be made."""
    obstacle = why_not()
    if obstacle is not None:
        return optional("zones", obstacle.what, f"Only `gameday isolation`: {obstacle.remedy}.")
    return ready("zones", "network namespaces and rules between them can be made")


def redis() -> Finding:
    """Find the server of the other side of a migration."""
    version = answer(["redis-server", "--version"])
    if version is None:
        return optional("Redis", "not found", "Only `gameday migrate` needs it: make setup.")
    return ready("Redis", version.split(" sha=")[0])


def sshd() -> Finding:
    """Find what the tests of attached clusters reach this machine by."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is None:
        return optional(
            "sshd", "not found", "Only tests of attached clusters need it: scripts/setup_sshd.sh."
        )
    return ready("sshd", f"{program}, for tests")


def haproxy() -> Finding:
    """Find what stands before the nodes of a contract with `behind: haproxy`."""
    try:
        program = find_haproxy()
    except UsageError:
        return optional("HAProxy", "not found", "Only `behind: haproxy` needs it: make setup.")
    version = answer([str(program), "-v"])
    if version is None:
        return missing("HAProxy", f"{program} does not run", "Install it anew: make setup.")
    return ready("HAProxy", f"{program}, {version.partition(' - ')[0]}")
