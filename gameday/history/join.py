"""Joins of columns: find rows by key, and rows by (channel, tag) where `multiple` is a range.

Nothing here knows what a record means. Keys are 64-bit; tags are dense within a channel, so that a
table by tag is faster than a sort; where they are not (a torn or foreign file), sorting serves.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DENSE_FACTOR = 6
DENSE_LEAST = 1_000_000
LOW_BITS = 16
"""The bits of an attempt's key that tell the attempts of one message apart."""


def message_keys(producer: Array, sequence: Array) -> Array:
    """Pack (producer, sequence) into one key."""
    return producer.astype(np.int64) << 32 | sequence.astype(np.int64)


def attempt_keys(producer: Array, sequence: Array, attempt: Array) -> Array:
    """Pack (producer, sequence, attempt) into one key."""
    high = producer.astype(np.int64) << 48 | sequence.astype(np.int64) << 16
    return high | attempt.astype(np.int64)


def distinct(values: Array) -> Array:
    """Return the different values, sorted; a sort beats a hash where values are nearly in order."""
    ordered = np.sort(values, kind="stable")
    if len(ordered) < 2:
        return ordered
    found: Array = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return found


@dataclass(frozen=True)
class Finder:
    """Finds rows by their key; of rows with one key, the first in the order of the rows."""

    keys: Array

    @cached_property
    def order(self) -> Array:
        """The rows in the order of their keys."""
        if len(self.keys) < 2 or (self.keys[1:] > self.keys[:-1]).all():
            return np.arange(len(self.keys), dtype=np.int64)
        return np.argsort(self.keys, kind="stable")

    @cached_property
    def ordered(self) -> Array:
        """The keys in order."""
        return self.keys[self.order]

    def find(self, wanted: Array) -> Array:
        """Return the row of each wanted key, -1 where there is none."""
        if not len(self.keys):
            return np.full(len(wanted), -1, np.int64)
        place = self._guess(wanted)
        missed = np.flatnonzero(self.ordered[place] != wanted)
        if len(missed):
            place[missed] = np.searchsorted(self.ordered, wanted[missed])
            place[place == len(self.keys)] = 0
        return np.where(self.ordered[place] == wanted, self.order[place], -1)

    def _guess(self, wanted: Array) -> Array:
        """Return where a key may stand: where the first one with its high bits does.

        Messages are numbered without gaps, and most have one attempt, so the guess is mostly right
        and costs a look-up instead of a search.
        """
        first = self._first_by_high
        if first is None:
            return np.searchsorted(self.ordered, wanted) % len(self.keys)
        low = int(self.ordered[0] >> LOW_BITS)
        high = (wanted >> LOW_BITS) - low
        return first[np.where((high >= 0) & (high < len(first)), high, 0)]

    @cached_property
    def _first_by_high(self) -> Array | None:
        """The place of the first key with each value of the high bits, where those are dense."""
        high = (self.ordered >> LOW_BITS) - (self.ordered[0] >> LOW_BITS)
        if int(high[-1]) > DENSE_FACTOR * len(high) + DENSE_LEAST:
            return None
        first = np.zeros(int(high[-1]) + 1, np.int64)
        first[high[::-1]] = np.arange(len(high))[::-1]
        return first

    @cached_property
    def repeated(self) -> Array:
        """The keys that more than one row has."""
        return np.unique(self.ordered[1:][self.ordered[1:] == self.ordered[:-1]])


class Tags:
    """Finds rows by (channel, tag). Tag 0 is none."""

    def __init__(self, channel: Array, tag: Array) -> None:
        self.channel, self.tag = channel.astype(np.int64), tag.astype(np.int64)
        count = int(self.channel.max()) + 1 if len(channel) else 0
        self.highest = np.zeros(count + 1, np.int64)
        np.maximum.at(self.highest, self.channel, self.tag)
        self.base = np.concatenate([[0], np.cumsum(self.highest + 1)[:-1]])
        self.total = int((self.highest + 1).sum())
        self.dense = self.total <= DENSE_FACTOR * len(channel) + DENSE_LEAST

    @cached_property
    def _table(self) -> Array:
        table = np.full(self.total, -1, np.int32)
        places = self.base[self.channel] + self.tag
        table[places[::-1]] = np.arange(len(places), dtype=np.int32)[::-1]
        table[self.base] = -1
        return table

    @cached_property
    def _finder(self) -> Finder:
        return Finder(np.where(self.tag > 0, self.channel << 32 | self.tag, -1))

    def find(self, channel: Array, tag: Array) -> Array:
        """Return the row of each (channel, tag), -1 where there is none."""
        wide_channel, wide_tag = channel.astype(np.int64), tag.astype(np.int64)
        if not self.dense:
            return self._finder.find(wide_channel << 32 | wide_tag)
        known = wide_channel < len(self.highest) - 1
        safe = np.where(known, wide_channel, len(self.highest) - 1)
        known &= wide_tag <= self.highest[safe]
        return self._table[np.where(known, self.base[safe] + wide_tag, 0)]


@dataclass(frozen=True)
class Answers:
    """For each row the number of the answer that settled it, -1 for none, and its time."""

    by: Array
    time: Array


def answered(rows: Tags, answers: dict[str, Array]) -> Answers:
    """Match answers (channel, tag, multiple, time) to the rows that they settle.

    A single answer settles its row; a `multiple` one every row of its channel up to its tag that no
    single answer settled and no `multiple` one before it.
    """
    count = len(rows.tag)
    by = np.full(count, -1, np.int64)
    single = np.flatnonzero(~answers["multiple"])
    found = rows.find(answers["channel"][single], answers["tag"][single])
    hit = found >= 0
    by[found[hit][::-1]] = single[hit][::-1]  # Of several answers the first one counts.
    many = np.flatnonzero(answers["multiple"])
    if len(many):
        open_ = np.flatnonzero((by < 0) & (rows.tag > 0))
        by[open_] = _first_covering(rows.channel[open_], rows.tag[open_], answers, many)
    time = np.where(by >= 0, answers["time"][by] if len(answers["time"]) else -1, -1)
    return Answers(by, time)


def _first_covering(channel: Array, tag: Array, answers: dict[str, Array], many: Array) -> Array:
    """Return for each (channel, tag) the first `multiple` answer whose range holds it."""
    many = many[np.lexsort((answers["time"][many], answers["channel"][many]))]
    keys = answers["channel"][many].astype(np.int64) << 32 | answers["tag"][many].astype(np.int64)
    before = np.concatenate([[-1], np.maximum.accumulate(keys)[:-1]])
    rising = keys > before
    keys, many = keys[rising], many[rising]
    place = np.searchsorted(keys, channel << 32 | tag)
    inside = place < len(keys)
    safe = np.where(inside, place, 0)
    same = inside & (keys[safe] >> 32 == channel)
    return np.where(same, many[safe], -1)
