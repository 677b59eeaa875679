"""Entries of `advanced.config`: those of one application end in one, and nothing is lost."""

import pytest

from gameday.clusters.terms import merged


@pytest.mark.parametrize(
    ("entries", "whole"),
    [
        ("", ""),
        ("{aten, [{poll_interval, 500}]}", "{aten, [{poll_interval, 500}]}"),
        ("{a, [{x, 1}]},\n{b, []}", "{a, [{x, 1}]},\n{b, []}"),
        ("{rabbit, [{x, 1}]},\n{rabbit, [{y, [1, 2]}]}", "{rabbit, [{x, 1}, {y, [1, 2]}]}"),
        (
            '{aten, [{p, 5}]},\n{rabbit, [{x, 1}]},\n{ra, []},\n{rabbit, [{y, "a, {b"}]}',
            '{aten, [{p, 5}]},\n{rabbit, [{x, 1}, {y, "a, {b"}]},\n{ra, []}',
        ),
        ('{rabbit, []}, {rabbit, [{y, <<"],">>}]}', '{rabbit, [{y, <<"],">>}]}'),
    ],
)
def test_each_application_has_one_entry(entries: str, whole: str) -> None:
    """What stood in two entries stands in the first one, and other entries are as they were."""
    assert merged(entries) == whole


def test_what_is_no_entry_is_left_to_the_broker() -> None:
    """A text that is not made of entries is passed on as it is: the broker names the mistake."""
    assert merged("{rabbit, x}, {rabbit, [{y, 1}]}") == "{rabbit, x}, {rabbit, [{y, 1}]}"
