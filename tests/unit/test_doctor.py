"""What the doctor says, against a machine that really lacks the thing."""

import errno
import io
import socket
from pathlib import Path

import pytest
from rich.console import Console

from gameday.clusters import balancer
from scenarios import doctor, machine, programs
from scenarios.finding import Finding, Level, limited, missing, optional, ready


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a state folder of its own."""
    monkeypatch.setenv("GAMEDAY_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder as the only one on the PATH, and nothing in the user's cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GAMEDAY_TOXIPROXY", raising=False)
    return folder


def test_a_missing_program_comes_with_its_remedy(bare_path: Path) -> None:
    """Without Toxiproxy no game day runs, and the remedy is one command."""
    finding = programs.toxiproxy()

    assert (finding.level, finding.remedy) == (Level.MISSING, "make setup")


def test_a_program_that_does_not_run_is_missing(bare_path: Path) -> None:
    """A Toxiproxy that is there and cannot be run does not count as found."""
    broken = bare_path / "toxiproxy-server"
    broken.write_text("#!/nowhere\n")
    broken.chmod(0o755)

    finding = programs.toxiproxy()

    assert finding.level is Level.MISSING
    assert "does not run" in finding.found


@pytest.mark.parametrize("probe", [programs.go, programs.chromium, programs.docker, programs.redis])
def test_what_a_game_day_can_do_without_is_optional(bare_path: Path, probe: doctor.Probe) -> None:
    """The absence of a helper never keeps a game day from running."""
    assert probe().level is Level.OPTIONAL


def test_a_missing_balancer_is_optional(bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without HAProxy everything else goes on; one that does not run is a fault of the machine."""
    monkeypatch.setattr(balancer, "PLACES", ())
    assert programs.haproxy().level is Level.OPTIONAL
    broken = bare_path / "haproxy"
    broken.write_text("#!/nowhere\n")
    broken.chmod(0o755)

    assert programs.haproxy().level is Level.MISSING


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that listens in the pinned block is seen, and the port is said."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("GAMEDAY_PORT_BASE", str(port))

        finding = machine.ports()

    assert finding.level is Level.MISSING
    assert f"port {port} on 127.0.0.1" in finding.found


def test_a_free_block_is_given_back() -> None:
    """Probing the ports twice finds the same block, for the first look let go of it."""
    assert machine.ports() == machine.ports()


def test_every_link_has_an_address() -> None:
    """Each loopback address of the links can be bound here."""
    assert machine.loopback().level is Level.READY


def test_a_small_container_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The container's limit counts, not the memory of the machine around it."""
    limit = tmp_path / "memory.max"
    limit.write_text(f"{512 * 2**20}\n")
    monkeypatch.setattr(machine, "CGROUP_MEMORY", limit)

    assert machine.memory().level is Level.LIMITED


def test_nothing_is_left_at_first() -> None:
    """A state folder that does not exist holds no leftovers."""
    assert machine.leftovers().level is Level.READY


def test_a_probe_that_stumbles_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses a probe is said in the table, not in a traceback."""

    def full() -> Finding:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(doctor, "PROBES", (full,))
    [finding] = doctor.doctor()

    assert (finding.name, finding.level) == ("full", Level.MISSING)
    assert "No space left on device" in finding.found


@pytest.mark.parametrize(
    ("finding", "able"),
    [
        (ready("a", "b"), True),
        (limited("a", "b", "c"), True),
        (optional("a", "b", "c"), True),
        (missing("a", "b", "c"), False),
    ],
)
def test_only_what_is_missing_stops_a_run(finding: Finding, able: bool) -> None:
    """A limited machine may run; one that lacks something needed may not."""
    assert doctor.can_run([ready("x", "y"), finding]) is able


def test_the_table_shows_text_as_it_is() -> None:
    """Brackets in a finding are text, and what is missing is summed up by name."""
    paper = io.StringIO()

    doctor.render([missing("ports", "taken by [red]x", "free it")], Console(file=paper, width=80))

    assert "taken by [red]x" in paper.getvalue()
    assert "cannot run a game day yet: ports" in paper.getvalue()
