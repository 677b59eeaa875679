"""What one record costs: `python bench/ledger.py [RECORDS]`."""

import sys
import tempfile
import time
from pathlib import Path

from _figures import figure, say_load

from gameday.history.ledger import LedgerWriter, read_ledger
from gameday.history.records import Kind

ROUNDS = 5


def append_many(folder: Path, count: int, process: int) -> tuple[float, Path]:
    """Append records as a publisher does; return ns each, and the file."""
    with LedgerWriter(folder, "bench", process, "bench") as ledger:
        append, clock = ledger.append, time.monotonic_ns
        begun = time.perf_counter_ns()
        for number in range(count):
            append(Kind.INVOKE, clock(), number, number, 250, 1, 3, 2, 64, 5, 3, 0)
        took = time.perf_counter_ns() - begun
    return took / count, ledger.path


def main() -> None:
    """Print the best round: the others say what the machine did besides."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    say_load()
    with tempfile.TemporaryDirectory() as name:
        rounds = [append_many(Path(name), count, number) for number in range(1, ROUNDS + 1)]
        begun = time.perf_counter()
        found = len(read_ledger(rounds[-1][1]).records)
        took_s = time.perf_counter() - begun
    assert found == count, f"{found} of {count} records were read back"
    figure("ledger_append", min(ns for ns, _ in rounds), "ns/record", "at most 3000")
    figure("ledger_read", found / took_s / 1e6, "million records/s", "at least 10")


if __name__ == "__main__":
    main()
