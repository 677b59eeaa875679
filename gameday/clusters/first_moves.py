"""The first moves of somebody on call, executed: what changed, is there disk, who answers.

Whether the broker is down at all is `diagnosis.py`'s; these are the other questions of a runbook,
and the command by which one verifies that the broker is back.
"""

import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from gameday import secured
from gameday.clusters.diagnosis import FOREIGN_GREETING, WITHIN_S, name_answer, shake_hands

CHANGED_WITHIN_S = 1800.0
"""A deploy that is older than half an hour is not suspected first."""

RUNBOOK_GREETING = r'echo -e "AMQP\x00\x00\x09\x01"'
"""The runbook's words for a greeting, piped into `nc` there."""
SHELLS = ("sh", "bash")


def changed(
    processes: Iterable[tuple[str, int]], within_s: float = CHANGED_WITHIN_S
) -> list[dict[str, Any]]:
    """Return which processes were started in the last half hour, newest first."""
    now = time.time()
    found = []
    for name, pid in processes:
        try:
            age_s = now - psutil.Process(pid).create_time()
        except psutil.Error:
            continue
        if age_s <= within_s:
            found.append({"what": name, "started_s_ago": round(age_s, 1)})
    return sorted(found, key=lambda each: each["started_s_ago"])


def disk(folder: Path) -> dict[str, Any]:
    """Return how full the disk is that the broker's data lies on, as `df` does."""
    usage = shutil.disk_usage(folder)
    share = 100 * usage.used / usage.total
    return {"free_bytes": usage.free, "used_percent": round(share, 1)}


def greetings(host: str, port: int, authority: str | None = None) -> dict[str, Any]:
    """Greet a broker in its own version, in another, and in the words of the runbook."""
    found: dict[str, Any] = {
        "own_version": shake_hands(host, port, authority=authority),
        "another_version": shake_hands(host, port, FOREIGN_GREETING, authority),
    }
    for shell in SHELLS:
        if shutil.which(shell):
            found[f"runbook_in_{shell}"] = _as_in_the_runbook(shell, host, port, authority)
    return found


def _as_in_the_runbook(shell: str, host: str, port: int, authority: str | None) -> dict[str, str]:
    """Send what the runbook's `echo` prints in a shell, and return the first 4 bytes to come."""
    done = subprocess.run(
        [shell, "-c", RUNBOOK_GREETING], capture_output=True, timeout=5, check=True
    )
    try:
        with secured.dial(host, port, WITHIN_S, authority) as dialled:
            dialled.settimeout(WITHIN_S)
            dialled.sendall(done.stdout)
            data = dialled.recv(11)
    except OSError as error:
        return {"sent": done.stdout.hex(), "answer": type(error).__name__, "first_bytes": ""}
    return {"sent": done.stdout.hex(), "answer": name_answer(data), "first_bytes": data[:4].hex()}
