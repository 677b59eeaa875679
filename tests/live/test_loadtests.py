"""`locust -f loadtests` by itself: a run folder that can be judged, and Locust's own web page."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.history.ledger import read_history
from gameday.history.records import Kind

ROOT = Path(__file__).parents[2]
LOCUST = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests")]


@pytest.fixture
def environment(cluster: LocalCluster, vhost: str, tmp_path: Path) -> dict[str, str]:
    """Give what a user would set: where the broker is, and where reports go."""
    return {
        **os.environ,
        "AMQP_URL": cluster.amqp_url("r1", vhost),
        "GAMEDAY_REPORT_DIR": str(tmp_path / "runs"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
    }


@pytest.fixture
def gone(environment: dict[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Give a list for processes that must not outlive the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def test_headless(environment: dict[str, str], tmp_path: Path) -> None:
    """Eight seconds of load leave a run folder, drained to its end, that `gameday check` judges."""
    done = subprocess.run(
        [*LOCUST, "--headless", "-t", "8s", "--seed", "3"],
        env=environment, capture_output=True, text=True, timeout=200, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert re.search(r"drained: yes. Next: gameday check \S+", done.stderr)
    for name in ("CONFIRM", "DELIVER", "builds"):
        assert name in done.stderr + done.stdout
    assert environment["AMQP_URL"].split("@")[0] not in done.stderr + done.stdout

    folder = (tmp_path / "runs" / "latest").resolve()
    kinds = [int(each) for led in read_history(folder / "history") for each in led.records["kind"]]
    assert kinds.count(Kind.CONFIRMED) > 50
    assert kinds.count(Kind.HANDLED) > 50
    assert kinds.count(Kind.DRAIN_EMPTY) == 5

    judged = subprocess.run(
        [sys.executable, "-m", "scenarios", "check", str(folder)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert judged.returncode in {1, 3}, judged.stderr[-3000:]
    assert "Traceback" not in judged.stderr
    assert (folder / "verdict.json").exists()


def test_the_web_page(
    environment: dict[str, str], gone: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Without --headless Locust's page answers, offers the system to choose, and ends on SIGINT."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*LOCUST, "--web-host", "127.0.0.1", "--web-port", str(port)]
    process = subprocess.Popen(
        words, env=environment, text=True, cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    gone.append(process)
    page = ""

    def answers() -> bool | NotYet:
        nonlocal page
        assert process.poll() is None, "it ended by itself"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                page = answer.read().decode()
        except (URLError, OSError) as error:
            return NotYet(str(error))
        return True

    wait_until(answers, 60, "the page answers", poll_ms=200)
    process.send_signal(signal.SIGINT)

    assert "Locust" in page
    assert "system" in page
    assert process.wait(30) == 0


def test_a_run_time_that_ends_before_the_broker_answers(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """A test that was over before it began ends with exit code 2 and says so, not with 0."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"amqp://guest:secret@127.0.0.1:{silent.getsockname()[1]}/"
        done = subprocess.run(
            [*LOCUST, "--headless", "-t", "1s"], env={**environment, "AMQP_URL": url},
            capture_output=True, text=True, timeout=90, check=False, cwd=tmp_path,
        )  # fmt: skip

    assert done.returncode == 2, done.stderr[-2000:]
    assert "before a broker had answered" in done.stderr


def test_without_a_broker(environment: dict[str, str], tmp_path: Path) -> None:
    """Where no broker answers, one sentence says what to set or start, and the exit code is 2."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"amqp://guest:secret@127.0.0.1:{held.getsockname()[1]}/"
        done = subprocess.run(
            [*LOCUST, "--headless", "-t", "2s"], env={**environment, "AMQP_URL": url},
            capture_output=True, text=True, timeout=90, check=False, cwd=tmp_path,
        )  # fmt: skip

    assert done.returncode == 2, done.stderr[-2000:]
    assert "AMQP_URL" in done.stderr
    assert "gameday up" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
