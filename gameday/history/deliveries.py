"""Deliveries: every sight of a message, by a consumer or by the drain, and how it was settled.

A sight is joined to its attempt by the headers' identity or, where poison destroyed those, by the
digest of the body. What neither finds is foreign.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.attempts import Attempts
from gameday.history.digests import bare_keys
from gameday.history.gather import Gathered, Rows
from gameday.history.join import Tags, answered, attempt_keys
from gameday.history.outcomes import Outcome
from gameday.history.records import DEATH_REASONS, Death, Flag, Kind

Array = npt.NDArray[Any]

UNHANDLED = 255
"""The `result` of a delivery whose handler never ended."""


@dataclass(frozen=True)
class Deliveries:
    """One row a sight. Times are -1 where nothing happened; `attempt` is a row of `Attempts`.

    `settled` is 0 or ACKED, REQUEUED, REJECTED; `replacement` is the attempt that superseded it.
    `newest_queue` and `newest_reason` are known of drained ones and of those that died once;
    `started_ns` is known where a consumer handles several at once (`serving.py` knows the rest).
    """

    key: Array
    attempt: Array
    queue: Array
    process: Array
    channel: Array
    tag: Array
    time_ns: Array
    flags: Array
    priority: Array
    deaths: Array
    first_death_queue: Array
    death: Array
    newest_queue: Array
    newest_reason: Array
    delivery_count: Array
    started_ns: Array
    handled_ns: Array
    result: Array
    settled: Array
    settled_ns: Array
    replacement: Array
    drained: Array

    @property
    def redelivered(self) -> Array:
        """Whether the broker flagged it as possibly seen before."""
        return (self.flags & Flag.SEEN_REDELIVERED) > 0

    @property
    def no_ack(self) -> Array:
        """Whether its consumer left acknowledging to the broker."""
        return (self.flags & Flag.SEEN_NO_ACK) > 0

    def __len__(self) -> int:
        return len(self.key)


def build_deliveries(gathered: Gathered, attempts: Attempts) -> Deliveries:
    """Join the sights of a scope with their attempts, handlers and settlements."""
    seen, drained = gathered.of(Kind.DELIVERED), gathered.of(Kind.DRAINED)
    rows = {
        name: np.concatenate([_column(seen, name), _column(drained, name)])
        for name in ("time", "channel", "tag", "sequence", "producer", "attempt", "queue",
                     "priority", "flags", "extra", "process", "digest")
    }  # fmt: skip
    is_drained = np.arange(len(rows["time"])) >= len(seen["time"])
    key = attempt_keys(rows["producer"], rows["sequence"], rows["attempt"])
    ok = attempts.outcome == Outcome.OK
    key = bare_keys(gathered.names, rows, key, attempts.finder, ok)
    tags = Tags(rows["channel"][: len(seen["time"])], rows["tag"][: len(seen["time"])])
    settled, settled_ns = _settled(gathered, tags, len(key))
    started_ns = _started(gathered, tags, len(key))
    handled_ns, result = _handled(gathered, tags, len(key))
    deaths = _deaths(gathered, seen, drained)
    return Deliveries(
        key, attempts.finder.find(key), rows["queue"], rows["process"], rows["channel"],
        rows["tag"], rows["time"], rows["flags"].astype(np.uint8), rows["priority"],
        deaths["count"], deaths["first"], (rows["extra"].astype(np.uint8) & 15), deaths["newest"],
        deaths["reason"], rows["extra"].astype(np.uint8) >> 4, started_ns, handled_ns, result,
        settled, settled_ns, _replacement(gathered, tags, attempts, len(key)), is_drained,
    )  # fmt: skip


def _column(rows: Rows, name: str) -> Array:
    return rows[name] if name in rows else np.empty(0, np.int64)


def _settled(gathered: Gathered, tags: Tags, count: int) -> tuple[Array, Array]:
    """Return what settled each delivery, and when; drained ones are settled by nobody."""
    kinds = (Kind.ACKED, Kind.REQUEUED, Kind.REJECTED)
    parts = [gathered.of(kind) for kind in kinds]
    names = ("channel", "tag", "time")
    rows = {name: np.concatenate([part[name] for part in parts]) for name in names}
    flags = np.concatenate([part["flags"] for part in parts]).astype(np.uint8)
    rows["multiple"] = (flags & Flag.MULTIPLE) > 0
    sizes = [len(part["time"]) for part in parts]
    kind_of = np.append(np.repeat(np.array(kinds, np.uint8), sizes), 0).astype(np.uint8)
    found = answered(tags, rows)
    settled, settled_ns = np.zeros(count, np.uint8), np.full(count, -1, np.int64)
    settled[: len(found.by)] = kind_of[found.by]
    settled_ns[: len(found.by)] = found.time
    return settled, settled_ns


def _started(gathered: Gathered, tags: Tags, count: int) -> Array:
    """Return when each delivery's handler began, where its consumer wrote that down."""
    rows = gathered.of(Kind.STARTED)
    at = tags.find(rows["channel"], rows["tag"])
    started_ns = np.full(count, -1, np.int64)
    started_ns[at[at >= 0]] = rows["time"][at >= 0]
    return started_ns


