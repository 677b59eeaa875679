"""The load processes of a run: Locust with the producers, and workers of each consuming service.

Each is started with the run's marker in its environment, so that whoever cleans up later finds
exactly these; addresses with their passwords go by the environment too, never by arguments.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chaos.journal import Journal
from gameday.clusters.wait import wait_until
from gameday.contracts.model import Consumer, Contract
from gameday.errors import HarnessError
from gameday.traffic.purpose import Target

ROOT = Path(__file__).parents[1]
LOADTESTS = ROOT / "loadtests"
ENDS_WITHIN_S = 30.0
ONE_PRODUCER, ONE_CONSUMER = "one producer", "one consumer"
"""As whom the service comes, by doors of its own, whose link the plan breaks alone."""
SUPERVISED = frozenset({"worker", "publisher"})


@dataclass
class Member:
    """One process of the crew."""

    name: str
    role: str
    process: subprocess.Popen[bytes]
    ended: bool = False
    replaced: bool = False


@dataclass
class Crew:
    """Starts, counts and stops the load processes of one run."""

    folder: Path
    contract: Contract
    targets: tuple[Target, ...]
    seed: int
    journal: Journal
    marker: Mapping[str, str] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    started: dict[str, int] = field(default_factory=dict)
    doors: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    alone: str | None = None
    """The service that comes by doors of its own, as a producer and as a consumer."""
    number_of: Callable[[int], int | None] = lambda _: None

    def start_all(self) -> dict[str, int]:
        """Start everything that the contract says; return how many of each name will call."""
        self.start_locust()
        for consumer in self.contract.consumers:
            self.add_workers(consumer.name, consumer.workers)
        return {"locust": 1, **{each.name: each.workers for each in self.contract.consumers}}

    def start_locust(self) -> None:
        """Start Locust headless, with the system's producers as its users."""
        words = [
            sys.executable, "-m", "locust", "-f", str(LOADTESTS), "--headless", "--only-summary",
            "--users", str(len(self.contract.producers)), "--spawn-rate", "100",
            "--stop-timeout", "60", "--seed", str(self.seed), "--skip-log-setup",
        ]  # fmt: skip
        extra = {"GAMEDAY_RUN_FOLDER": str(self.folder), "GAMEDAY_SYSTEM": self.contract.system}
        if self.alone is not None:
            extra["GAMEDAY_TARGETS_OF"] = json.dumps({self.alone: self._pairs(ONE_PRODUCER)})
        self._start("locust", "publisher", words, extra)

    def add_workers(self, name: str, count: int) -> None:
        """Start workers of a consuming service, each on the next node."""
        known = {each.name: each for each in self.contract.consumers}
        consumer: Consumer = known[name]
        for _ in range(count):
            first = self.started.get(name, 0)
            self.started[name] = first + 1
            self._start_worker(consumer.name, first)

    def replace_ended(self) -> list[str]:
        """Start a load process in place of each that ended, as a supervisor would.

        A worker comes back on its node. A publisher has a new process number and a schedule of its
        own, and waits for the word to begin.
        """
        gone = [
            each for each in self.members
            if each.role in SUPERVISED and not each.replaced and each.process.poll() is not None
        ]  # fmt: skip
        for member in gone:
            member.replaced = True
            name, _, first = member.name.rpartition("-")
            if member.role == "worker":
                self._start_worker(name, int(first))
            else:
                self.start_locust()
        return [member.name for member in gone]

    def _start_worker(self, name: str, first: int) -> None:
        module = "gameday.traffic.worker"
        words = [sys.executable, "-m", module, str(self.folder), name, str(first)]
        extra = {}
        if name == self.alone:
            extra["GAMEDAY_TARGETS"] = json.dumps(self._pairs(ONE_CONSUMER))
        self._start(f"{name}-{first}", "worker", words, extra)

    def start_herd(self, count: int, file: Path) -> None:
        """Start a herd of idle clients, which ends by itself when the file is gone."""
        module = "gameday.traffic.herd"
        words = [sys.executable, "-m", module, str(self.folder), str(count), str(file)]
        self._start("herd", "herd", words, {})

    def start(self, name: str, role: str, words: list[str], extra: Mapping[str, str]) -> Member:
        """Start one further process, such as a control's client."""
        return self._start(name, role, words, extra)

    def unmeant(self, meant: set[int]) -> list[Member]:
        """Return members that ended although nobody wanted them to; each is journalled once."""
        lost = []
        for member in self.members:
            code = member.process.poll()
            if code is None or member.ended:
                continue
            member.ended = True
            # A herd leaves by itself when its fault is over.
            wanted = member.process.pid in meant or (member.role == "herd" and code == 0)
            self._note(member, "ended", meant=wanted, code=code)
            if not wanted:
                lost.append(member)
        return lost

    def stop(self, role: str, within_s: float = ENDS_WITHIN_S) -> bool:
        """Ask all of a role to end in good order; kill what does not; True when none was killed."""
        chosen = [each for each in self.members if each.role == role and not each.ended]
        for member in chosen:
            if member.process.poll() is None:
                member.process.terminate()
        clean = True
        for member in chosen:
            clean &= self._await_end(member, within_s)
        return clean

    def kill_all(self) -> None:
        """End every process at once."""
        for member in self.members:
            if member.process.poll() is None:
                member.process.kill()
                member.process.wait(10)

    def _await_end(self, member: Member, within_s: float) -> bool:
        try:
            code = member.process.wait(within_s)
        except subprocess.TimeoutExpired:
            member.process.kill()
            code = member.process.wait(10)
        member.ended = True
        self._note(member, "ended", meant=True, code=code)
        return code == 0

    def _start(self, name: str, role: str, words: list[str], extra: Mapping[str, str]) -> Member:
        environment = {
            **os.environ,
            **self.marker,
            "GAMEDAY_TARGETS": json.dumps(self._pairs(role)),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            **extra,
        }
        log = (self.folder / "logs" / f"{name}.log").open("ab")
        try:
            process = subprocess.Popen(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise HarnessError(f"{name} cannot be started: {error.strerror}") from error
        finally:
            log.close()
        member = Member(name, role, process)
        self.members.append(member)
        self._note(member, "started", meant=True, code=None)
        return member

    def _pairs(self, role: str) -> list[list[str]]:
        """Return where the processes of a role connect, as node and address."""
        return [[each.node, each.url] for each in self.doors.get(role, self.targets)]

    def _note(self, member: Member, state: str, *, meant: bool, code: int | None) -> None:
        self.journal.append(
            "process",
            process=self.number_of(member.process.pid) if state == "ended" else None,
            role=member.name,
            pid=member.process.pid,
            state=state,
            meant=meant,
            code=code,
        )


def run_drain(crew: Crew, window_s: float, within_s: float) -> tuple[bool, str]:
    """Read every queue to its end in a process of its own; return whether it finished, and why."""
    member = start_drain(crew, window_s, within_s)
    wait_until(lambda: member.process.poll() is not None, within_s + 30, "the drain to end")
    member.ended = True
    said = (crew.folder / "logs" / "drain.log").read_text(errors="replace").strip()
    return member.process.returncode == 0, said.splitlines()[-1] if said else ""


def start_drain(
    crew: Crew,
    window_s: float,
    within_s: float,
    control: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> Member:
    """Start reading every queue to its end, or a control's one, until nothing came for a window."""
    words = [sys.executable, "-m", "gameday.traffic.drain", str(crew.folder)]
    words += [f"{window_s:g}", f"{within_s:g}", *filter(None, [control])]
    if control is None:
        return crew.start("drain", "drain", words, {})
    return crew.start(f"{control}-drain", "control", words, extra or {})
