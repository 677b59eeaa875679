"""A broker that gives no answer is data: the plan ends, or the fault stays unknown."""

from types import SimpleNamespace
from typing import Any

import pytest

from chaos.plan import Entry, Episode, Plan
from gameday.clusters.control import UNANSWERED
from gameday.errors import HarnessError, UnansweredError
from scenarios import trouble

SILENT = UnansweredError("r1@mq1: error: {erpc,timeout}: begin ...")
KILL = Entry(kind="kill_node", target="leader of q", parameters={})


def episode(name: str) -> Episode:
    """Return an episode that kills a leader."""
    return Episode(id=name, name=name, at_s=0, for_s=1, recover_s=1, faults=(KILL,))


class Table:
    """A broker that tells who leads, and no counts; and a journal."""

    def __init__(self, silences: int = 0) -> None:
        self.lines = list[dict[str, Any]]()
        self.silences = silences

    def queue_leaders(self, _: str) -> dict[str, str]:
        """Return who leads, but for as many times as it is to be silent."""
        self.silences -= 1
        if self.silences >= 0:
            raise SILENT
        return {"q": "r1"}

    def message_counts(self, _: str) -> dict[str, tuple[int, int]]:
        """Give no answer."""
        raise SILENT

    def append(self, event: str, **fields: Any) -> None:
        """Keep a journal line."""
        self.lines.append({"event": event, **fields})


def test_a_strike_at_nobody_knows_what_is_no_failure_of_the_harness() -> None:
    """No exposure line is written, so its rule leaves the fault unknown; a note says why."""
    table = Table()
    game: Any = SimpleNamespace(broker=table, journal=table, vhost="/")

    trouble._note_exposure(game, episode("a"), "r1")

    assert [line["event"] for line in table.lines] == ["note"]
    assert "what r1 is struck with is not known" in table.lines[0]["text"]


def test_one_silent_call_is_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leads is asked again until somebody answers; lasting silence is told as such."""
    table = Table(silences=2)
    game: Any = SimpleNamespace(broker=table, journal=table, vhost="/")
    trouble._leaders(game, episode("a"), "after")
    monkeypatch.setattr(trouble, "ANSWERS_WITHIN_S", 0.0)
    table.silences = 1000
    with pytest.raises(UnansweredError, match="erpc,timeout"):
        trouble._leaders(game, episode("a"), "before")

    assert [line["leaders"] for line in table.lines] == [{"q": "r1"}]


@pytest.mark.parametrize(("error", "ends"), [(SILENT, "cut_short"), (HarnessError("ours"), None)])
def test_only_a_silent_broker_cuts_a_plan_short(
    error: HarnessError, ends: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan ends in good order when the broker is silent; our own failure still ends the run."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(trouble, "_get_ready", fail)
    monkeypatch.setattr(trouble, "refuse_beyond_budget", lambda *_: None)
    table = Table()
    game: Any = SimpleNamespace(
        cluster=None, journal=table, phase=lambda *_: None, scaler=SimpleNamespace(on=lambda: None),
        screen=SimpleNamespace(now=lambda: 0.0, say=lambda _: None),
        board=SimpleNamespace(total=lambda _: 0),
        plan=Plan(seed=1, episodes=(episode("a"), episode("b"))),
    )  # fmt: skip
    if ends is None:
        with pytest.raises(HarnessError, match="ours"):
            trouble.trouble(game)
        return
    trouble.trouble(game)

    assert [line["event"] for line in table.lines] == [ends]
    assert "gave no answer before the fault" in table.lines[0]["reason"]


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ("error: {erpc,timeout}", True),
        ("error: {erpc,noconnection}", True),
        ("error: {badmatch,{erpc,timeout}}", False),
        ("exit: {noproc,q}", False),
    ],
)
def test_an_answer_that_is_an_error_is_an_answer(said: str, silent: bool) -> None:
    """Only `erpc`'s own words for a node that did not answer count as silence."""
    assert bool(UNANSWERED.search(said)) is silent
