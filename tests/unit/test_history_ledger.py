"""Ledgers on disk: torn, killed, on a full disk, of another run; read to the last whole record."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.errors import HarnessError
from gameday.history.ledger import HEADER_BYTES, LedgerWriter, read_history, read_ledger
from gameday.history.records import RECORD_BYTES, Kind, pack_attempt, unpack_attempt

WRITER = """
import sys
from pathlib import Path
from gameday.history.ledger import LedgerWriter
writer = LedgerWriter(Path(sys.argv[1]), "r", 1, "publisher")
number = 0
while True:
    number += 1
    writer.append(1, number, sequence=number, queue=writer.intern("route", {"n": number % 50}))
    if number == 1000:
        print("writing", flush=True)
"""
FULL = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))
from gameday.errors import HarnessError
from gameday.history.ledger import LedgerWriter
writer = LedgerWriter(Path(sys.argv[1]), "r", 1, "publisher")
try:
    for number in range(1, 400_000):
        writer.append(1, number)
except HarnessError as error:
    print(error)
    sys.exit(7)
"""

READER = """
import os, sys
from pathlib import Path
from gameday.history.ledger import HEADER_BYTES, read_records
records = read_records(Path(sys.argv[1]))
os.truncate(sys.argv[1], HEADER_BYTES)
print(records["sequence"].sum())
"""


def written(folder: Path, count: int = 10) -> Path:
    """Write a short ledger and return its path."""
    with LedgerWriter(folder, "r", 1, "publisher") as writer:
        for number in range(1, count + 1):
            writer.append(Kind.INVOKE, number, sequence=number, queue=writer.intern("route", "a"))
        return writer.path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Records and names come back as they were written."""
    ledger = read_ledger(written(tmp_path))

    assert list(range(1, 11)) == ledger.records["sequence"].tolist()
    assert ledger.tables == {"route": {0: "a"}}


@pytest.mark.parametrize("cut", [1, 17, 31])
def test_a_torn_record_is_no_record(cut: int, tmp_path: Path) -> None:
    """A file cut in the middle of its last record is read up to the one before."""
    path = written(tmp_path)
    os.truncate(path, HEADER_BYTES + 10 * RECORD_BYTES - cut)

    assert len(read_ledger(path).records) == 9


def test_a_record_without_its_kind_ends_the_ledger(tmp_path: Path) -> None:
    """The kind is written last: where it is missing, nothing that follows counts."""
    path = written(tmp_path)
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + 5 * RECORD_BYTES - 1)
        file.write(b"\0")

    assert len(read_ledger(path).records) == 4


def test_a_reader_outlives_the_cutting_of_the_file(tmp_path: Path) -> None:
    """What was read stays as it was when the writer cuts the file; a map would be a bus error."""
    done = subprocess.run(
        [sys.executable, "-c", READER, written(tmp_path, 1000)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.returncode
    assert done.stdout.strip() == str(sum(range(1, 1001)))


def test_a_torn_line_of_names_is_left_out(tmp_path: Path) -> None:
    """A name whose line a crash cut off is not there; the ones before are."""
    path = written(tmp_path)
    with path.with_suffix(".names.jsonl").open("a") as file:
        file.write('{"table": "route", "ind')

    assert read_ledger(path).tables == {"route": {0: "a"}}


def test_a_header_that_is_none_is_an_error(tmp_path: Path) -> None:
    """A file that is no ledger is named in one sentence."""
    path = tmp_path / "0001-x.ledger"
    path.write_bytes(b"hello")

    with pytest.raises(HarnessError, match="not a ledger"):
        read_ledger(path)


def test_kill_9_leaves_every_whole_record(tmp_path: Path) -> None:
    """A writer that is killed while it writes leaves a ledger without a gap."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)

    ledger = read_ledger(tmp_path / "0001-publisher.ledger")

    assert len(ledger.records) >= 1000
    assert list(range(1, len(ledger.records) + 1)) == ledger.records["sequence"].tolist()
    assert set(ledger.records["queue"].tolist()) <= set(ledger.tables["route"])


def test_a_full_disk_is_an_error_and_no_signal(tmp_path: Path) -> None:
    """Where there is no room, the writer says so in a sentence, and what stands is readable."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=False
    )

    assert done.returncode == 7, done.stderr
    assert "no room for the ledger" in done.stdout
    assert len(read_ledger(tmp_path / "0001-publisher.ledger").records) > 100_000


def test_two_ledgers_of_one_process_are_an_error(tmp_path: Path) -> None:
    """Two processes that share a number cannot be told apart."""
    written(tmp_path)
    LedgerWriter(tmp_path, "r", 1, "worker").close()

    with pytest.raises(HarnessError, match="two ledgers"):
        read_history(tmp_path)


def test_a_ledger_is_never_overwritten(tmp_path: Path) -> None:
    """A second writer of one name is refused."""
    written(tmp_path)

    with pytest.raises(HarnessError, match="cannot create"):
        written(tmp_path)


def test_packing_an_attempt_is_reversible() -> None:
    """A packed attempt gives back its process and count, at both ends of their ranges."""
    pairs = [(1, 0), (1, 63), (1023, 0), (1023, 63)]

    assert pairs == [unpack_attempt(pack_attempt(*pair)) for pair in pairs]
