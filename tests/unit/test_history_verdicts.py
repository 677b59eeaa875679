"""The verdict on a copy: whole columns against the rules for one copy at a time."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gameday.history.copies import Copies
from gameday.history.outcomes import Outcome
from gameday.history.records import Disposition
from gameday.history.verdicts import MEANINGS, Verdict, judge

FLAGS = (
    "routed", "superseded", "seen", "acked", "rejected", "drained", "dead_lettered",
    "death_as_expected", "may_be_discarded", "rests",
)  # fmt: skip
COPY = st.fixed_dictionaries({
    "status": st.sampled_from(list(Outcome)),
    "disposition": st.sampled_from(list(Disposition)),
    **{name: st.booleans() for name in FLAGS},
})  # fmt: skip


def judge_one(  # noqa: C901, PLR0911  # The rules as they are told, one after another.
    copy: SimpleNamespace, *, drain_complete: bool
) -> str:
    """Judge one copy by the rules of docs/semantics.md."""
    if not copy.routed:
        return "phantom"
    if copy.status in {Outcome.RETURNED, Outcome.FAIL}:
        return "phantom" if copy.seen else "refused"
    if copy.superseded:
        return "retried"
    if copy.disposition != Disposition.ACK or copy.rejected or copy.dead_lettered:
        return judge_one_dead_letter(copy, drain_complete=drain_complete)
    if not copy.seen:
        if copy.status != Outcome.OK:
            return "absent_indeterminate"
        if copy.may_be_discarded:
            return "declared_discard"
        return "lost" if drain_complete else "unknown"
    if copy.acked:
        return "delivered" if copy.status == Outcome.OK else "recovered"
    if copy.drained:
        return "kept" if copy.rests else "left_over"
    if not drain_complete:
        return "unknown"
    return "lost_after_delivery" if copy.status == Outcome.OK else "unsettled_indeterminate"


def judge_one_dead_letter(copy: SimpleNamespace, *, drain_complete: bool) -> str:
    """Judge a copy that died, or should have."""
    expected = copy.disposition != Disposition.ACK or copy.rejected
    if copy.dead_lettered:
        if not expected:
            return "dlq_unexpected"
        return "dead_lettered" if copy.death_as_expected else "dlq_wrong"
    if not drain_complete:
        return "unknown"
    owed = copy.status == Outcome.OK or copy.rejected
    return "dlq_missing" if owed else "absent_indeterminate"


@given(st.lists(COPY, max_size=40), st.booleans())
def test_columns_judge_as_one_by_one(copies: list[dict[str, object]], complete: bool) -> None:
    """Judging whole columns gives each copy the verdict that it gets alone."""
    columns = {
        each.name: np.array([copy.get(each.name, 0) for copy in copies], dtype=np.int64).astype(
            bool if each.name in FLAGS else np.int64
        )
        for each in fields(Copies)
    }

    verdicts = judge(Copies(**columns), drain_complete=complete)
    found = [Verdict(int(each)).name.lower() for each in verdicts]

    assert [judge_one(SimpleNamespace(**copy), drain_complete=complete) for copy in copies] == found


def test_every_verdict_has_a_meaning() -> None:
    """Each verdict that a report can show is explained."""
    assert set(Verdict) == set(MEANINGS)
