"""The banner: for how much of the contract the decision stands, and what it does not hide."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.document import Table
from reports.material import Material
from reports.sections.banner import banner
from reports.sections.controls import controls
from reports.sections.ledger import ledger
from reports.sections.played import played
from reports.sections.untested import untested


def _material(decision: str, statuses: dict[str, str], **manifest: Any) -> Material:
    """Return a run whose contract has one requirement for each status, the last unclaimed."""
    rows = [{"id": name, "statement": f"says {name}", "criteria": [{"check": "loss"}]}
            for name in [*statuses, "s-99"]]  # fmt: skip
    criteria = [
        {"id": f"{name}/loss", "requirement": name, "status": status, "reason": "why"}
        for name, status in statuses.items()
    ]
    contract = {"requirements": manifest.pop("requirements", rows)}
    return Material(
        folder=Path("run"),
        manifest={"claimed": list(statuses), "suite": "smoke", "contract": contract, **manifest},
        plan={},
        journal=(),
        verdict={"decision": decision, "exit_code": 0, "criteria": criteria},
        samples=(),
        generator={},
        run=None,
        missing=(),
    )


def test_go_says_for_how_many() -> None:
    """GO names its share of the contract, and the requirements that it leaves out."""
    found = banner(_material("GO", {"s-1": "pass", "s-2": "pass"}))

    assert found.coverage == "GO for 2 of 3 requirements."
    assert found.rest == (("Not claimed by this suite", ("s-99",)),)
    assert found.failing == ()


def test_no_go_names_what_failed() -> None:
    """A failure is listed with its reason, and leads to its row; an unknown is not among it."""
    found = banner(_material("NO-GO", {"s-1": "pass", "s-2": "fail", "s-3": "unknown"}))

    assert [(cell.href, cell.note) for cell in found.failing] == [("#criterion-s-2_2floss", "why")]
    assert "s-2" in found.sentence
    assert found.coverage.startswith("1 of 3 claimed requirements pass")


def test_inconclusive_lists_what_is_open() -> None:
    """Where nothing failed, what has no answer is listed."""
    found = banner(_material("INCONCLUSIVE", {"s-1": "pass", "s-2": "unknown"}))

    assert [cell.look for cell in found.failing] == ["unknown"]
    assert found.sentence == "Nothing failed, but 1 claimed requirement has no answer: s-2."


def test_every_requirement_has_its_tile() -> None:
    """The board shows each requirement of the contract once, with its status."""
    found = banner(_material("NO-GO", {"s-1": "pass", "s-2": "fail"}))

    assert [(tile.id, tile.status) for tile in found.tiles] == [
        ("s-1", "pass"), ("s-2", "fail"), ("s-99", "not_tested"),
    ]  # fmt: skip


def test_what_is_not_promised_is_repeated() -> None:
    """A contract that promises no latency in a phase has that in the banner, and stock settings."""
    sla = {"check": "sla", "parameters": {"phases": ["baseline", "fault"]}}
    rows = [{"id": "s-1", "statement": "", "criteria": [sla]}]
    found = banner(_material("GO", {"s-1": "pass"}, requirements=rows, broker_settings="stock"))

    assert "s-1 promises nothing in recovery." in found.notes
    assert any("stock settings" in note for note in found.notes)


def test_untested_tells_how() -> None:
    """What another suite claims is listed with the command that tests it."""
    rows = [{"id": "s-9", "statement": "", "criteria": [{"check": "loss"}], "suites": ["full"]}]
    section = untested(_material("GO", {}, requirements=rows, system="sparki"))

    assert "gameday run sparki --suite full" in repr(section.blocks)


def test_what_this_cluster_does_not_play_is_listed() -> None:
    """An episode of the suite that was not planned stands there with the reason."""
    others = [{"name": "off-the-network", "reason": "its nodes share their machine's network"}]
    section = untested(_material("GO", {}, not_played=others))

    assert "does not play 1 episode of the suite" in section.lead
    assert "its nodes share" in repr(section.blocks)


def test_no_control_proves_nothing() -> None:
    """Without a control the section says that a loss might not have been seen."""
    assert "nothing shows that a loss would be seen" in controls(_material("GO", {})).lead


def _judged(unknown: int, status: str = "pass", **details: int) -> Material:
    """Return a run with a ledger of which some copies cannot be told, and a loss criterion."""
    material = _material("NO-GO", {"s-1": status})
    material.verdict["ledger"] = {"overall": {"attempted": 9, "lost": 0, "unknown": unknown}}
    material.criteria[0]["details"] = details
    return material


def test_what_nobody_can_tell_is_no_zero() -> None:
    """With an unfinished drain no sentence claims that nothing was lost, and nothing is bounded."""
    section, bound = ledger(_judged(unknown=3)), controls(_judged(unknown=3)).blocks

    assert "3 copies of which nobody can tell" in section.lead
    assert "There is no bound to give" in repr(bound)


def test_what_a_check_counted_is_a_loss() -> None:
    """Spoilt messages are no verdict of a copy, and stand in the lead all the same."""
    assert ledger(_judged(0, "fail", corrupt=3)).lead == "9 attempts; 3 corrupt."


def test_a_clean_ledger_says_so() -> None:
    """A finished drain without a loss is said in plain words."""
    assert "no confirmed message was lost" in ledger(_judged(0)).lead


def test_scaled_times_are_shown() -> None:
    """A time that was scaled stands with what is promised, what was played, and the scale."""
    scale = {"name": "a day in the DLQ", "promised_s": 86400, "played_s": 12, "reason": "Too long."}
    material = _material("GO", {"s-1": "pass"})
    material.manifest["contract"]["scales"] = [scale]

    section = played(material)

    assert section is not None
    assert "1 time too long for a run was scaled: a day in the DLQ." in section.lead
    table = section.blocks[0]
    assert isinstance(table, Table)
    assert [str(cell) for cell in table.rows[0][:4]] == [
        "a day in the DLQ", "86,400 s", "12 s", "1 : 7,200",
    ]  # fmt: skip


def test_every_planned_episode_is_shown_with_its_claim() -> None:
    """An episode stands with its claim and its faults; one that never began says so."""
    fault = {"kind": "kill_node", "target": "r2", "parameters": {}}
    episode = {"id": "kill-leader", "claim": "Nothing is lost.", "for_s": 5, "faults": [fault]}
    material = replace(_material("GO", {"s-1": "pass"}), plan={"episodes": [episode]})

    section = played(material)

    assert section is not None
    table = section.blocks[0]
    assert isinstance(table, Table)
    assert [str(cell) for cell in table.rows[0]] == [
        "kill-leader", "Nothing is lost.", "kill node of r2", "never", "5 s",
    ]  # fmt: skip
