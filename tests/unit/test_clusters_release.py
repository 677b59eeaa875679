"""Finding brokers and Toxiproxy: installed, in a plain folder, in a tree, or not at all."""

from pathlib import Path

import pytest

from gameday.clusters.nodes import complaint
from gameday.clusters.release import Release, find_release
from gameday.clusters.toxiproxy import find_binary
from gameday.errors import UsageError


def plain(folder: Path, version: str) -> Path:
    """Lay out a generic-unix broker."""
    (folder / "sbin").mkdir(parents=True)
    (folder / "sbin" / "rabbitmq-server").touch()
    (folder / "plugins" / f"rabbit-{version}").mkdir(parents=True)
    return folder


def tree(folder: Path, version: str) -> Path:
    """Lay out a Debian tree with a broker in it."""
    plain(folder / "usr/lib/rabbitmq/lib" / f"rabbitmq_server-{version}", version)
    return folder


def test_plain_folder_runs_as_it_is(tmp_path: Path) -> None:
    """A generic-unix folder is a broker with its own scripts, and nothing is mounted."""
    found = find_release(str(plain(tmp_path / "rabbit", "3.13.7")))
    assert (found.version, found.tree) == ("3.13.7", None)
    assert found.script("rabbitmqctl") == f"{tmp_path}/rabbit/sbin/rabbitmqctl"
    assert found.enter(tmp_path) == []


def test_tree_is_entered_in_a_mount_namespace_of_its_own(tmp_path: Path) -> None:
    """A Debian tree's scripts are named as they are called inside it."""
    found = find_release(str(tree(tmp_path / "forky", "4.3.6")))
    assert (found.version, found.major_minor, found.tree) == ("4.3.6", (4, 3), tmp_path / "forky")
    assert found.script("x").startswith("/usr/lib/rabbitmq/lib/rabbitmq_server-4.3.6/sbin/")
    assert found.enter(tmp_path)[0] == "unshare"
    assert found.inside(tmp_path, tmp_path / "logs") == "/mnt/logs"


def test_version_finds_a_fetched_tree_but_not_half_of_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A version names a tree in the cache by its beginning; one still being fetched is none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GAMEDAY_BROKER_4_3", raising=False)
    tree(tmp_path / "gameday/brokers/.new.abc", "4.9.1")
    tree(tmp_path / "gameday/brokers/4.9.10", "4.9.10")
    assert find_release("4.9").version == "4.9.10"
    with pytest.raises(UsageError, match=r"broker 4\.9\.1: not fetched — run with: make brokers"):
        find_release("4.9.1")


def test_folder_without_a_broker_is_refused(tmp_path: Path) -> None:
    """A path that is no broker, or no folder, is one sentence with the path."""
    with pytest.raises(UsageError, match=f"broker {tmp_path}: neither"):
        find_release(str(tmp_path))
    with pytest.raises(UsageError, match="there is no such folder"):
        find_release(str(tmp_path / "none"))


def test_toxiproxy_is_found_or_the_remedy_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The binary is looked for on the PATH, in the environment, in the cache; else `make setup`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GAMEDAY_TOXIPROXY", raising=False)
    with pytest.raises(UsageError, match="make setup"):
        find_binary()
    for place in ("gameday/bin/toxiproxy-server", "named", "toxiproxy-server"):
        binary = tmp_path / place
        binary.parent.mkdir(parents=True, exist_ok=True)
        binary.touch(mode=0o755)
        monkeypatch.setenv("GAMEDAY_TOXIPROXY", str(tmp_path / "named"))
        assert find_binary() == binary


def test_complaint_is_what_the_node_said_first(tmp_path: Path) -> None:
    """The reason stands at the beginning of a node's errors, not at the end of its log."""
    log = tmp_path / "console.log"
    log.write_text(
        "2026-11-22 14:07:03.4+00:00 [error] <0.143.0> You've tried to set no.such.setting\n"
        "2026-11-22 14:07:03.5+00:00 [error] <0.143.0> \n"
        "2026-11-22 14:07:03.6+00:00 [error] <0.143.0> BOOT FAILED\n"
        "Crash dump is being written to: /dev/null...done\n",
    )
    assert complaint(log) == "You've tried to set no.such.setting; BOOT FAILED"
    log.write_text("unshare: Operation not permitted\n")
    assert complaint(log) == "unshare: Operation not permitted"


def test_plugins_are_looked_for_where_the_release_lies(tmp_path: Path) -> None:
    """In its own folder, or in that folder of its tree; a longer name is another plugin."""
    for root in (tmp_path / "plain", tmp_path / "tree" / "opt" / "broker"):
        (root / "plugins" / "rabbitmq_shovel_management-4.3.6").mkdir(parents=True)
    plain = Release("4.3.6", tmp_path / "plain" / "sbin")
    tree = Release("4.3.6", Path("/opt/broker/sbin"), tmp_path / "tree")

    for release in (plain, tree):
        assert release.has_plugin("rabbitmq_shovel_management")
        assert not release.has_plugin("rabbitmq_shovel")
