"""Zones as network namespaces, with a router between them that holds the rules.

    harness ──pipe──> init (a namespace of processes, mounts and networks of its own)
                        ├─ router: this namespace itself, forwarding, the rules
                        ├─ broker ── two networks
                        └─ one namespace for each zone of the contract

Nothing is changed in the machine's own namespaces: no interface, no rule, no forwarding, no mount.
The first process in ours does nothing but wait for the end of a pipe whose other end the harness
holds. When the harness ends, by `kill -9` too, it ends; the kernel then kills every process in
there and takes namespaces, interfaces and rules away. Root is not needed where the machine lets
others make user namespaces.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gameday.clusters.processes import clean_environment, is_alive, reference
from gameday.clusters.residue import end_processes
from gameday.clusters.wait import NotYet, wait_until
from gameday.clusters.zones import probe, record
from gameday.clusters.zones.layout import Layout, layout
from gameday.clusters.zones.record import ZonesRecord
from gameday.clusters.zones.rules import definitions
from gameday.contracts.isolation import Isolation
from gameday.errors import HarnessError, UsageError

STARTED_WITHIN_S = 10.0
COMMAND_WITHIN_S = 20.0
PROBES_WITHIN_S = 60.0
OWN_USER = ("--user", "--map-root-user")


class Zones:
    """Open zones: commands are run in them, and rules put between them."""

    def __init__(self, owned: ZonesRecord, plan: Layout) -> None:
        self.record = owned
        self.plan = plan
        home = owned.folder / "home"
        self.environment = {**clean_environment(owned.token, home), "PATH": search_path()}
        self._init = _start_init(self.environment)
        with ExitStack() as undo:
            undo.callback(self.close)
            self._first = self._find_first()
            self.has_ipv6 = self.run("router", ["test", "-d", "/proc/sys/net/ipv6"], ok=(0, 1)) == 0
            self.shell("router", script(owned, plan, ipv6=self.has_ipv6))
            undo.pop_all()

    def enter(self, zone: str) -> list[str]:
        """Return the words to put before a command so that it runs in a zone, or in the router."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        first = ["nsenter", "--target", str(self._first), *user, "--net", "--mount", "--pid", "--"]
        if zone == "router":
            return first
        return [*first, "nsenter", f"--net={self.record.namespace(zone)}", "--"]

    def shell(self, zone: str, commands: str) -> str:
        """Run shell commands in a zone; the first that fails ends them, and is an error."""
        return self._communicate(zone, ["sh", "-eu", "-s"], commands)

    def run(self, zone: str, command: Sequence[str], ok: Sequence[int] = (0,)) -> int:
        """Run one command in a zone and return its exit code, which must be an expected one."""
        done = self._complete(zone, command, "", COMMAND_WITHIN_S)
        if done.returncode not in ok:
            raise HarnessError(f"{' '.join(command)} in {zone}: {done.stderr.strip()[-400:]}")
        return done.returncode

    def output(self, zone: str, command: Sequence[str]) -> str:
        """Run one command in a zone and return what it prints."""
        return self._communicate(zone, command, "")

    def enforce(self, rules: str) -> str:
        """Let rules hold, in place of earlier ones, and return them as the kernel has them."""
        names = "".join(
            f"define {name} = {value}\n" for name, value in definitions(self.plan).items()
        )
        self.lift()
        done = self._complete("router", ["nft", "-f", "-"], names + rules, COMMAND_WITHIN_S)
        if done.returncode != 0:
            raise UsageError(f"the rules were not taken: {done.stderr.strip()[:400]}")
        return self.output("router", ["nft", "list", "ruleset"])

    def lift(self) -> None:
        """Take all rules away."""
        self.run("router", ["nft", "flush", "ruleset"])

    def probe(self, zone: str, targets: Sequence[probe.Target]) -> list[probe.Outcome]:
        """Open every connection from a zone, and return how each ended."""
        program = str(Path(probe.__file__).resolve())
        text = json.dumps(list(targets))
        command = [sys.executable, "-I", program]
        done = self._complete(zone, command, text, PROBES_WITHIN_S)
        if done.returncode != 0:
            raise HarnessError(f"the probes of {zone} ended early: {done.stderr.strip()[-400:]}")
        return [(outcome, said) for outcome, said in json.loads(done.stdout)]

    def close(self) -> None:
        """End every process in the zones, and with them the zones; remove their folder."""
        assert self._init.stdin is not None
        with suppress(BrokenPipeError):
            self._init.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._init.wait(STARTED_WITHIN_S)
        end_processes(self.record)
        self._init.wait()
        record.forget(self.record)

    def _find_first(self) -> int:
        """Return the process id of the namespaces' first process."""
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children")

        def found() -> int | NotYet:
            if self._init.poll() is not None:
                assert self._init.stderr is not None
                said = self._init.stderr.read().decode("utf-8", "replace").strip()
                raise HarnessError(f"no namespaces can be made here: {said}")
            pids = children.read_text().split()
            if not pids or not _is_init(int(pids[0])):
                return NotYet("not there yet")
            return int(pids[0])

        return wait_until(found, STARTED_WITHIN_S, "the zones' first process", poll_ms=5)

    def _communicate(self, zone: str, command: Sequence[str], text: str) -> str:
        done = self._complete(zone, command, text, COMMAND_WITHIN_S)
        if done.returncode != 0:
            raise HarnessError(f"{command[0]} in {zone}: {done.stderr.strip()[-400:]}")
        return done.stdout

    def _complete(
        self, zone: str, command: Sequence[str], text: str, within_s: float
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self.enter(zone), *command], input=text, capture_output=True, text=True,
                timeout=within_s, check=False, env=self.environment, cwd="/",
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise HarnessError(f"{command[0]} in {zone}: not done in {within_s:g} s") from error


