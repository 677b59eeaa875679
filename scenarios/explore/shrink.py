"""Shrinking a plan that fails: leave out whatever it fails without.

Pure but for the question `fails`, which plays a plan: first whole episodes are left out, then
single faults. A broker is not a function, so a plan may fail once and pass the next time; what is
kept was seen failing in the form in which it is kept.
"""

from collections.abc import Callable, Iterator

from chaos.plan import Episode, Plan
from scenarios.suites import lay_out

Fails = Callable[[Plan], bool]


def shrink(plan: Plan, fails: Fails, may_go_on: Callable[[], bool]) -> Plan:
    """Return the smallest plan found that still fails, for as long as one may go on asking."""
    smallest = plan
    while may_go_on():
        for smaller in smaller_plans(smallest):
            if not may_go_on():
                return smallest
            if fails(smaller):
                smallest = smaller
                break
        else:
            return smallest
    return smallest


def smaller_plans(plan: Plan) -> Iterator[Plan]:
    """Yield the plans with one thing less: half of the episodes, an episode, a fault."""
    episodes = plan.episodes
    half = len(episodes) // 2
    if half > 1:
        yield _with(plan, episodes[:half])
        yield _with(plan, episodes[half:])
    if len(episodes) > 1:
        for place in range(len(episodes)):
            yield _with(plan, episodes[:place] + episodes[place + 1 :])
    for place, episode in enumerate(episodes):
        for fewer in _fewer_faults(episode):
            yield _with(plan, (*episodes[:place], fewer, *episodes[place + 1 :]))


def _with(plan: Plan, episodes: tuple[Episode, ...]) -> Plan:
    return plan.model_copy(update={"episodes": lay_out(list(episodes))})


def _fewer_faults(episode: Episode) -> Iterator[Episode]:
    """Yield the episode without one of its faults; what struck later then strikes in time."""
    for place in range(len(episode.faults) if len(episode.faults) > 1 else 0):
        left = episode.faults[:place] + episode.faults[place + 1 :]
        first_s = left[0].after_s
        faults = tuple(
            each.model_copy(update={"after_s": round(each.after_s - first_s, 3)}) for each in left
        )
        yield episode.model_copy(update={"faults": faults})
