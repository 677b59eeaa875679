"""Starves one process of CPU: `python -m chaos.starving PID START_TICKS SHARE FILE LONGEST_S`.

It suspends the process and lets it go on, ten times a second, so that it runs for `SHARE` of the
time, for as long as FILE is there: whoever removes the file ends the starving. It uses no CPU of
its own worth naming, needs no right but that to signal, and leaves the process running, whatever
ends it but SIGKILL; for that the fault's recipe lets the process go on once more.
"""

import signal
import sys
from pathlib import Path

from gameday.clusters.processes import ProcessRef, is_alive, send_signal
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

PERIOD_S = 0.1


def main(arguments: list[str]) -> int:
    """Starve until the file is gone, the process is, or the longest time is over."""
    process = ProcessRef(int(arguments[0]), int(arguments[1]))
    share, file, longest_s = float(arguments[2]), Path(arguments[3]), float(arguments[4])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        for _ in range(int(longest_s / PERIOD_S)):
            if not file.exists() or not is_alive(process):
                break
            send_signal(process, signal.SIGSTOP)
            _let_pass((1 - share) * PERIOD_S, file)
            send_signal(process, signal.SIGCONT)
            _let_pass(share * PERIOD_S, file)
    finally:
        send_signal(process, signal.SIGCONT)
    return 0


def _let_pass(seconds: float, file: Path) -> None:
    """Let so much time pass, or less when the file is gone."""
    try:
        wait_until(lambda: not file.exists(), seconds, "the file is gone", poll_ms=seconds * 1000)
    except HarnessError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