@contextmanager
def open_zones(isolation: Isolation, state_dir: Path) -> Iterator[Zones]:
    """Have the zones of a contract for the time of a block."""
    zones = Zones(record.create(state_dir), layout(isolation))
    try:
        yield zones
    finally:
        zones.close()


def script(owned: ZonesRecord, plan: Layout, *, ipv6: bool) -> str:
    """Return the commands that make every zone and its networks, and let the router forward."""
    lines = ["echo 1 >/proc/sys/net/ipv4/ip_forward"]
    if ipv6:
        lines += [
            "echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
            "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
        ]
    for zone in plan.zones:
        place, link = owned.namespace(zone), plan.interface(zone)
        inner = ["ip link set lo up"]
        inner += ["echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6"] if ipv6 else []
        lines += [
            f": >'{place}'",
            f"unshare --net='{place}' true",
            f"ip link add {link} type veth peer name eth0 netns '{place}'",
            f"ip link set {link} up",
        ]
        for net in plan.of(zone):
            lines.append(f"ip addr add {net.router}/24 dev {link}")
            inner.append(f"ip addr add {net.address}/24 dev eth0")
            if ipv6:
                lines.append(f"ip -6 addr add {net.router_6}/64 dev {link} nodad")
                inner.append(f"ip -6 addr add {net.address_6}/64 dev eth0 nodad")
        inner.append("ip link set eth0 up")
        inner.append(f"ip route add default via {plan.of(zone)[0].router}")
        if ipv6:
            inner.append(f"ip -6 route add default via {plan.of(zone)[0].router_6}")
        lines.append(f"nsenter --net='{place}' sh -euc '{'; '.join(inner)}'")
    return "\n".join([*lines, ""])


def search_path() -> str:
    """Return where programs are looked for: administrators' ones, too, which others may run."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _start_init(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the first process of new namespaces; it ends when our end of its pipe does."""
    user = () if os.geteuid() == 0 else OWN_USER
    try:
        return subprocess.Popen(
            ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc", "--", "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True, env=environment, cwd="/",
        )  # fmt: skip
    except OSError as error:
        raise HarnessError(f"unshare cannot be run: {error.strerror}") from error


def _is_init(pid: int) -> bool:
    """Whether a process has become the one that waits: before, it still makes its namespaces."""
    found = reference(pid)
    if found is None or not is_alive(found):
        return False
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() == "cat"
    return False
