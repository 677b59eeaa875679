"""The report of a large run in a real browser: its size, its silence, its width on a phone.

The page is opened as a file, unchanged. Its width is read by a page beside it that holds it in a
frame as wide as a phone.
"""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.unit.reports_folder import judged, page_of

SIZE_MAX = 2_000_000
POINTS_MAX = 1000
MESSAGES = 50_000
SECONDS = 3600
ABSENT = "browser: chromium is not installed — run with: apt-get install chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--disable-domain-reliability",
    "--allow-file-access-from-files",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--hide-scrollbars", "--virtual-time-budget=3000",
)  # fmt: skip
FRAME = """<!DOCTYPE html><title>frame</title><body>
<iframe src="{page}" style="width:375px;height:800px;border:0"></iframe>
<script>onload = () => {
  const root = document.querySelector("iframe").contentDocument.documentElement;
  document.body.dataset.widths = `${root.scrollWidth} ${root.clientWidth}`;
};</script>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of 50,000 messages with an hour of metrics, and its report."""
    folder = judged(tmp_path_factory.mktemp("runs") / "run", MESSAGES, bug="lose_confirmed")
    for path in (folder / "metrics").glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        first = rows[0]["time_ns"]
        longer = [
            {**rows[second % len(rows)], "time_ns": first + second * 1_000_000_000}
            for second in range(SECONDS)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in longer), encoding="utf-8")
    page_of(folder)
    return folder


def browse(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the browser once, with a profile of its own, and return what it wrote."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(ABSENT)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as profile:
        return subprocess.run(
            [found, *QUIET, f"--user-data-dir={profile}", *arguments],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip


def test_page_is_small(folder: Path) -> None:
    """Fifty thousand messages and an hour of metrics make a page of at most 2 MB."""
    assert (folder / "report.html").stat().st_size <= SIZE_MAX


def test_series_are_short(folder: Path) -> None:
    """No line of a chart has more than a thousand points."""
    text = (folder / "report.html").read_text(encoding="utf-8")
    longest = max(path.count("L") for path in re.findall(r'\bd="([^"]*)"', text))

    assert 100 < longest <= POINTS_MAX


def test_console_is_silent(folder: Path) -> None:
    """The browser has nothing to say about the page: no error, no blocked resource."""
    page = (folder / "report.html").as_uri()
    done = browse(folder, "--enable-logging=stderr", "--v=0", "--dump-dom", page)

    assert "<h1" in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []


def requested(folder: Path, page: Path) -> list[str]:
    """Return what a page asked the network for: the browser's own errands have no origin."""
    log = folder.parent / "network.json"
    browse(folder, f"--log-net-log={log}", "--dump-dom", page.as_uri())
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    parameters = [event.get("params") or {} for event in events]
    own = [found["url"] for found in parameters if found.get("initiator") in {"null", "file://"}]
    return [url for url in own if not url.startswith("file:")]


def test_nothing_isrequested(folder: Path) -> None:
    """The page asks the network for nothing, while one that does is seen to."""
    beacon = folder.parent / "beacon.html"
    beacon.write_text('<img src="http://127.0.0.1:9/beacon">', encoding="utf-8")

    assert requested(folder, beacon) == ["http://127.0.0.1:9/beacon"]
    assert requested(folder, folder / "report.html") == []


def test_no_sideways_scroll_on_a_phone(folder: Path) -> None:
    """At 375 px the page is as wide as its window: what is wider scrolls within itself."""
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("{page}", "report.html"), encoding="utf-8")
    done = browse(folder, "--dump-dom", frame.as_uri())
    frame.unlink()
    widths = re.search(r'data-widths="(\d+) (\d+)"', done.stdout)

    assert widths is not None
    assert widths[1] == widths[2] == "375"
