"""What dead starters left in the engine: whole projects, found by their records.

A project whose starter lives is no leftover. Where no engine answers, nothing of it runs: its
record is kept, and it is removed when an engine answers again.
"""

import shutil
from pathlib import Path

from gameday.clusters.compose_engine import Engine
from gameday.clusters.compose_record import ComposeRecord, recorded
from gameday.clusters.processes import is_alive
from gameday.errors import UsageError


def find_composed(state_dir: Path) -> list[ComposeRecord]:
    """Return every project that nobody owns any more."""
    return [each for each in recorded(state_dir) if not each.kept and not is_alive(each.owner)]


def remove_composed(record: ComposeRecord, engine: Engine) -> int:
    """Remove a project from its engine, then its folder; return how many containers there were."""
    count = engine.remove(record.project)
    shutil.rmtree(record.folder, ignore_errors=True)
    return count


def clean_composed(records: list[ComposeRecord]) -> list[str]:
    """Remove projects; return a sentence for each, also for those that have to wait."""
    sentences = []
    for record in records:
        try:
            engine = Engine()
        except UsageError as error:
            sentences.append(f"{record.title} wait until an engine answers: {error}")
            continue
        count = remove_composed(record, engine)
        sentences.append(f"removed {record.title}: {count} containers.")
    return sentences
