"""The journal: chained, readable after a crash, and without secrets."""

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.journal import FIRST, Journal, read, verify
from chaos.redaction import MASK, Redactor
from gameday.errors import HarnessError

SENTINEL = "s3ntinel/pass word"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal of a test is."""
    return tmp_path / "journal.jsonl"


def written(path: Path, count: int = 4) -> list[str]:
    """Write some lines, and return them as they stand in the file."""
    journal = Journal(path)
    for number in range(count):
        journal.append("phase", name=f"phase {number}", at="begin")
    journal.close()
    return path.read_text().splitlines(keepends=True)


def test_lines_are_numbered_and_chained(path: Path) -> None:
    """Each line names the hash of the line before it."""
    written(path)

    lines = read(path)

    assert [line["n"] for line in lines] == [1, 2, 3, 4]
    assert [FIRST, *(line["hash"] for line in lines[:-1])] == [line["previous"] for line in lines]
    assert verify(path) == []


def test_two_writers_keep_one_chain(path: Path) -> None:
    """Two journals on one file, each used by two threads, never break the chain."""
    journals = [Journal(path), Journal(path)]

    def write(journal: Journal) -> None:
        for _ in range(20):
            journal.append("phase", name="steady", at="begin")

    threads = [threading.Thread(target=write, args=(each,)) for each in journals * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verify(path) == []
    assert len(read(path)) == 80


@pytest.mark.parametrize("line", [0, 1, 3])
def test_a_changed_line_is_found(path: Path, line: int) -> None:
    """A single changed word anywhere is named with its line."""
    lines = written(path)
    lines[line] = lines[line].replace('"begin"', '"ended"')
    path.write_text("".join(lines))

    assert any(f"line {line + 1}" in sentence for sentence in verify(path))


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_removed_line_is_found(path: Path, line: int) -> None:
    """A line that is missing from the middle or the beginning breaks the chain."""
    lines = written(path)
    del lines[line]
    path.write_text("".join(lines))

    assert verify(path) != []


def test_a_line_with_a_new_hash_of_its_own_is_found(path: Path) -> None:
    """Who changes a line and seals it again breaks the chain at the next line."""
    lines = written(path)
    forged = Journal(path.with_name("forged.jsonl"))
    forged.append("phase", name="forged", at="begin")
    lines[0] = path.with_name("forged.jsonl").read_text()
    path.write_text("".join(lines))

    assert any("line 2" in sentence for sentence in verify(path))


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(min_value=1, max_value=200))
def test_a_torn_line_is_not_read_and_cut_off_by_the_next_writer(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """However a crash tears the last line, what was before it is read and the chain goes on."""
    path = tmp_path_factory.mktemp("torn") / "journal.jsonl"
    lines = written(path, 3)
    os.truncate(path, path.stat().st_size - min(cut, len(lines[-1]) - 1))

    assert len(read(path)) == 2

    Journal(path).append("phase", name="after", at="begin")
    assert [line["name"] for line in read(path)] == ["phase 0", "phase 1", "after"]
    assert verify(path) == []


def test_a_long_last_line_is_found_again(path: Path) -> None:
    """A line longer than the window that is read first is still chained to."""
    journal = Journal(path)
    journal.append("health", detail="x" * 300_000)
    journal.append("health", detail="y")

    assert verify(path) == []


def test_no_secret_reaches_the_file(path: Path) -> None:
    """A secret is masked by its value, in URLs, under telling names, in keys and deep inside."""
    journal = Journal(path, Redactor(frozenset({SENTINEL})))
    journal.append(
        "health",
        detail=f"dialling amqp://gameday:other-secret@127.0.0.1:5672/ with {SENTINEL}",
        views={"r1": [f"cookie is {SENTINEL}"], f"key {SENTINEL}": 1},
        evidence={"password": "not announced", "Authorization": "Basic Z2FtZWRheQ=="},
    )

    text = path.read_text()
    for secret in (SENTINEL, "other-secret", "not announced", "Z2FtZWRheQ"):
        assert secret not in text
    assert f"amqp://{MASK}@127.0.0.1:5672/" in text
    assert verify(path) == []


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    """A journal that cannot be opened says which file and why."""
    with pytest.raises(HarnessError, match=r"journal\.jsonl cannot be written"):
        Journal(tmp_path / "nowhere" / "journal.jsonl")


def test_a_line_holds_what_was_given(path: Path) -> None:
    """Fields come back as they were written, beside the clock readings."""
    Journal(path).append("counts", messages={"builds": 0, "deployments": 3})

    line = json.loads(path.read_text())
    assert line["messages"] == {"builds": 0, "deployments": 3}
    assert line["time_ns"] > 0
    assert line["wall"].endswith("+00:00")
