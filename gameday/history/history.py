"""The history of one scope: attempts, deliveries and copies, joined and judged.

`build_history` is the way from ledgers to columns; checks, reports and the export read nothing
else. Columns are NumPy arrays, a row of one table names rows of another by number. `frame` gives
any table as a data frame for charts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gameday.contracts.model import Contract
from gameday.history.attempts import Attempts, build_attempts
from gameday.history.copies import Copies, CopyIndex, build_copies, index_copies
from gameday.history.deliveries import Deliveries, build_deliveries
from gameday.history.gather import Gathered, Names, gather
from gameday.history.join import distinct
from gameday.history.ledger import Ledger
from gameday.history.links import Links, build_links
from gameday.history.records import Flag, Kind
from gameday.history.roles import Roles
from gameday.history.verdicts import judged

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class History:
    """All that the clients of one scope did and saw."""

    scope: str
    gathered: Gathered
    links: Links
    attempts: Attempts
    deliveries: Deliveries
    copies: Copies
    index: CopyIndex
    roles: Roles

    @property
    def names(self) -> Names:
        """The values that queue, route and reason numbers stand for."""
        return self.gathered.names

    @cached_property
    def queues(self) -> tuple[str, ...]:
        """The queues' names by their numbers."""
        return tuple(str(name) for name in self.names.list("queue"))

    def queue_number(self, name: str) -> int:
        """Return a queue's number, -1 for one that nobody named."""
        return self.queues.index(name) if name in self.queues else -1

    @cached_property
    def messages(self) -> tuple[Array, Array]:
        """Return the messages' keys, sorted, and for each attempt the place of its message."""
        keys = distinct(self.attempts.message)
        return keys, np.searchsorted(keys, self.attempts.message)

    @cached_property
    def finals(self) -> Array:
        """For each queue's number, the number of the queue where its copies are consumed."""
        return np.array([self.queue_number(self.roles.final(name)) for name in self.queues] + [-1])

    @cached_property
    def foreign(self) -> Array:
        """The deliveries of messages that no ledger of this scope holds."""
        flagged = (self.deliveries.flags & Flag.SEEN_FOREIGN) > 0
        return np.flatnonzero((self.deliveries.attempt < 0) | flagged)

    @property
    def dropped(self) -> int:
        """How many messages fell due and were never handed to the client library."""
        return len(self.gathered.of(Kind.DROPPED)["time"])


def build_history(
    scope: str, ledgers: Sequence[Ledger], contract: Contract | None, *, drain_complete: bool
) -> History:
    """Join and judge the ledgers of one scope; a control has no contract."""
    gathered = gather(ledgers)
    links = build_links(gathered)
    attempts = build_attempts(gathered, links, unsafe_is_ok=contract is None)
    deliveries = build_deliveries(gathered, attempts)
    roles = Roles(contract)
    index = index_copies(attempts, deliveries, gathered.names)
    copies = build_copies(index, attempts, deliveries, gathered.names, roles)
    copies = judged(copies, drain_complete=drain_complete)
    return History(scope, gathered, links, attempts, deliveries, copies, index, roles)


def frame(table: Attempts | Deliveries | Copies) -> pd.DataFrame:
    """Return a table as a data frame, a column for each of its fields."""
    return pd.DataFrame({each.name: getattr(table, each.name) for each in fields(table)})
