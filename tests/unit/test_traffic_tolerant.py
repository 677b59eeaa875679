"""A look-up of an address that was cancelled: it ends in nothing, and other defects do not."""

import pytest
from pika.adapters import gevent_connection

from gameday.traffic.tolerant import tolerate_cancelled


class Loop:
    """A loop that keeps what it is given to call."""

    def __init__(self) -> None:
        self.given: list[object] = []

    def add_callback(self, callback: object) -> None:
        """Keep it."""
        self.given.append(callback)


def resolver(loop: object) -> object:
    """Return a look-up of this machine's own address."""
    tolerate_cancelled()
    made = gevent_connection._GeventAddressResolver
    return made(loop, "127.0.0.1", 1, 0, 0, 0, 0, on_done=print)


def test_a_cancelled_look_up_reports_to_nobody() -> None:
    """Its answer comes after it was cancelled, and nothing is raised."""
    found = resolver(Loop())
    found.cancel()  # type: ignore[attr-defined]

    found._resolve()  # type: ignore[attr-defined]


def test_one_that_was_not_cancelled_reports() -> None:
    """Its loop is given the answer, once."""
    loop = Loop()
    resolver(loop)._resolve()  # type: ignore[attr-defined]

    assert len(loop.given) == 1


def test_a_loop_that_is_none_of_its_kind_is_a_defect() -> None:
    """What is wrong for another reason is still raised."""
    with pytest.raises(AttributeError):
        resolver(object())._resolve()  # type: ignore[attr-defined]
