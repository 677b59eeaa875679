"""The migration's page without a browser: its parts, its links, its bytes, and hostile text."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gameday.history.migration import judged
from gameday.history.migration.verdict import judge
from reports.migration.page import PAGE
from reports.render import render
from tests.fake_migration_runs import good
from tests.mutants import damage_migration
from tests.unit.reports_folder import Page, change

SECTIONS = [
    "criteria", "rows", "gain", "latency", "order", "faults", "rehearsal", "sweep",
    "redis-better", "risks", "costs", "untested", "rules", "provenance",
]  # fmt: skip
FILES = (PAGE, "summary.md", "junit.xml")
SIZE_MAX = 2_000_000


def rendered(folder: Path, *damages: str) -> Path:
    """Write a migration with some damages, judged and with its report."""
    run = good()
    for damage in damages:
        getattr(damage_migration, damage)(run)
    run.write(folder)
    judge(folder)
    return render(folder).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migration that gained too little, with its report."""
    return rendered(tmp_path_factory.mktemp("runs") / "run", "gain_too_little")


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    """Return the page's text."""
    return (folder / PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    """Return the page's tags."""
    return Page(text)


def test_sections_in_order(page: Page) -> None:
    """The page holds every section, in the order of the nav."""
    found = [value for tag, name, value in page.attributes if (tag, name) == ("section", "id")]

    assert found == SECTIONS


def test_title_and_banner_say_what_was_decided(folder: Path, text: str, page: Page) -> None:
    """Run, decision and exit code stand in title and banner, and why in the first lines."""
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    title = re.search("<title>(.*)</title>", text)

    assert title is not None
    assert verdict["run"] in title[1]
    assert (verdict["decision"], verdict["exit_code"]) == ("STAY", 5)
    assert page.values("data-decision") == ["STAY"]
    assert "STAY, exit code 5" in page.text
    head = text[text.index("<header") : text.index("</header>")]
    assert "evaluations-08/gain-saturation-redis-default" in head


def test_no_network_reference(text: str, page: Page) -> None:
    """Nothing on the page points outside it: links are fragments, and the style loads nothing."""
    assert page.outside(text) == []


def test_links_lead_somewhere(page: Page) -> None:
    """Every fragment has its target, and no id is given twice."""
    assert page.broken_links() == []


def test_the_page_is_small_and_the_same_again(folder: Path) -> None:
    """The page stays below 2 MB, and rendering again changes no byte of the three files."""
    before = [(folder / name).read_bytes() for name in FILES]
    render(folder)

    assert len(before[0]) <= SIZE_MAX
    assert before == [(folder / name).read_bytes() for name in FILES]


def test_both_brokers_stand_in_every_comparison(text: str) -> None:
    """Each figure that compares holds both brokers, and each figure has a table of its data."""
    figures = re.findall(r"<figure>(.*?)</figure>", text, re.DOTALL)
    compared = [each for each in figures if "without service" not in each.split("<table")[0]
                and "Best:" not in each]  # fmt: skip

    assert len(compared) >= 6
    for figure in compared:
        assert "Redis" in figure
        assert "RabbitMQ" in figure
        assert "<table" in figure


def test_every_threshold_and_rule_is_shown(folder: Path, page: Page) -> None:
    """The rules of the decision stand in the page, each threshold by name and value."""
    rules = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["rules"]

    assert all(sentence in page.text for sentence in rules["sentences"])
    assert all(name in page.text for name in rules["thresholds"])


def test_the_summary_says_the_same(folder: Path) -> None:
    """The summary names decision, failing criteria, gains, losses, risks and the rules."""
    summary = (folder / "summary.md").read_text(encoding="utf-8")

    assert summary.startswith("# ⏸ STAY")
    for words in ("evaluations-08/gain-burst-redis-hardened", "What moving gains", "Under faults",
                  "20 of 360", "Rules of the decision", "rollback-midway with worker"):  # fmt: skip
        assert words in summary


def test_junit_holds_every_criterion(folder: Path) -> None:
    """Each criterion is a case, and the failing ones are failures."""
    text = (folder / "junit.xml").read_text(encoding="utf-8")
    criteria = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["criteria"]

    assert text.count("<testcase") == len(criteria)
    assert text.count("<failure") == sum(row["status"] == "fail" for row in criteria) > 0


def test_a_loss_is_told_with_its_story(tmp_path: Path) -> None:
    """A veto names the lost task, and its evidence tells what happened to it."""
    page = Page((rendered(tmp_path / "run", "lose_a_task_in_hand") / PAGE).read_text())

    assert page.values("data-decision") == ["NO-GO"]
    assert "fate: lost in hand, confirmed and begun, never ended, and in no queue" in page.text
    assert "published by process 1" in page.text


def test_unknown_losses_are_not_drawn_as_none(tmp_path: Path) -> None:
    """A leg whose drain did not finish reads *unknown*, never 0."""
    run = good()
    run.journal.of("drain", gate="rabbitmq-classic-worker_kill")[0]["ok"] = False
    folder = run.write(tmp_path / "run")
    judge(folder)
    text = render(folder).read_text(encoding="utf-8")

    assert text.count(">unknown<") >= 3


def test_redis_is_praised_in_a_section(tmp_path: Path) -> None:
    """Where Redis is better, banner and section say so, with both figures."""
    run = good()
    for cost in run.costs:
        if cost["leg"].startswith("rabbitmq-classic") and cost["process"] == "broker":
            cost["rss_bytes"] *= 4
    folder = run.write(tmp_path / "run")
    judge(folder)
    page = Page(render(folder).read_text(encoding="utf-8"))

    assert "Redis is better by broker's memory" in page.text
    assert "143 MiB 572 MiB" in page.text


def test_a_folder_that_cannot_be_read_has_a_page(tmp_path: Path) -> None:
    """With a torn ledger the page says INCONCLUSIVE and why, and nothing is invented."""
    folder = good().write(tmp_path / "run")
    next((folder / "history").rglob("*.ledger")).write_bytes(b"{}")
    judge(folder)
    page = Page(render(folder).read_text(encoding="utf-8"))

    assert page.values("data-decision") == ["INCONCLUSIVE"]
    assert "not a ledger" in page.text
    assert "Nothing was compared." in page.text


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """Labels, settings and reasons from outside become no markup, and secrets are masked."""
    run = good()
    run.manifest["rows"][0]["label"] = "<script>alert(1)</script>"
    run.manifest["rows"][0]["settings"] |= {"password": "hunter2"}
    run.manifest["rehearsal"][0]["why_not"] = "amqp://guest:hunter2@host/ <img src=x>"
    run.manifest["rehearsal"][0]["completed"] = False
    folder = run.write(tmp_path / "run")
    judge(folder)
    page = Page(render(folder).read_text(encoding="utf-8"))
    written = "".join((folder / name).read_text(encoding="utf-8") for name in FILES)

    assert page.tags["script"] == page.tags["img"] == 0
    assert "hunter2" not in written


def test_no_verdict_is_overwritten_by_the_report(folder: Path) -> None:
    """What is decided is the verdict's alone: another decision in it changes the page."""
    before = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    change(folder / "verdict.json", decision="NO-GO", exit_code=1)
    text = render(folder).read_text(encoding="utf-8")
    change(folder / "verdict.json", **before)

    assert 'data-decision="NO-GO"' in text


def test_a_task_that_was_tried_again_was_due_once() -> None:
    """Each try tells when its task was due, a microsecond off; the story tells it once."""
    attempts = SimpleNamespace(
        message=np.array([7, 7, 8]), due_ns=np.array([10_000, 9_000, 5_000]),
        time_ns=np.array([11_000, 50_000, 6_000]), outcome_ns=np.array([-1, -1, -1]),
        priority=np.array([8, 8, 1]), process=np.array([1, 1, 1]), ending=np.array([0, 0, 0]),
    )  # fmt: skip
    tasks: Any = SimpleNamespace(history=SimpleNamespace(attempts=attempts))

    told = [text for _, text in judged._published(tasks, 7)]

    assert told == ["due, with priority 8", "published by process 1", "published by process 1"]
