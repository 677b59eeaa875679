"""Waiting ends with the condition, or with a sentence that says what was seen."""

import pytest

from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError


def test_first_truthy_value_is_returned() -> None:
    """The value that ended the wait is what the caller gets."""
    values = iter([0, NotYet("almost"), "here"])
    assert wait_until(lambda: next(values), 5, "value came", poll_ms=1) == "here"


def test_time_out_says_what_was_last_seen() -> None:
    """The sentence names what was waited for, the limit, and the last look."""
    with pytest.raises(
        HarnessError,
        match=r"r2 rejoined: not within 0\.02 s; last seen: only r1",
    ):
        wait_until(lambda: NotYet("only r1"), 0.02, "r2 rejoined", poll_ms=5)


def test_listed_errors_are_not_yet_and_others_pass_through() -> None:
    """A listed error is looked past until the time is up; another one is nobody's to hide."""
    looks = iter([ConnectionError("refused"), None])

    def look() -> bool:
        error = next(looks)
        if error:
            raise error
        return True

    assert wait_until(look, 5, "connected", poll_ms=1, errors=(ConnectionError,))
    with pytest.raises(KeyError):
        wait_until({}.popitem, 5, "nothing", errors=(ConnectionError,))


def test_condition_is_looked_at_even_without_time() -> None:
    """A limit of zero is one look, not none."""
    assert wait_until(lambda: True, 0, "at once")
