"""The watchdog: a process of its own that puts everything right when the run cannot.

    python -m chaos.watchdog RUN_FOLDER

It fires when the runner is gone, when the runner gives no sign of life while something is broken,
or when a fault outlives its time. It knows the run folder and nothing else, lives in a session of
its own, so that Ctrl-C in a terminal does not reach it, and ends with the run, at most after
`LONGEST_S`. `guarded` starts it; a run that cannot have one must not break anything.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import chaos
from chaos import lease, runs
from chaos.journal import FILE_NAME as JOURNAL_NAME
from chaos.journal import read
from chaos.probes import process_state
from chaos.rescue import NOT_NOW, SIDE_FILE, Rescue, rescue, revert_all
from chaos.runs import RunRecord
from chaos.steps import open_faults
from gameday.clusters.commanded import FILE_NAME as ATTACHED_NAME
from gameday.clusters.processes import (
    ProcessRef,
    clean_environment,
    is_alive,
    kill,
    reference,
    send_signal,
    spawn,
    tail,
)
from gameday.clusters.record import replace
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError

MODULE = "chaos.watchdog"
LOG_NAME = "logs/watchdog.log"
SUSPENDED = "T"
STATE_NAME = "watchdog.json"
DISMISSED_NAME = "watchdog.dismissed"
LOOK_EVERY_MS = 250
TRIES = 20
"""How often it tries, in one run, to put right what it could not even begin to."""
LONGEST_S = 6 * 3600.0
START_WITHIN_S = 15.0
END_WITHIN_S = 240.0
REVERTING_MAY_TAKE_S = 300.0
"""How long a living runner may take over a revert that it has begun."""


@dataclass(frozen=True)
class Alarm:
    """Why the watchdog must act: `gone`, `silent`, `overdue` or `dismissed`, in a sentence."""

    kind: str
    reason: str


class Watchdog:
    """Looks at one run until it ends."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._lease = lease.Reader(record.folder)
        self._given_up: set[str] = set()
        self._failed = 0

    def run(self) -> None:
        """Watch, and act on each alarm, until the run has ended."""
        ends_at = time.monotonic() + LONGEST_S
        while (left_s := ends_at - time.monotonic()) > 0:
            try:
                alarm = wait_until(
                    self._look, left_s, f"run {self._record.run} ended", poll_ms=LOOK_EVERY_MS
                )
            except HarnessError:
                alarm = Alarm("overdue", f"the run took longer than {LONGEST_S:g} s")
            if self._act(alarm):
                return

    def _look(self) -> Alarm | NotYet:
        """Return why to act, if there is a reason."""
        record = self._record
        if not record.is_running:
            return Alarm("gone", f"runner {record.runner.pid} is gone")
        if (record.folder / DISMISSED_NAME).exists():
            return Alarm("dismissed", "the run has ended")
        expired = self._lease.expired
        lines = _lines(record.folder)
        broken = [each for each in open_faults(lines) if each.fault not in self._given_up]
        if broken and expired:
            return Alarm("silent", f"no sign of life for {lease.EXPIRES_S:g} s")
        late = [each.fault for each in broken if overdue(each.fault, lines, time.monotonic_ns())]
        if late:
            return Alarm("overdue", f"{', '.join(late)} outlived the time it was given")
        return NotYet("all is well")

    def _act(self, alarm: Alarm) -> bool:
        """Put right what is to be put right; true when there is nothing more to watch.

        A cluster whose engine gives no answer is tried again at the next look, `TRIES` times.
        """
        done = Rescue()
        if alarm.kind == "gone":
            done = rescue(self._record, alarm.reason, "watchdog")
        else:
            try:
                revert_all(self._record, alarm.reason, "watchdog", done)
            except NOT_NOW as error:
                done.say(str(error), whole=False)
                self._failed += 1
                if self._failed < TRIES and alarm.kind != "dismissed":
                    _tell(alarm.reason, *done.sentences)
                    return False
        # What did not heal is left to `gameday heal`, or the watchdog would try for ever.
        self._given_up |= {each.fault for each in open_faults(_lines(self._record.folder))}
        _tell(alarm.reason, *done.sentences)
        return alarm.kind in {"gone", "dismissed"}


def _tell(*sentences: str) -> None:
    """Write to the watchdog's log."""
    sys.stdout.writelines(f"{sentence}\n" for sentence in sentences)
    sys.stdout.flush()


