"""Waiting for what moves: a wait whose figures stand still is over before its time is up.

A queue whose leader crashed and that has no other copy never empties; waiting for it as long as for
one that is being emptied would only make the run longer, and say the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.clusters.wait import NotYet
from gameday.errors import HarnessError


@dataclass
class Moving:
    """A condition that is given up when what is seen in its place does not change for a while.

    Raises `HarnessError` then, with what stood still.
    """

    question: Callable[[], bool | NotYet]
    still_s: float
    now: Callable[[], float]
    _seen: str | None = field(default=None, init=False)
    _since: float = field(default=0.0, init=False)

    def __call__(self) -> bool | NotYet:
        """Ask, and compare with what was seen before."""
        answer = self.question()
        if not isinstance(answer, NotYet):
            return answer
        seen = str(answer.last_seen)
        if seen != self._seen:
            self._seen, self._since = seen, self.now()
        elif self.now() - self._since >= self.still_s:
            raise HarnessError(f"nothing changed for {self.still_s:g} s; last seen: {seen}")
        return answer
