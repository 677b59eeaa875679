"""The tree's promises, executable. Each message says what is wrong, where, and what to do.

Limits are hard stops, not aims (docs/design.md). Rules look at the source with `ast`, so what
they forbid may be spoken of in comments and strings.
"""

import ast
import importlib.util
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("gameday", "chaos", "loadtests", "reports", "scenarios")
FILE_LINES = 300
FUNCTION_LINES = 50

ALLOWED: dict[str, set[str]] = {
    "gameday.errors": set(),
    "gameday.secured": {"gameday.errors"},
    "gameday.contracts": {"gameday.errors"},
    "gameday.history": {"gameday.contracts"},
    "gameday.clusters": {"gameday.contracts", "gameday.secured"},
    "gameday.traffic": {"gameday.contracts", "gameday.history", "gameday.secured"},
    "chaos": {"gameday.clusters"},
    "loadtests": {"gameday.traffic"},
    "reports": {"gameday.contracts", "gameday.history"},
    "scenarios": {"gameday.clusters", "gameday.traffic", "chaos", "reports"},
}
"""What each room may import, besides itself and what those rooms may import."""

STARTED: dict[str, str] = {
    "scenarios/cli.py": "the command `gameday`, pyproject.toml",
    "scenarios/__main__.py": "`python -m scenarios`",
}
"""Files that nobody imports because something else starts them, and what does."""

SLEEPERS = ("gameday/clusters/wait.py", "gameday/traffic/", "loadtests/")
CATCHERS = ("scenarios/run.py", "gameday/history/checks/__init__.py")

# Written in two parts, so that this file does not hold what it forbids.
HOSTS = [
    first + second
    for first, second in (
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("proxy.golang", ".org"),
        ("deb.debian", ".org"),
        ("archive.ubuntu", ".com"),
        ("registry.np", "mjs.org"),
        ("repo1.ma", "ven.org"),
        ("repo.ma", "ven.apache"),
    )
]
FOLDERS = ["/wor" + f"k/{name}" for name in ("main", "notes", "shared", "steering", ".library")]
BY_NAME = ["pk" + "ill ", "kill" + "all "]


@dataclass(frozen=True)
class Source:
    """One Python file: its path below the root, and what it says."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """The name by which others import it."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def room(self) -> str:
        """The room that it lies in."""
        return room_of(self.module)

    def nodes(self) -> Iterator[ast.AST]:
        """Every node of its syntax tree."""
        return ast.walk(parsed(self.text))


@cache
def parsed(text: str) -> ast.Module:
    """Return the syntax tree of a source text."""
    return ast.parse(text)


@cache
def sources() -> tuple[Source, ...]:
    """Return every Python file of the product."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    kept = [path for path in paths if "reports/runs" not in path.as_posix()]
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in kept
    )


def room_of(module: str) -> str:
    """Return the room of a module's name, empty when it is none of ours."""
    return next((room for room in ALLOWED if f"{module}.".startswith(f"{room}.")), "")


def imported(source: Source) -> Iterator[str]:
    """Every module that a file imports, `from a import b` both as `a` and as `a.b`."""
    for node in source.nodes():
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may_import(room: str) -> set[str]:
    """Return every room that a room may import."""
    reached = {room}
    while more := {far for near in reached for far in ALLOWED[near]} - reached:
        reached |= more
    return reached


def stray_imports(source: Source) -> Iterator[str]:
    """Yield imports against the one way, and Locust anywhere but in its own room."""
    for name in sorted(set(imported(source))):
        room = room_of(name)
        if source.room and room and room not in may_import(source.room):
            yield (
                f"{source.path} imports {name}: {source.room} may import "
                f"{', '.join(sorted(may_import(source.room) - {source.room}))}; move the shared "
                "part down, or hand it in as an argument"
            )
        if name.split(".")[0] == "locust" and source.room != "loadtests":
            yield (
                f"{source.path} imports locust, which patches the standard library: only "
                "loadtests/ may; start it as a child process"
            )


def too_long(source: Source) -> Iterator[str]:
    """Files and functions beyond the hard stops."""
    length = len(source.text.splitlines())
    if length > FILE_LINES:
        yield f"{source.path} has {length} lines: split it at its seam; {FILE_LINES} is the stop"
    for node in source.nodes():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield (
                    f"{source.path}:{node.lineno} {node.name} has {lines} lines: give its parts "
                    f"names of their own; {FUNCTION_LINES} is the stop"
                )


def bare_sleeps(source: Source) -> Iterator[str]:
    """Sleeping instead of waiting for a condition."""
    if source.path.startswith(SLEEPERS):
        return
    for node in source.nodes():
        called = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "sleep"
        named = isinstance(node, ast.ImportFrom) and "sleep" in {each.name for each in node.names}
        if called or named:
            yield (
                f"{source.path}:{node.lineno} sleeps: wait for a condition with "  # type: ignore[attr-defined]
                "gameday.clusters.wait.wait_until"
            )


def catch_alls(source: Source) -> Iterator[str]:
    """Handlers that would hide a defect of ours."""
    if source.path in CATCHERS:
        return
    for node in source.nodes():
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = "everything" if node.type is None else ast.unparse(node.type)
        if caught == "everything" or re.search(r"\b(Base)?Exception\b", caught):
            yield (
                f"{source.path}:{node.lineno} catches {caught}: name what can happen there; only "
                f"{' and '.join(CATCHERS)} may catch all"
            )


