"""The table of endings, and its document."""

from pathlib import Path

import pytest

from gameday.history.outcomes import ENDINGS, NUMBER, Outcome, by_code, by_reason, document

ROOT = Path(__file__).parents[2]


def test_the_document_is_the_table() -> None:
    """docs/outcomes.md is what the table generates, to the character."""
    path = ROOT / "docs" / "outcomes.md"

    assert document() == path.read_text(), "run: python -m tests.write_outcomes"


def test_what_is_not_listed_is_info() -> None:
    """A reason or a code that nobody listed leaves the message's fate open."""
    unlisted = [by_reason("the moon", "unknown"), by_code("connection", 599), by_code("channel", 1)]

    assert [ENDINGS[number].outcome for number in unlisted] == [Outcome.INFO] * 3


@pytest.mark.parametrize("reason", ["connection lost", "no confirm in time"])
def test_a_reason_never_turns_info_into_fail(reason: str) -> None:
    """A client that calls a doubtful ending a failure is believed only for what is provable."""
    assert NUMBER["failed"] == by_reason(reason, "failed")
    assert ENDINGS[by_reason(reason, "unknown")].outcome is Outcome.INFO


def test_no_connection_never_excuses_an_unknown() -> None:
    """An attempt on record as unknown stays info, whatever its reason says."""
    number = by_reason("no connection of the pool is open", "unknown")

    assert Outcome.INFO is ENDINGS[number].outcome


def test_every_ending_has_one_name() -> None:
    """No two rows of the table share a name."""
    assert len(ENDINGS) == len(NUMBER)
