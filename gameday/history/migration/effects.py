"""Where the workers of a scope keep which tasks took effect, and say that they could not."""

from contextlib import suppress
from pathlib import Path


def store_of(folder: Path, scope: str) -> Path:
    """Return the store of a scope, in a run folder."""
    return folder / "effects" / f"{scope}.sqlite"


def note_failure(store: Path, why: str) -> None:
    """Write down that an effect could not be kept, for the judge; what cannot be is let be."""
    with suppress(OSError), store.with_suffix(".failed").open("a", encoding="utf-8") as file:
        file.write(f"{why}\n")


def failures(folder: Path) -> list[str]:
    """Return, for each scope of a run folder whose effects could not be kept, the first reason."""
    found = []
    for path in sorted((folder / "effects").glob("*.failed")):
        first, *_ = [*path.read_text(encoding="utf-8").splitlines(), "no reason was written"]
        found.append(f"effects of {path.stem} could not be kept: {first}")
    return found
