"""Messages whose headers poison destroyed: found again by the SHA-256 of their bodies.

The publisher's ledger says which attempts had which digest, a reader's only that it saw one. The
attempts of one message share their body: the k-th unflagged sight in a queue is taken for the k-th
attempt, confirmed ones first, so that a retry's copy is not taken for a loss.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.history.gather import Names, Rows
from gameday.history.join import Finder, attempt_keys
from gameday.history.records import Flag

Array = npt.NDArray[Any]


def bare_keys(names: Names, rows: Rows, key: Array, attempts: Finder, ok: Array) -> Array:
    """Return the keys, with those of sights that only a digest identifies filled in."""
    flags = rows["flags"].astype(np.uint8)
    bare = np.flatnonzero((flags & Flag.SEEN_BY_DIGEST) > 0)
    if not len(bare):
        return key
    known = _attempts_by_digest(names, attempts, ok)
    filled = key.copy()
    filled[bare] = -1
    digests = rows["digest"][bare]
    for digest, keys in known.items():
        mine = bare[digests == digest]
        if len(mine):
            filled[mine] = _in_turn(rows, flags, mine, keys)
    return filled


def _attempts_by_digest(names: Names, attempts: Finder, ok: Array) -> dict[int, Array]:
    """Return the keys of the attempts with each digest, confirmed ones first."""
    table = names.list("bare")
    if not table:
        return {}
    columns = (
        np.array([row[field] for row in table], np.int64)
        for field in ("producer", "sequence", "attempt")
    )
    keys = attempt_keys(*columns)
    at = attempts.find(keys)
    confirmed = np.where(at >= 0, ok[at], False)
    digests = np.array([names.number("digest", row["digest"]) for row in table])
    order = np.lexsort((keys, ~confirmed, digests))
    starts = np.flatnonzero(np.diff(digests[order], prepend=-1))
    pieces = np.split(keys[order], starts[1:])
    return dict(zip(digests[order][starts].tolist(), pieces, strict=True))


def _in_turn(rows: Rows, flags: Array, mine: Array, keys: Array) -> Array:
    """Give the sights of one digest, queue by queue, the attempts' keys in turn."""
    given = np.empty(len(mine), np.int64)
    for queue in np.unique(rows["queue"][mine]):
        here = np.flatnonzero(rows["queue"][mine] == queue)
        here = here[np.argsort(rows["time"][mine][here], kind="stable")]
        unflagged = (flags[mine[here]] & Flag.SEEN_REDELIVERED) == 0
        turn = np.clip(np.cumsum(unflagged) - 1, 0, len(keys) - 1)
        given[here] = keys[turn]
    return given
