"""A test session that is cancelled puts away what it started."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.clusters.wait import wait_until

ROOT = Path(__file__).parent.parent
TESTS = """
import time
import pytest

@pytest.fixture(scope="session")
def started(request):
    folder = request.config.rootpath
    (folder / "started").touch()
    yield
    (folder / "put-away").touch()

def test_long(started):
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_session_puts_away_what_it_started(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Told to end in the middle of a test, a session still runs its fixtures' last halves."""
    (tmp_path / "test_long.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "test_long.py"]
    # As a shell's background job has it: SIGINT is ignored from the start.
    ignoring = ["bash", "-c", 'trap "" INT; exec "$@"', "-", *words]
    session = subprocess.Popen(
        ignoring, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    try:
        wait_until((tmp_path / "started").exists, 30, "the session has started something")
        session.send_signal(number)
        session.wait(30)
    finally:
        session.kill()

    assert (tmp_path / "put-away").exists()
