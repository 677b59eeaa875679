"""The whole story of one message: every publish, answer, sight and settlement, in order of time.

So a reader can see for himself why a message is called lost. Read from the history; nothing is
judged here.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gameday.history.finding import name_of
from gameday.history.outcomes import ENDINGS
from gameday.history.records import NO_PRIORITY, Death, Disposition, Kind, Result
from gameday.history.verdicts import MEANINGS, Verdict
from reports.faults import FaultRow
from reports.words import at

if TYPE_CHECKING:
    from gameday.history.history import History

EVENTS_MAX = 60
SETTLEMENTS = {Kind.ACKED: "acknowledged", Kind.REQUEUED: "requeued", Kind.REJECTED: "rejected"}
UNHANDLED = {int(result): result.name.lower() for result in Result}


@dataclass(frozen=True)
class Step:
    """One thing that happened to a message."""

    time_s: float
    process: int
    what: str


@dataclass(frozen=True)
class Story:
    """A message's name, where it ended, and its steps."""

    name: str
    ending: str
    steps: tuple[Step, ...]


class Teller:
    """Tells stories from one history; `zero_ns` is where its time begins."""

    def __init__(self, history: "History", zero_ns: int, faults: tuple[FaultRow, ...]) -> None:
        self.history, self.zero_ns, self.faults = history, zero_ns, faults

    def tell(self, message: int) -> Story:
        """Return the story of a message, given by its key."""
        attempts = np.flatnonzero(self.history.attempts.message == message)
        sights = np.flatnonzero(np.isin(self.history.deliveries.attempt, attempts))
        steps = [step for row in attempts.tolist() for step in self._published(row)]
        steps += [step for row in sights.tolist() for step in self._seen(row)]
        steps += self._struck(steps)
        steps.sort(key=lambda step: step.time_s)
        return Story(name_of(message), self._ending(attempts), tuple(steps[:EVENTS_MAX]))

    def _ending(self, attempts: "np.ndarray") -> str:
        copies = np.flatnonzero(np.isin(self.history.copies.attempt, attempts))
        parts = []
        for row in copies.tolist():
            verdict = Verdict(int(self.history.copies.verdict[row]))
            queue = self._queue(int(self.history.copies.queue[row]))
            parts.append(f"{verdict.name.lower()} in {queue}: {MEANINGS[verdict]}")
        return "; ".join(parts) or "it was never routed to a queue"

    def _published(self, row: int) -> list[Step]:
        attempts = self.history.attempts
        process = int(attempts.process[row])
        priority = int(attempts.priority[row])
        urgency = "no priority" if priority == NO_PRIORITY else f"priority {priority}"
        fate = Disposition(int(attempts.disposition[row])).name.lower()
        route = self._route(int(attempts.route[row]))
        steps = [
            Step(self._at(int(attempts.due_ns[row])), process, "due"),
            Step(
                self._at(int(attempts.time_ns[row])), process,
                f"published to {route} with {urgency}, attempt {int(attempts.count[row]) + 1} of "
                f"process {process}; its contract says {fate}",
            ),
        ]  # fmt: skip
        ending = ENDINGS[int(attempts.ending[row])]
        if int(attempts.outcome_ns[row]) >= 0:
            text = f"{ending.name} ({ending.outcome.name.lower()}): {ending.reason}"
            steps.append(Step(self._at(int(attempts.outcome_ns[row])), process, text))
        return steps

    def _seen(self, row: int) -> list[Step]:
        seen = self.history.deliveries
        process, queue = int(seen.process[row]), self._queue(int(seen.queue[row]))
        verb = "drained from" if seen.drained[row] else "delivered from"
        marks = ["redelivered"] if seen.redelivered[row] else []
        if seen.deaths[row]:
            marks.append(f"{int(seen.deaths[row])} deaths, {_death(int(seen.death[row]))}")
        text = f"{verb} {queue}" + (f" ({', '.join(marks)})" if marks else "")
        steps = [Step(self._at(int(seen.time_ns[row])), process, text)]
        if int(seen.handled_ns[row]) >= 0:
            how = UNHANDLED.get(int(seen.result[row]), "ended")
            steps.append(Step(self._at(int(seen.handled_ns[row])), process, f"handler: {how}"))
        settled = int(seen.settled[row])
        if settled:
            word = SETTLEMENTS[Kind(settled)]
            steps.append(Step(self._at(int(seen.settled_ns[row])), process, word))
        return steps

    def _struck(self, steps: list[Step]) -> list[Step]:
        """Return the faults that struck or healed within the story, and shortly after it."""
        if not steps:
            return []
        first, last = min(step.time_s for step in steps), max(step.time_s for step in steps) + 10
        found = []
        for fault in self.faults:
            for moment, word in ((fault.requested_s, "requested"), (fault.restored_s, "restored")):
                if moment is not None and not fault.control and first <= moment <= last:
                    found.append(Step(moment, 0, f"[{fault.label} {word}]"))
        return found

    def _at(self, time_ns: int) -> float:
        return (time_ns - self.zero_ns) / 1e9

    def _queue(self, number: int) -> str:
        queues = self.history.queues
        return queues[number] if 0 <= number < len(queues) else "an unknown queue"

    def _route(self, number: int) -> str:
        routes = self.history.names.list("route")
        if not 0 <= number < len(routes):
            return "an unknown route"
        route = routes[number]
        exchange = route.get("exchange") or "the default exchange"
        return f"{exchange}, key {route.get('routing_key')}"


def _death(number: int) -> str:
    known = {int(death): death.name.lower() for death in Death}
    return f"first {known.get(number, 'other')}"


def when(step: Step) -> str:
    """Return a step's time as the story's table shows it."""
    return at(step.time_s) if step.process == 0 else f"{step.time_s:,.3f} s"
