"""A matrix: what is compared between versions, what is said to differ, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameday.clusters.compose_images import Images
from gameday.contracts.lint.linting import lint_file
from gameday.contracts.load import load_contract
from gameday.errors import UsageError
from gameday.history.run import load_run
from scenarios.matrix import choosing, command
from scenarios.matrix.choosing import Choice, chosen
from scenarios.matrix.figures import Column, column, differing, latency_by_priority, met_on_some
from scenarios.matrix.tables import markdown, sheets
from scenarios.options import Options
from scenarios.play import Played
from tests.fakes import simulate


def row(name: str, status: str, measured: float | None = 0.0) -> dict[str, Any]:
    """Return a criterion as a verdict has it."""
    requirement = name.partition("/")[0]
    return {"id": name, "requirement": requirement, "status": status, "measured": measured,
            "reason": f"{name} is {status}"}  # fmt: skip


def verdict(*criteria: dict[str, Any], lost: int = 0, **statuses: str) -> dict[str, Any]:
    """Return as much of a verdict as a column reads."""
    return {
        "decision": "GO", "criteria": list(criteria), "requirements": statuses,
        "ledger": {"overall": {"lost": lost, "left_over": 1, "delivered": 7}},
    }  # fmt: skip


def judged(broker: str, *criteria: dict[str, Any], **statuses: str) -> Column:
    """Return a column of a run that was judged."""
    return column(broker, verdict(*criteria, **statuses), 61.0, "a/run", {})


def test_what_lay_in_its_queue_is_lost_too() -> None:
    """Whatever was confirmed and never handled counts, under each name that the ledger has."""
    assert column("4.3.6", verdict(lost=2), 1.0, "a/run", {}).lost == 3


@pytest.mark.parametrize(
    ("rows", "slowest"),
    [
        ([row("a/recovery", "pass", 2.0), row("b/recovery-2", "fail", 31.0)], 31.0),
        ([row("a/recovery", "pass", 2.0), row("b/recovery", "unknown", 1.0)], None),
        ([row("a/recovery", "fail", None)], None),
        ([row("a/sla", "pass", 2.0)], None),
    ],
)
def test_the_slowest_recovery_is_known_only_when_all_are(
    rows: list[dict[str, Any]], slowest: float | None
) -> None:
    """One that never came, or that nobody could judge, is not outshone by the others."""
    assert judged("4.3.6", *rows).recovery_s == slowest


def test_only_what_differs_is_listed() -> None:
    """Of two requirements the one with two statuses is named, with the worst criterion's words."""
    old = judged("3.10.8", row("a/sla", "unknown"), row("a/loss", "fail"), a="fail", b="pass")
    new = judged("4.3.6", a="pass", b="pass")

    found = {sheet.title: sheet for sheet in sheets([old, new], [])}["What differs"]

    assert found.rows == (("a", "fail: a/loss is fail", "pass"),)


def test_a_run_that_was_not_judged_differs_in_nothing() -> None:
    """A broker that could not be prepared has no statuses, and makes no difference of each row."""
    failed = Column("4.0.5", command.NOT_JUDGED, 3.0, failure="no cluster")

    assert differing([judged("3.10.8", a="pass"), failed]) == []
    assert "no cluster" in markdown("x", sheets([judged("3.10.8", a="pass"), failed], []))


def test_waits_are_told_by_priority(tmp_path: Path) -> None:
    """Every priority that was sent has its figures, the counts are those of the messages."""
    run = load_run(simulate(600, 1).write(tmp_path / "run"))

    found = latency_by_priority(run, "builds")

    assert set(found) == set(range(11))
    assert all(0 < each.p50_ms <= each.p99_ms <= each.worst_ms for each in found.values())
    assert 0 < sum(each.n for each in found.values()) <= 600


def test_the_reason_is_what_the_linter_finds_on_some_versions_only() -> None:
    """A queue without mirrors from 4.0 on is a cause; what holds on both is none."""
    linted = {version: lint_file("sparki", version, 3) for version in ("3.10.8", "4.3.6")}

    met = met_on_some(linted)

    everywhere = {f.id for f in linted["3.10.8"].findings} & {
        f.id for f in linted["4.3.6"].findings
    }
    assert met
    assert all(len(each.brokers) == 1 for each in met)
    assert {each.rule for each in met} - everywhere
    assert "classic-on-one-node" in {each.rule for each in met}