RULES: dict[str, Callable[[Source], Iterator[str]]] = {
    "imports flow one way": stray_imports,
    "files and functions stay small": too_long,
    "nobody sleeps": bare_sleeps,
    "nobody catches all": catch_alls,
}


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str) -> None:
    """Every file of the product keeps the rule."""
    broken = [sentence for source in sources() for sentence in RULES[name](source)]

    assert not broken, "\n".join(broken)


DAMAGE = {
    "imports flow one way": [
        ("gameday/history/x.py", "from gameday.traffic import publisher"),
        ("gameday/contracts/x.py", "import gameday.history.run"),
        ("chaos/x.py", "def late():\n    from scenarios import run"),
        ("scenarios/x.py", "from locust import User"),
        ("scenarios/x.py", "import loadtests._gameday"),
    ],
    "files and functions stay small": [
        ("chaos/x.py", "x = 1\n" * 301),
        ("chaos/x.py", "def long():\n" + "    x = 1\n" * 50),
    ],
    "nobody sleeps": [
        ("chaos/x.py", "import time\ntime.sleep(1)"),
        ("scenarios/x.py", "from time import sleep as pause"),
        ("gameday/clusters/x.py", "import gevent\ngevent.sleep(0)"),
    ],
    "nobody catches all": [
        ("chaos/x.py", "try: pass\nexcept Exception: pass"),
        ("chaos/x.py", "try: pass\nexcept (OSError, BaseException): pass"),
        ("chaos/x.py", "try: pass\nexcept: pass"),
    ],
}


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [(name, *case) for name, cases in DAMAGE.items() for case in cases],
)
def test_rule_can_fail(name: str, path: str, text: str) -> None:
    """Each rule sees the damage that it is there for."""
    assert list(RULES[name](Source(path, text)))


def unused(files: tuple[Source, ...]) -> list[str]:
    """Return files that no other imports, starts by its name, or is known to start."""
    wanted = {name for source in files for name in imported(source)}
    spoken = {
        node.value
        for source in files
        for node in source.nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return [
        f"{source.path}: nobody imports it; delete it, or use it (what is started from outside "
        "is listed in STARTED)"
        for source in files
        if source.module not in wanted | spoken
        and source.path not in STARTED
        and source.room != "loadtests"  # Locust loads whatever lies there.
        and not source.path.endswith("__init__.py")
    ]


def test_no_live_test_lies_elsewhere() -> None:
    """The live lanes of `make test` read tests/live alone: a live test elsewhere would not run."""
    marked = "mark." + "live"
    files = set((ROOT / "tests").rglob("test_*.py"))
    live = {path for path in files if (ROOT / "tests" / "live") in path.parents}
    stray = [path.name for path in files - live if marked in path.read_text(encoding="utf-8")]

    assert len(live) > 10
    assert not stray, f"move them into tests/live: {stray}"


def test_no_file_is_dead() -> None:
    """Every module is imported by another one of the product, or started by its name."""
    broken = unused(sources())

    assert not broken, "\n".join(broken)


def test_a_dead_file_is_seen() -> None:
    """A module that only a comment mentions counts as dead; one that is started does not."""
    files = (
        Source("chaos/dead.py", "x = 1"),
        Source("chaos/begun.py", "x = 1"),
        Source("scenarios/cli.py", "run('-m', 'chaos.begun')  # chaos.dead"),
    )

    assert [sentence.split(":")[0] for sentence in unused(files)] == ["chaos/dead.py"]


def stems_in_the_way(names: list[str]) -> list[str]:
    """Return Locust files that would shadow another module; Locust imports them by their stem."""
    return [
        f"loadtests/{name}.py: this name is taken; rename it, for Locust puts its folder first"
        for name in names
        if name in {"conftest", "tests", "shape", *ROOMS}
        or importlib.util.find_spec(name) is not None
    ]


def test_locust_files_are_in_nobodys_way() -> None:
    """No file in loadtests/ has a stem that is used twice or is importable elsewhere."""
    names = [path.stem for path in (ROOT / "loadtests").rglob("*.py") if path.stem != "__init__"]

    assert sorted(names) == sorted(set(names)), "two Locust files share a stem; rename one"
    assert not stems_in_the_way(names), "\n".join(stems_in_the_way(names))
    assert len(stems_in_the_way(["json", "conftest", "pika", "sparki_users"])) == 3


def foreign_lines(path: str, text: str) -> list[str]:
    """Return lines that tie us to one machine or index, or end other people's processes."""
    remedies = [
        (HOSTS, "names a registry's host; every machine has its own, leave it to its tools"),
        (FOLDERS, "names a folder of one machine; derive it, or take it from the environment"),
        (BY_NAME, "ends processes by their name; end what you started, by its id"),
    ]
    return [
        f"{path}:{number} {remedy}"
        for number, line in enumerate(text.splitlines(), start=1)
        for words, remedy in remedies
        if any(word in f"{line} " for word in words)
    ]


def tracked() -> list[str]:
    """Return every file that belongs to the repository, or will with the next commit."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git: this is no clone — run with: git clone, then make test-unit")
    return found.stdout.splitlines()


def test_the_repository_fits_every_machine() -> None:
    """No file names a registry's host or a folder of one machine, or kills by name."""
    broken = []
    for path in tracked():
        if (ROOT / path).is_file():
            text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
            broken += foreign_lines(path, text)

    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("word", [HOSTS[0], f"cd {FOLDERS[0]}/x", f"{BY_NAME[0]}-f beam"])
def test_a_foreign_line_is_seen(word: str) -> None:
    """A host, a folder of one machine, and ending by name are each found."""
    assert len(foreign_lines("x", f"first\n{word}\n")) == 1
