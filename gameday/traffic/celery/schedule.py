"""What is due when: the seeded open-model schedule of one leg, the same for both brokers.

Pure: the same load gives the same tasks in the same order, whatever a broker does with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gameday.history.records import Disposition
from gameday.traffic.arrivals import Poisson, Schedule, Spike, Together
from gameday.traffic.celery.job import Load

EVENLY = {str(priority): 1.0 for priority in range(11)}


@dataclass(frozen=True)
class Planned:
    """One task: when it is due after the load began, and what it will do.

    `ends` is done, retried, failing, timed_out, eta or revoked; `priority` is the meant one.
    """

    sequence: int
    due_s: float
    priority: int
    service_ms: int
    ends: str

    @property
    def expect(self) -> Disposition:
        """What must become of it."""
        given_up = self.ends in {"failing", "revoked"}
        return Disposition.REJECT if given_up else Disposition.ACK


def plan(load: Load) -> Iterator[Planned]:
    """Return a load's tasks in the order in which they are due."""
    due = _schedule(load).due(0.0, load.for_s)
    generator = np.random.default_rng((load.seed, 1))
    weights = dict(load.priorities) or EVENLY
    numbers = [int(each) for each in weights]
    share = np.array(list(weights.values())) / sum(weights.values())
    kinds, of_kind = _kinds(load)
    priorities = generator.choice(numbers, size=len(due), p=share)
    service = generator.integers(load.service_ms[0], load.service_ms[1] + 1, size=len(due))
    ends = generator.choice(kinds, size=len(due), p=of_kind)
    for number, when in enumerate(due):
        yield Planned(
            number, float(when), int(priorities[number]), int(service[number]), str(ends[number])
        )


def _schedule(load: Load) -> Schedule:
    spikes = [Spike(at_s, count, over_s) for at_s, count, over_s in load.spikes]
    return Together((Poisson(load.rate_per_s, load.seed), *spikes))


def _kinds(load: Load) -> tuple[list[str], list[float]]:
    shares = {
        "eta": load.eta_share, "retried": load.retried, "failing": load.failing,
        "timed_out": load.timed_out, "revoked": load.revoked,
    }  # fmt: skip
    return [*shares, "done"], [*shares.values(), 1.0 - sum(shares.values())]
