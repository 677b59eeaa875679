"""Answers: which publishes a confirm names, single or multiple, however they are mixed."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gameday.history.ledger import LedgerWriter, read_ledger
from gameday.history.records import NO_PRIORITY, Flag, Kind
from gameday.traffic.lanes import finish, record, settled
from gameday.traffic.messages import Outgoing, Route

ROUTE = Route(0, "", "q", "t")


def message(number: int, priority: int | None = None) -> Outgoing:
    """Return a message."""
    return Outgoing(1, number, 1000, priority, 2, 0, b"{}", 0, f"m{number}", ROUTE)


def waiting(tags: set[int]) -> dict[int, tuple[Outgoing, int]]:
    """Return publishes that wait for an answer, oldest first."""
    return {tag: (message(tag), 0) for tag in sorted(tags)}


@given(st.sets(st.integers(1, 60)), st.integers(1, 60))
def test_multiple_names_all_up_to_its_tag(tags: set[int], tag: int) -> None:
    """A multiple answer takes out every publish up to its tag, oldest first, and no other."""
    pending = waiting(tags)

    found = settled(pending, tag, multiple=True)

    assert [each.sequence for each in found] == sorted(each for each in tags if each <= tag)
    assert set(pending) == {each for each in tags if each > tag}


@given(st.sets(st.integers(1, 60)), st.integers(1, 60))
def test_single_names_one(tags: set[int], tag: int) -> None:
    """A single answer takes out its own publish; a late one, whose publish is gone, none."""
    pending = waiting(tags)

    found = settled(pending, tag, multiple=False)

    assert [each.sequence for each in found] == ([tag] if tag in tags else [])
    assert set(pending) == tags - {tag}


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=60))
def test_nothing_is_settled_twice(answers: list[tuple[int, bool]]) -> None:
    """Whatever answers come in whatever order, each publish is settled at most once."""
    pending = waiting(set(range(1, 41)))

    found = [
        each.sequence
        for tag, multiple in answers
        for each in settled(pending, tag, multiple=multiple)
    ]

    assert len(found) == len(set(found))
    assert set(found) | set(pending) == set(range(1, 41))


def test_finish_tells_once() -> None:
    """Whoever waits for a message hears of its end once, and of the first end."""
    heard: list[bool] = []
    one = message(1)
    one.done = heard.append

    finish(one, arrived=True)
    finish(one, arrived=False)

    assert heard == [True]


def test_record_says_what_is_sent(tmp_path: Path) -> None:
    """The record of an attempt has its lag, priority, flags and disposition."""
    with LedgerWriter(tmp_path, "run", 1, "test") as ledger:
        record(ledger, Kind.INVOKE, message(5, priority=9), 0, now=3_001_000, tag=7, attempt=64)
        held = message(6)
        held.held = Flag.PUBLISH_HELD_BLOCKED
        record(ledger, Kind.INVOKE, held, 0, now=500)

    first, second = read_ledger(ledger.path).records

    assert (first["sequence"], first["tag"], first["attempt"]) == (5, 7, 64)
    assert (first["detail"], first["priority"], first["extra"]) == (3000, 9, 2)
    assert first["flags"] == Flag.PUBLISH_MANDATORY | Flag.PUBLISH_PERSISTENT
    assert (second["detail"], second["priority"]) == (0, NO_PRIORITY)
    assert second["flags"] & Flag.PUBLISH_HELD_BLOCKED
