"""Loss: every confirmed copy is delivered and settled, unspoilt, and nothing else appears.

Per copy, by the verdicts; per message whether anybody handled it. The broker's losses, the
clients' (an automatic ack) and what merely hangs are named apart.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.checks.select import copies_in, deliveries_in
from gameday.history.finding import Finding, Status, examples_of, name_of, unknown
from gameday.history.history import History
from gameday.history.journal import events
from gameday.history.links import NEVER
from gameday.history.outcomes import Outcome
from gameday.history.records import Disposition, Flag
from gameday.history.run import Run
from gameday.history.statistics import lossy_episode_at_most
from gameday.history.verdicts import Verdict

Array = npt.NDArray[Any]

BROKEN = {
    "lost": "broke Confirmed-Means-Kept: message {message} was confirmed at {at:.1f} s and never "
    "delivered",
    "lost_after_delivery": "broke Confirmed-Means-Kept: message {message} was delivered, never "
    "settled, and is gone",
    "phantom": "broke Nothing-From-Nowhere: message {message} was seen, though it was refused or "
    "never routed there",
    "corrupt": "broke As-It-Was-Sent: message {message} arrived with another body, priority or "
    "property",
    "unhandled": "broke Somebody-Handles-It: message {message} was confirmed, and no consumer ever "
    "finished it",
    "left_over": "broke Consumers-Finish: message {message} still lay in its work queue when its "
    "consumers had had their time",
    "unconfirmed_forever": "broke Every-Publish-Is-Answered: message {message} was never answered, "
    "though its connection stood and the cluster was healthy",
    "unsettled_indeterminate": "broke Quorum-Keeps-What-It-Delivers: message {message} was "
    "delivered from a quorum queue, never settled, and is gone",
}
"""What each kind of loss breaks; the most telling first."""


def loss(run: Run, parameters: Mapping[str, Any]) -> Finding:
    """Confirmed-Means-Kept: what was confirmed is delivered as it was sent, and handled."""
    history = run.history
    chosen = copies_in(history, parameters.get("queues"))
    confirmed = int((history.copies.status[chosen] == Outcome.OK).sum())
    if not confirmed:
        return unknown("no confirmed message was seen")
    found = {
        **copies_lost(history, chosen),
        "corrupt": corrupt(history, parameters.get("queues")),
        "unhandled": unhandled(history, chosen) if run.drain_complete else _NOBODY,
        "unconfirmed_forever": unconfirmed_forever(run, chosen),
    }
    broken = {name: messages for name, messages in found.items() if len(messages)}
    if broken:
        return _failed(history, broken, confirmed, run)
    if not run.drain_complete:
        return unknown(f"the drain did not finish: {run.drain_missing[0]}", n=confirmed)
    return _passed(run, confirmed)


_NOBODY: Array = np.empty(0, np.int64)


def _failed(history: History, broken: dict[str, Array], confirmed: int, run: Run) -> Finding:
    name = next(each for each in BROKEN if each in broken)
    messages = broken[name]
    first = int(messages[0])
    at_ns = history.attempts.outcome_ns[history.attempts.message == first].min()
    text = BROKEN[name].format(message=name_of(first), at=run.seconds(at_ns))
    counts = {each: len(np.unique(found)) for each, found in broken.items()}
    total = len(np.unique(np.concatenate(list(broken.values()))))
    more = ", ".join(f"{count} {each}" for each, count in counts.items())
    return Finding(
        Status.FAIL, f"{text} ({more})", total, "messages", confirmed,
        threshold=0, examples=examples_of(messages), details=counts,
    )  # fmt: skip


def _passed(run: Run, confirmed: int) -> Finding:
    episodes = [
        each
        for each in run.episodes
        if each.control is None and any(fault.observed_ns is not None for fault in each.faults)
    ]
    bound = lossy_episode_at_most(len(episodes))
    return Finding(
        Status.PASS,
        f"none of {confirmed} confirmed copies was lost; no lossy episode in {len(episodes)} "
        f"bounds the chance of one at {bound:.1%}",
        0, "messages", confirmed, (0.0, bound), 0,
        details={"episodes": len(episodes), "lossy_episode_at_most": bound},
    )  # fmt: skip


def copies_lost(history: History, chosen: Array) -> dict[str, Array]:
    """Return, by verdict, the messages of the copies that were lost or should not be."""
    copies = history.copies
    message = history.attempts.message[copies.attempt]
    quorum = np.array([*map(history.roles.is_quorum, history.queues), False])[copies.queue]
    which = {
        "lost": copies.verdict == Verdict.LOST,
        "lost_after_delivery": copies.verdict == Verdict.LOST_AFTER_DELIVERY,
        "phantom": copies.verdict == Verdict.PHANTOM,
        "left_over": copies.verdict == Verdict.LEFT_OVER,
        "unsettled_indeterminate": (copies.verdict == Verdict.UNSETTLED_INDETERMINATE) & quorum,
    }
    return {name: message[mask & chosen] for name, mask in which.items()}


def corrupt(history: History, queues: list[str] | None) -> Array:
    """Return the messages that arrived other than they were sent."""
    deliveries, attempts = history.deliveries, history.attempts
    known = deliveries.attempt >= 0
    sent = attempts.priority[np.where(known, deliveries.attempt, 0)] if len(attempts) else 0
    differs = (deliveries.flags & (Flag.SEEN_BODY_DIFFERS | Flag.SEEN_PROPERTY_DIFFERS)) > 0
    wrong = known & (differs | (deliveries.priority != sent)) & deliveries_in(history, queues)
    found: Array = attempts.message[deliveries.attempt[wrong]]
    return found


def unhandled(history: History, chosen: Array) -> Array:
    """Return the messages that were confirmed, and that nobody finished in a queue of theirs."""
    copies, attempts = history.copies, history.attempts
    width = len(history.queues) + 1
    key = attempts.message[copies.attempt] * width + history.finals[copies.queue]
    owed = (
        (copies.status == Outcome.OK) & (copies.disposition == Disposition.ACK) & chosen
        & ~copies.handled & ~copies.rests & (copies.verdict < Verdict.LOST)
        & (copies.verdict != Verdict.DECLARED_DISCARD)
    )  # fmt: skip
    candidates = np.unique(key[owed])
    if not len(candidates):
        return candidates
    place = np.searchsorted(candidates, key)
    place[place == len(candidates)] = 0
    matches = candidates[place] == key
    settled = matches & (copies.handled | copies.drained | (copies.verdict >= Verdict.LOST))
    left = np.ones(len(candidates), bool)
    left[place[settled]] = False
    return candidates[left] // width


def unconfirmed_forever(run: Run, chosen: Array) -> Array:
    """Return the messages whose publish was never answered by a broker that was well."""
    history = run.history
    attempts, links = history.attempts, history.links
    if not any(line["ok"] for line in events(run.journal, "drain", gate="healthy")):
        return _NOBODY
    waiting = attempts.outcome == Outcome.INFO
    closed = np.append(links.channel_closed_ns, NEVER)[np.where(attempts.tag > 0,
                                                               attempts.channel, -1)]  # fmt: skip
    waiting &= (closed >= run.stopped_ns) & (ended_ns(run)[attempts.process] >= run.stopped_ns)
    waiting &= np.isin(np.arange(len(attempts)), history.copies.attempt[chosen])
    found: Array = attempts.message[waiting]
    return found


def ended_ns(run: Run) -> Array:
    """Return for each process number when it ended before its time, NEVER for the others."""
    ended = np.full(np.iinfo(np.uint16).max + 1, NEVER, np.int64)
    for line in events(run.journal, "process", state="ended"):
        if line["process"] is not None and line.get("code") != 0:
            ended[line["process"]] = line["time_ns"]
    return ended
