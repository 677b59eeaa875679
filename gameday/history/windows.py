"""Windows of time: warm-up, baseline, and for each episode its fault and its recovery.

By the journal alone. They leave no gap and never overlap, so that every due time falls in exactly
one. A fault's window begins with its episode: what falls due just before the strike suffers it. It
ends when the last fault is seen healed; from there to the next episode is recovery. An episode
without a fault, and whatever stands before the first episode, counts to the baseline.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.journal import Episode, Line, episodes, events

Array = npt.NDArray[Any]

WARM_UP, BASELINE, FAULT, RECOVERY = "warm_up", "baseline", "fault", "recovery"
NONE = "none"


@dataclass(frozen=True)
class Window:
    """A stretch of time of one kind; it ends where the next one starts."""

    phase: str
    start_ns: int
    episode: str | None = None
    fault_class: str = NONE


@dataclass(frozen=True)
class Windows:
    """The windows of a run, in order; the first one starts at the beginning of time."""

    windows: tuple[Window, ...]

    def of(self, time_ns: Array) -> Array:
        """Return the number of the window of each time."""
        starts = np.array([window.start_ns for window in self.windows], np.int64)
        return np.searchsorted(starts, time_ns, side="right") - 1

    def struck(self, since_ns: Array, limit_ns: int) -> Array:
        """Return the window that each wait of at least a limit is laid to.

        That of its beginning; but where a fault struck within the limit, while it could still have
        ended in time, that of the first such fault.
        """
        own = self.of(since_ns)
        faults = np.flatnonzero([window.phase == FAULT for window in self.windows])
        if not len(faults):
            return own
        starts = np.array([self.windows[number].start_ns for number in faults], np.int64)
        following = np.searchsorted(starts, since_ns, side="right")
        later = np.minimum(following, len(faults) - 1)
        within = (following < len(faults)) & (starts[later] - since_ns <= limit_ns)
        return np.where(within, faults[later], own)

    def chosen(
        self, phases: Iterable[str], fault_classes: Iterable[str] | None = None
    ) -> npt.NDArray[np.bool_]:
        """Tell which windows are of some phases and, but for the baseline, of some classes."""
        wanted = set(phases)
        classes = None if fault_classes is None else set(fault_classes)
        return np.array(
            [
                window.phase in wanted
                and (window.phase == BASELINE or classes is None or window.fault_class in classes)
                for window in self.windows
            ]
        )


def build_windows(journal: tuple[Line, ...]) -> Windows:
    """Cut the run's time into windows."""
    begins = [line["time_ns"] for line in events(journal, "phase", name="baseline", at="begin")]
    windows = [Window(WARM_UP, np.iinfo(np.int64).min)]
    windows += [Window(BASELINE, begin) for begin in begins[:1]]
    for episode in episodes(journal):
        if episode.control is None:
            windows += _of_episode(episode)
    return Windows(_in_order(windows))


def _of_episode(episode: Episode) -> list[Window]:
    if not episode.faults:
        return [Window(BASELINE, episode.first_ns, episode.id)]
    name = episode.fault_class
    found = [Window(FAULT, episode.first_ns, episode.id, name)]
    healed = episode.healed_ns
    if healed is not None:
        found.append(Window(RECOVERY, healed, episode.id, name))
    return found


def _in_order(windows: list[Window]) -> tuple[Window, ...]:
    """Sort by start; where episodes overlap, the one that started last counts."""
    return tuple(sorted(windows, key=lambda window: window.start_ns))
