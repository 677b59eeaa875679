"""What the migration's sections are made of: the verdict's document, and the tasks behind it.

Text is made safe to show here, once, as for a game day (`reports/material.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gameday.errors import HarnessError, UsageError
from gameday.history.migration.folder import Migration, load_migration
from reports.material import clean, showable

Json = dict[str, Any]
REDIS = "redis"
KINDS = ("light", "saturation", "burst")
"""The loads without a fault, as every row has them."""
CALLED = {"light": "light load", "saturation": "saturation", "burst": "bursts"}
"""How a load is called in a sentence."""


@dataclass(frozen=True)
class Subject:
    """One migration to report on; `migration` is None where its records cannot be read."""

    folder: Path
    document: Json
    migration: Migration | None
    missing: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> list[Json]:
        """The rows, Redis first, as the manifest names them."""
        return list(self.document["rows"])

    @cached_property
    def candidate(self) -> str:
        """The id of the RabbitMQ row that the decision is about."""
        return str(self.document["candidate"])

    @cached_property
    def rules(self) -> Json:
        """The thresholds."""
        return dict(self.document["rules"]["thresholds"])

    def label(self, row: str) -> str:
        """Return how a row is called."""
        return next((str(each["label"]) for each in self.rows if each["id"] == row), row)

    def is_redis(self, row: str) -> bool:
        """Tell whether a row is Redis's."""
        return any(each["id"] == row and each["broker"] == REDIS for each in self.rows)

    def legs(self, *kinds: str) -> Iterator[Json]:
        """Yield the figures of the legs of some kinds, load by load, in the rows' order."""
        order = {str(row["id"]): place for place, row in enumerate(self.rows)}
        found = [leg for leg in self.document["table"] if leg["kind"] in kinds]
        loads = list(dict.fromkeys(leg["load"] for leg in found))
        yield from sorted(found, key=lambda leg: (kinds.index(leg["kind"]),
                                                  loads.index(leg["load"]),
                                                  order.get(leg["row"], 99)))  # fmt: skip

    def by_load(self, *kinds: str) -> dict[str, list[Json]]:
        """Return the figures of the legs of some kinds by their load."""
        found: dict[str, list[Json]] = {}
        for leg in self.legs(*kinds):
            found.setdefault(str(leg["load"]), []).append(leg)
        return found

    def criteria(self, check: str) -> list[Json]:
        """Return the criteria that a check made."""
        return [one for one in self.document["criteria"]
                if str(one["id"]).partition("/")[2].split("-")[0] == check]  # fmt: skip


def load_subject(folder: Path, document: Json) -> Subject:
    """Read the tasks behind a verdict, and say what cannot be read."""
    try:
        migration = load_migration(folder)
    except (HarnessError, UsageError) as error:
        return Subject(folder, clean(document), None, (showable(str(error)),))
    return Subject(folder, clean(document), migration, tuple(map(showable, migration.problems)))
