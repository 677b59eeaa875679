"""The report of a run with outages: it calls for a postmortem, and lists subsystems by severity."""

import json
from copy import deepcopy
from pathlib import Path

import pytest

from gameday.history.run import load_run
from gameday.history.story import story
from gameday.history.verdict import judge
from reports.render import render
from tests.fake_outage import written
from tests.fakes import simulate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with an outage, judged, with its report."""
    made = deepcopy(written())
    made.manifest["contract"]["labels"]["claims"]["severity"] = "high"
    folder = made.write(tmp_path_factory.mktemp("outage") / "run")
    judge(folder)
    render(folder)
    return folder


def test_an_outage_calls_for_a_postmortem(folder: Path) -> None:
    """The banner and a section of its own say so, with the cause, the losses and the timeline."""
    page, summary = (folder / "report.html").read_text(), (folder / "summary.md").read_text()
    section = summary[summary.index("## Outages") :]

    assert "1 outage calls for a postmortem; the longest took" in section
    assert "postmortem" in page[: page.index("Outages</h2>")], "the banner says so too"
    assert "all nodes; " in section
    for word in ("api-bus: degraded", "on call: down", "the first confirm after it"):
        assert word in page


def test_subsystems_stand_by_severity(folder: Path) -> None:
    """The worst comes first, each with the figures of its queue."""
    summary = (folder / "summary.md").read_text()
    rows = [line for line in summary[summary.index("## Outages") :].splitlines()
            if line.startswith(("| high", "| low"))]  # fmt: skip

    assert [row.split("|")[3].strip() for row in rows] == ["claims", "jobs", "digests"]


def test_the_repair_list_is_written_beside_the_verdict(folder: Path) -> None:
    """Judging writes a line for each event that was given up, by queue, always the same."""
    paths = sorted((folder / "repair").glob("*.jsonl"))
    before = [path.read_bytes() for path in paths]
    judge(folder)

    assert [path.name for path in paths] == ["claims.jsonl", "jobs.jsonl"]
    assert before == [path.read_bytes() for path in paths]
    first = json.loads(before[0].splitlines()[0])
    assert first["message_id"].startswith("id-")
    assert first["routing_key"] == "claims"


def test_a_dropped_event_has_its_story(folder: Path) -> None:
    """Its story says how the call went, and that it was given up."""
    run = load_run(folder)
    entry = json.loads((folder / "repair" / "jobs.jsonl").read_text().splitlines()[0])
    producer, _, sequence = entry["message"].partition(":")

    lines = "\n".join(story(run, int(producer) << 32 | int(sequence)))

    assert "took it over; its caller waited 0.1 ms" in lines
    assert "gave it up, 2000 ms after it had been called" in lines


def test_a_run_without_such_promises_has_no_such_section(tmp_path: Path) -> None:
    """A system that promises nothing about outages is spared the section, and the repair list."""
    folder = simulate(200, 1).write(tmp_path / "run")
    judge(folder)
    render(folder)

    assert "## Outages" not in (folder / "summary.md").read_text()
    assert not (folder / "repair").exists()
