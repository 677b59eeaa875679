"""Documents that cannot rot: what they list is what the code has, in both directions."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from chaos.catalogue import KINDS
from gameday.history.checks import CHECKS, HARNESS
from scenarios.suites import scenario_names
from tests.fakes import BUGS
from tests.mutants.test_families import FAMILIES as WRITTEN_FAMILIES
from tests.mutants.test_migration_mutants import FAMILIES as MIGRATION_FAMILIES
from tests.mutants.test_mutants import FAMILIES
from tests.write_faults import DOCUMENT, catalogue, document, live_tests, recipes_of, seen_by_broker

ROOT = Path(__file__).parent.parent
CATALOGUE = ROOT / "docs" / "catalogue.md"
RECORD = ROOT / "docs" / "track-record.md"
EXIT_CODES = {"0", "1", "2", "3", "4", "5", "130"}

CLAIMS = (
    *(claims for _, claims in (*FAMILIES, *MIGRATION_FAMILIES)),
    *(family.claims for family in WRITTEN_FAMILIES),
)

LISTED: dict[str, tuple[Path, Iterable[str]]] = {
    "Scenarios": (CATALOGUE, scenario_names()),
    "Faults": (CATALOGUE, KINDS),
    "Checks": (CATALOGUE, {**CHECKS, **HARNESS}),
    "Mutants": (
        RECORD,
        [name for claims in CLAIMS for name in claims],
    ),
    "A broker or a client that misbehaves": (RECORD, BUGS),
}


def section(path: Path, heading: str) -> str:
    """Return the text below a second-level heading, to the next one."""
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no section {heading!r}: write it"
    return found[1]


def names_in(text: str) -> set[str]:
    """Return what stands in code font in the first column of the tables of a text."""
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize("heading", LISTED)
def test_tables_list_what_there_is(heading: str) -> None:
    """Every scenario, fault, check, mutant and bug has a row, and every row has one."""
    path, there = LISTED[heading]
    known, written = set(there), names_in(section(path, heading))

    assert not known - written, f"add to {path.name}, {heading}: {sorted(known - written)}"
    assert not written - known, f"take out of {path.name}, {heading}: {sorted(written - known)}"


def test_the_readme_explains_every_exit_code() -> None:
    """The README's table of exit codes has all of them and no other."""
    rows = names_in(section(ROOT / "README.md", "Exit codes"))

    assert rows == EXIT_CODES


def test_the_faults_document_is_the_codes() -> None:
    """docs/faults.md is what the docstrings, the live tests and the recorded runs make of it."""
    written = DOCUMENT.read_text(encoding="utf-8")

    assert written == document(), "run `python -m tests.write_faults`"


def test_the_catalogues_rules_are_the_codes() -> None:
    """What the catalogue says that a fault must have met, and of controls, is what checks ask."""
    written = CATALOGUE.read_text(encoding="utf-8")

    assert written == catalogue(), "run `python -m tests.write_faults`"


def test_every_fault_says_what_the_broker_sees() -> None:
    """No fault leaves that column empty, nor its proofs of effect and of healing."""
    faults = [fault for kind, fault in KINDS.items() if kind != "nothing"]
    mute = [each.__name__ for each in faults if not seen_by_broker(each)]
    unproven = [
        each.__name__
        for each in faults
        if not getattr(each, "observe", each).__doc__ or not recipes_of(each)
    ]

    assert not mute, f"write a second paragraph in the docstrings of {mute}"
    assert not unproven, f"write what proves that {unproven} took effect and healed"


PLAYED = {"Nothing"}
"""What breaks nothing at all; whole runs play it."""


def test_every_fault_has_a_live_test() -> None:
    """Each fault of the catalogue is used by a test on a real cluster."""
    without = {fault.__name__ for fault in KINDS.values()} - PLAYED - live_tests().keys()

    assert not without, f"write a live test in tests/live/test_chaos_*.py for {sorted(without)}"


def links_of(path: Path) -> list[str]:
    """Return a document's links to files of the repository."""
    found = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    return [link for link in found if "://" not in link]


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link of a document to a file leads to a file."""
    dead = [link for link in links_of(path) if not (path.parent / link).exists()]

    assert not dead, f"{path.name}: mend or delete {dead}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(path: Path) -> None:
    """Every `make` target that a document names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8")))

    assert named <= known, f"{path.name} names {sorted(named - known)}, which the Makefile lacks"


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned() -> None:
    """constraints.txt pins each dependency of pyproject.toml to one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
        *project["build-system"]["requires"],
    ]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonical(line.split("==")[0]) for line in lines if "==" in line}
    names = {canonical(re.split(r"[\[<>=!~; ]", each)[0]) for each in wanted}

    assert not names - pinned, f"run `make constraints`: {sorted(names - pinned)} are not pinned"


def test_constraints_name_no_index() -> None:
    """Every line pins one name to one version, or is a comment; none names an address."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"#[^:]*|[A-Za-z0-9._-]+==[\w.+!]+", line)]

    assert not odd, f"constraints.txt pins versions and nothing else; delete {odd}"