def test_what_an_alternative_meets_is_no_reason_for_the_own_design() -> None:
    """Its quorum queue ignores priorities on 3.10; the queue that was played does not."""
    linted = {version: lint_file("sparki", version, 3) for version in ("3.10.8", "4.3.6")}

    assert "priority-ignored" in {each.id for each in linted["3.10.8"].findings}
    assert "priority-ignored" not in {each.rule for each in met_on_some(linted)}


def test_the_brokers_own_word_stands_beside_what_it_took() -> None:
    """Who refused the design as it is written says how, and what a standing policy does there."""
    said, effect = "ha-mode: not recognised policy settings", "ha-all is in force, with 1 copy"
    new = replace(judged("4.3.6", a="pass"), refused=(said,), standing=(effect,))

    found = {each.title: each.rows for each in sheets([judged("3.10.8", a="pass"), new], [])}

    rows = found["What the broker says to the design as it is written"]
    assert rows == (("3.10.8", "taken", "-"), ("4.3.6", said, effect))
    assert "What the broker says" not in markdown("x", sheets([judged("3.10.8", a="pass")], []))


def test_an_alternative_stands_beside_the_own_design(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On every broker both are played, and each has a column of its name."""
    played: list[tuple[str | None, str | None]] = []

    def play(options: Options, _: object) -> Played:
        played.append((options.broker, options.alternative))
        return Played(options, 4, 1.0, failure="no cluster")

    choices = [Choice(version, version) for version in ("3.10.8", "4.3.6")]
    monkeypatch.setattr(command, "play_one", play)
    monkeypatch.setattr(command, "chosen", lambda *_: choices)
    monkeypatch.setattr(command, "contract_of", lambda _: load_contract("sparki"))

    code = command.matrix(Options(out=tmp_path), (), ["quorum-builds"])

    assert code == 4
    assert played == [("3.10.8", None), ("3.10.8", "quorum-builds"),
                      ("4.3.6", None), ("4.3.6", "quorum-builds")]  # fmt: skip
    text = (tmp_path / "matrix-sparki" / "matrix.md").read_text()
    assert "| 4.3.6 quorum-builds | no cluster |" in text


def test_a_cell_cannot_break_its_table() -> None:
    """A bar or a line's end in a reason stays in its cell."""
    odd = judged("4.3.6", {**row("a/loss", "fail"), "reason": "x|y\nz"}, a="fail")

    text = markdown("x", sheets([odd, judged("3.10.8", a="pass")], []))

    assert "| a | fail: x\\|y z | pass |" in text


@pytest.mark.parametrize(
    ("brokers", "said"),
    [
        (["3.10"], "two brokers or more"),
        (["3.10", "3.10.8"], "named twice"),
        (["9"], "not fetched"),
    ],
)
def test_a_matrix_of_one_is_refused(
    brokers: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broker, the same twice, or one that is not there: a sentence, before anything starts."""
    monkeypatch.setattr(command, "play_one", pytest.fail)

    with pytest.raises(UsageError, match=said):
        command.matrix(Options(), brokers)


IMAGES = {"4.0": Images({}, "4.0.5"), "4.3": Images({}, "4.3.6"), "own:1": Images({}, "4.3.6")}
"""By how they are named, images and what is in them."""


def with_images(monkeypatch: pytest.MonkeyPatch, *here: str) -> None:
    """Let the engine have some images."""
    monkeypatch.setattr(choosing, "find_images", IMAGES.__getitem__)
    monkeypatch.setattr(choosing, "images_here", lambda: list(here))


def test_a_matrix_in_containers_takes_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named or all that are here, each is told as it is named and shown by what it holds."""
    with_images(monkeypatch, "4.0", "4.3")
    asked = Options(cluster="compose")

    assert chosen(asked, ()) == [Choice("4.0.5", "4.0"), Choice("4.3.6", "4.3")]
    assert chosen(asked, ["own:1", "4.0"]) == [Choice("4.3.6", "own:1"), Choice("4.0.5", "4.0")]


@pytest.mark.parametrize(
    ("here", "brokers", "said"),
    [
        (("4.3",), (), r"two brokers or more, and there is 4\.3\.6: .* make images"),
        ((), (), "two brokers or more, and there is none"),
        (("4.3",), ("4.3", "own:1"), "the same version is named twice"),
    ],
)
def test_one_image_is_no_matrix(
    here: tuple[str, ...], brokers: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image, none, or two of one version: a sentence, before anything starts."""
    with_images(monkeypatch, *here)

    with pytest.raises(UsageError, match=said):
        chosen(Options(cluster="compose"), brokers)