def overdue(fault: str, lines: tuple[dict[str, Any], ...], now_ns: int) -> bool:
    """Whether an open fault has outlived its time, or its revert has."""
    due_ns, may_take_s = 0, REVERTING_MAY_TAKE_S
    for line in lines:
        if line["event"] != "fault" or line["fault"] != fault:
            continue
        if line["step"] == "intent":
            due_ns = line["time_ns"] + int(line["ttl_s"] * 1e9)
            may_take_s = max(
                may_take_s, line.get("revert", {}).get("values", {}).get("may_take_s", 0.0)
            )
        elif line["step"] == "reverting":
            due_ns = line["time_ns"] + int(may_take_s * 1e9)
    return now_ns > due_ns


def _lines(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return all lines of a run's journals."""
    return read(folder / JOURNAL_NAME) + read(folder / SIDE_FILE)


@dataclass(frozen=True)
class Guarded:
    """A run that is watched; `check` goes into the guard of its `Site`."""

    watchdog: ProcessRef

    def check(self) -> None:
        """Refuse to break anything when nobody would put it right."""
        if not is_alive(self.watchdog):
            raise HarnessError("the watchdog is gone, so nothing may be broken any more.")
        if process_state(self.watchdog.pid) == SUSPENDED:
            raise HarnessError("the watchdog stands still, so nothing may be broken any more.")


@contextmanager
def guarded(record: RunRecord) -> Iterator[Guarded]:
    """Run with a lease and a watchdog; without a watchdog nothing may be broken: refuse."""
    with lease.held(record.folder):
        watchdog = _start(record.folder)
        try:
            _wait_announced(record.folder, watchdog)
            yield Guarded(watchdog)
        finally:
            _dismiss(record.folder, watchdog)


def _start(folder: Path) -> ProcessRef:
    """Start the watchdog with an environment of our own making."""
    (folder / STATE_NAME).unlink(missing_ok=True)
    (folder / DISMISSED_NAME).unlink(missing_ok=True)
    (folder / LOG_NAME).parent.mkdir(exist_ok=True)
    root = str(Path(chaos.__file__).parent.parent)
    # An owner's commands need what he has in his environment, and so do the proofs of healing.
    inherited = os.environ if (folder / ATTACHED_NAME).exists() else {}
    environment = {**inherited, **clean_environment("", Path.home()), "PYTHONPATH": root}
    command = [sys.executable, "-m", MODULE, str(folder)]
    try:
        return spawn(command, environment, folder / LOG_NAME)
    except (OSError, HarnessError) as error:
        raise HarnessError(f"the watchdog does not start ({error}): nothing is broken.") from error


def _wait_announced(folder: Path, watchdog: ProcessRef) -> None:
    """Wait until the watchdog says that it watches."""

    def watching() -> bool | NotYet:
        if not is_alive(watchdog):
            raise HarnessError(f"it ended at once: {tail(folder / LOG_NAME)}")
        return watchdog_of(folder) == watchdog or NotYet("it said nothing yet")

    try:
        wait_until(watching, START_WITHIN_S, "the watchdog watches", poll_ms=20)
    except HarnessError as error:
        raise HarnessError(f"there is no watchdog, so nothing is broken: {error}") from error


def _dismiss(folder: Path, watchdog: ProcessRef) -> None:
    """Tell the watchdog that the run has ended; what is still broken it puts right first."""
    with suppress(OSError):  # On a full disk: then it sees the lease end, or is killed below.
        (folder / DISMISSED_NAME).touch()
    send_signal(watchdog, signal.SIGCONT)  # One that stands still could not hear of it.
    try:
        wait_until(lambda: not is_alive(watchdog), END_WITHIN_S, "the watchdog ended", poll_ms=50)
    except HarnessError:
        kill(watchdog)


def watchdog_of(folder: Path) -> ProcessRef | None:
    """Return a run's living watchdog."""
    with suppress(OSError, ValueError):
        found = ProcessRef(**json.loads((folder / STATE_NAME).read_text(encoding="utf-8")))
        return found if is_alive(found) else None
    return None


def main() -> None:
    """Watch the run in the folder that is named on the command line."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    record = runs.load(Path(sys.argv[1]))
    own = reference(os.getpid())
    assert own is not None
    replace(record.folder / STATE_NAME, json.dumps(asdict(own)))
    Watchdog(record).run()


if __name__ == "__main__":
    main()