def _handled(gathered: Gathered, tags: Tags, count: int) -> tuple[Array, Array]:
    """Return when each delivery's handler ended, and how."""
    rows = gathered.of(Kind.HANDLED)
    at = tags.find(rows["channel"], rows["tag"])
    known = at >= 0
    handled_ns, result = np.full(count, -1, np.int64), np.full(count, UNHANDLED, np.uint8)
    handled_ns[at[known]] = rows["time"][known]
    result[at[known]] = rows["extra"][known]
    return handled_ns, result


def _replacement(gathered: Gathered, tags: Tags, attempts: Attempts, count: int) -> Array:
    """Return the row of the attempt by which its consumer superseded each delivery, or -1."""
    rows = gathered.of(Kind.SUPERSEDED)
    at = tags.find(rows["channel"], rows["tag"])
    known = at >= 0
    key = attempt_keys(rows["producer"], rows["sequence"], rows["attempt"])
    replacement = np.full(count, -1, np.int64)
    replacement[at[known]] = attempts.finder.find(key[known])
    return replacement


def _deaths(gathered: Gathered, seen: Rows, drained: Rows) -> dict[str, Array]:
    """Return how often each sight had died, where first, and where and why last."""
    once = _column(seen, "deaths") == 1
    first, reason = _column(seen, "first_queue"), _column(seen, "extra").astype(np.int64) & 15
    tables = [_whole(gathered, deaths) for deaths in gathered.names.list("deaths")]
    table = np.array([*tables, (0, -1, -1, int(Death.NONE))], np.int64)
    whole = table[_column(drained, "deaths").astype(np.int64)]
    return {
        "count": np.concatenate([_column(seen, "deaths"), whole[:, 0]]).astype(np.int32),
        "first": np.concatenate([first, whole[:, 1]]).astype(np.int32),
        "newest": np.concatenate([np.where(once, first, -1), whole[:, 2]]).astype(np.int32),
        "reason": np.concatenate([np.where(once, reason, -1), whole[:, 3]]).astype(np.int16),
    }


def _whole(gathered: Gathered, deaths: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    """Read a whole x-death, newest first: (sum of counts, first queue, newest queue, reason)."""
    if not deaths:
        return 0, -1, -1, int(Death.NONE)
    names = gathered.names
    total = sum(int(death.get("count", 1)) for death in deaths)
    first, newest = deaths[-1], deaths[0]
    reason = DEATH_REASONS.get(str(newest.get("reason")), Death.OTHER)
    return (
        total,
        names.number("queue", first.get("queue")),
        names.number("queue", newest.get("queue")),
        int(reason),
    )
