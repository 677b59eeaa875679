"""Running an owner's commands: without a shell, with a limit, and noted while they run.

Which process runs is noted in the run's folder, so that whoever puts a dead run's faults right
ends first what the run was still doing: a fault must not be applied after it was undone. What a
command prints goes into a file, since a service that it starts may keep its output open. The
cluster's credentials are not handed on to commands.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from gameday.clusters.processes import ProcessRef, is_alive, kill, reference
from gameday.clusters.record import replace
from gameday.clusters.templates import Ready
from gameday.errors import HarnessError

NOTE = "command.json"
TOLD_CHARACTERS = 400


def run(command: Ready, folder: Path, note: Path, without: Sequence[str] = ()) -> str:
    """Run a command to its end, and return what it printed; late or failed is an error.

    The variables of `without` are not handed on; the last one's value, a password, is masked.
    """
    kept = {name: value for name, value in os.environ.items() if name not in without}
    hidden = [os.environ[name] for name in without[-1:] if os.environ.get(name)]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
        given.write((command.input or "").encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                command.argv, env=kept, stdin=given, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, cwd=folder,
            )  # fmt: skip
        except OSError as error:
            raise HarnessError(f"{command.shown}: it cannot be run: {error.strerror}") from error
        code = _end_of(process, command, note)
        printed = _printed(output, hidden)
    if code != 0:
        said = printed.strip()[-TOLD_CHARACTERS:] or "it printed nothing"
        raise HarnessError(f"{command.shown}: exit code {code}: {said}")
    return printed


def _end_of(process: subprocess.Popen[bytes], command: Ready, note: Path) -> int:
    """Wait for a command's end; whatever ends the wait ends the command."""
    try:
        started = reference(process.pid)
        if started is not None:
            replace(note, json.dumps(asdict(started)))
        return process.wait(command.within_s)
    except subprocess.TimeoutExpired as error:
        raise HarnessError(f"{command.shown}: not done within {command.within_s:g} s") from error
    finally:
        if process.poll() is None:
            _kill_group(process.pid)
            process.wait()
        note.unlink(missing_ok=True)


def _printed(output: IO[bytes], hidden: Sequence[str]) -> str:
    """Return what a command printed, credentials masked."""
    output.seek(0)
    text = output.read().decode(errors="replace")
    for word in hidden:
        text = text.replace(word, "***")
    return text


def run_all(
    commands: Sequence[Ready], folder: Path, note: Path, without: Sequence[str] = ()
) -> None:
    """Run commands one after another; one failure stops none, and all are told."""
    failures = []
    for command in commands:
        try:
            run(command, folder, note, without)
        except HarnessError as error:
            failures.append(str(error))
    if failures:
        raise HarnessError("; ".join(failures))


def end_noted(note: Path) -> bool:
    """End the command that a dead or stopped run was still running; false when there was none."""
    try:
        process = ProcessRef(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False
    if not is_alive(process):
        return False
    _kill_group(process.pid)
    kill(process)
    return True


def _kill_group(pid: int) -> None:
    """Kill a command with its children; it is the first of a group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
