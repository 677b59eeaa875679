"""Many nights: what is kept of each, what counts as a regression, and what the page shows."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.errors import UsageError
from gameday.history.nights import (
    Night,
    add_nights,
    by_series,
    night_of,
    read_nights,
    regressions,
)
from reports.trend import rows, write_trend
from scenarios.nights import trend
from scenarios.verdicts import judge_and_render
from tests.fakes import simulate

NIGHT = Night(
    run="n", at="2030-01-01T00:00:00+00:00", system="sparki", suite="smoke", design="its own",
    broker="3.10.8", settings="tuned", decision="GO", passed=2, claimed=2, git="abc",
    reason="all passed", requirements={"a": "pass", "b": "pass"},
)  # fmt: skip


def nights(*decisions: str, **changes: str) -> list[Night]:
    """Return a night for each decision, one a day."""
    return [
        replace(NIGHT, run=f"n{day}", at=f"2030-01-{day:02d}T00:00:00+00:00", decision=decision,
                **changes)  # type: ignore[arg-type]
        for day, decision in enumerate(decisions, start=1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("decisions", "held"),
    [
        (("GO", "GO", "GO", "NO-GO"), 3),
        (("NO-GO", "GO", "GO", "GO", "GO", "INCONCLUSIVE"), 4),
        (("GO", "GO", "NO-GO"), None),
        (("GO", "GO", "GO", "NO-GO", "NO-GO"), None),
        (("GO", "GO", "GO", "GO"), None),
        (("NO-GO",), None),
    ],
)
def test_only_what_breaks_a_streak_is_a_regression(
    decisions: tuple[str, ...], held: int | None
) -> None:
    """Three nights of GO in a row and then another end are one; a second bad night is none."""
    assert [each.held for each in regressions(nights(*decisions))] == (
        [] if held is None else [held]
    )


def test_a_requirement_regresses_by_itself() -> None:
    """A row that fails after three nights is named although the decision was NO-GO all along."""
    *before, last = nights(*["NO-GO"] * 4)
    found = regressions([*before, replace(last, requirements={"a": "pass", "b": "fail"})])

    assert [each.what for each in found] == ["b is fail"]
    assert "after 3 nights in a row that it held (since n1)" in found[0].sentence


def test_another_version_has_a_streak_of_its_own() -> None:
    """A first night on a new broker breaks nothing, whatever was seen on the old one."""
    new = replace(nights("NO-GO", broker="4.3.6")[0], run="new", at="2030-02-01T00:00:00+00:00")

    assert regressions([*nights("GO", "GO", "GO"), new]) == []
    assert len(by_series([*nights("GO"), new])) == 2


def test_containers_have_a_streak_of_their_own() -> None:
    """A first night in containers breaks nothing, and says where it was; an old line was local."""
    new = replace(nights("NO-GO", cluster="compose")[0], run="new", at="2030-02-01T00:00:00+00:00")
    both = [*nights("GO", "GO", "GO"), new]

    assert regressions(both) == []
    assert [row.name.endswith("RabbitMQ 3.10.8, compose") for row in rows(both)] == [True, False]


def test_a_run_is_kept_once(tmp_path: Path) -> None:
    """Adding the same run again changes nothing; the file is read back as it was written."""
    path = tmp_path / "nights.jsonl"
    first = add_nights(path, nights("GO", "NO-GO"))

    assert add_nights(path, nights("GO", "NO-GO")) == first == read_nights(path)
    assert len(path.read_text().splitlines()) == 2


def test_a_line_of_rubbish_is_named(tmp_path: Path) -> None:
    """A line that is no night says its place; nothing is thrown away."""
    path = tmp_path / "nights.jsonl"
    add_nights(path, nights("GO"))
    path.write_text(path.read_text() + '{"run": 1}\n')

    with pytest.raises(UsageError, match=r"nights.jsonl:2: is no night's verdict"):
        read_nights(path)


def test_a_judged_run_becomes_a_night(tmp_path: Path) -> None:
    """What the verdict and the manifest say is what is kept."""
    folder = simulate(300, 1).write(tmp_path / "run")
    judge_and_render(folder)
    verdict = json.loads((folder / "verdict.json").read_text())

    night = night_of(folder)

    assert (night.decision, night.requirements) == (verdict["decision"], verdict["requirements"])
    with pytest.raises(UsageError, match="judge it first"):
        night_of(tmp_path)


def test_the_page_has_every_series_and_every_night(tmp_path: Path) -> None:
    """Two versions are two rows; each night is a mark; the regression is in words."""
    page = tmp_path / "trend.html"
    all_nights = [*nights("GO", "GO", "GO", "NO-GO"), *nights("GO", broker="4.3.6")]
    write_trend(page, all_nights, regressions(all_nights))
    text = page.read_text()

    assert [len(row.marks) for row in rows(all_nights)] == [4, 1]
    assert text.count('<li data-look="fail"') == 1
    assert "NO-GO in n4, after 3 nights in a row that it held (since n1)" in text
    assert "http" not in text.replace("http-equiv", "")


def test_a_name_cannot_break_the_page(tmp_path: Path) -> None:
    """What comes from outside is escaped."""
    page = tmp_path / "trend.html"
    write_trend(page, [replace(NIGHT, system="<b>x</b>")], [])

    assert "<b>x" not in page.read_text()


def test_one_scenario_is_no_night(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that claims nothing is left out, and that is said."""
    with pytest.raises(UsageError, match="no nights yet"):
        trend([], tmp_path / "nights.jsonl")
    folder = simulate(300, 1).write(tmp_path / "run")
    judge_and_render(folder)
    verdict = json.loads((folder / "verdict.json").read_text())
    (folder / "verdict.json").write_text(json.dumps({**verdict, "claimed": 0}))

    with pytest.raises(UsageError, match="no nights yet"):
        trend([folder], tmp_path / "nights.jsonl")
    assert "claims nothing" in capsys.readouterr().out
