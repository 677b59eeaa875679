"""The guards: which targets, when to stop, and one run per target."""

import socket
from pathlib import Path

import pytest

from chaos.guard import Others, allow, allow_beside, resolve
from chaos.lock import target_lock
from chaos.stop import STOP_NAME, Host, Limits, guard, look_at_host, reasons, refuse_beyond_budget
from gameday.errors import HarnessError, UsageError

NAMES = {
    "127.0.0.1": ["127.0.0.1"],
    "127.0.12.1": ["127.0.12.1"],
    "localhost": ["::1", "127.0.0.1"],
    "::1": ["::1"],
    "::ffff:127.0.0.1": ["::ffff:127.0.0.1"],
    "::ffff:10.0.0.7": ["::ffff:10.0.0.7"],
    "127.0.0.1.evil.example": ["203.0.113.9"],
    "evil.example": ["203.0.113.9"],
    "alias.example": ["127.0.0.1"],
    "two-faced.example": ["127.0.0.1", "203.0.113.9"],
    "0.0.0.0": ["0.0.0.0"],  # noqa: S104
    "rabbit.internal": ["10.1.2.3"],
    "rabbit-prod.internal": ["10.1.2.4"],
    "product-tests.internal": ["10.1.2.5"],
    "public.example": ["93.184.216.34"],
}


def known(host: str, _port: int) -> list[str]:
    """Resolve by the table above."""
    return NAMES[host]


ALLOWED = [
    ("amqp://127.0.0.1:5672/%2f", "127.0.0.1"),
    ("amqp://gameday:p%40ss@127.0.12.1/x", "127.0.12.1"),
    ("amqp://localhost", "::1"),
    ("http://localhost.:15672", "::1"),
    ("amqp://[::1]:5672/", "::1"),
    ("amqp://[::ffff:127.0.0.1]/", "127.0.0.1"),
    ("amqp://alias.example/", "127.0.0.1"),
]


@pytest.mark.parametrize(("url", "address"), ALLOWED)
def test_loopback_is_allowed_and_pinned(url: str, address: str) -> None:
    """Whatever a loopback target is called, its address is what is dialled from then on."""
    assert address == allow(url, resolve=known).address


REFUSED = [
    ("amqp://evil.example/", "is not on this machine"),
    ("amqp://127.0.0.1@evil.example/", "evil.example is not on this machine"),
    ("amqp://127.0.0.1:5672@evil.example:5672/", "evil.example is not on this machine"),
    ("amqp://user:p@127.0.0.1@evil.example/", "two ways"),
    ("amqp://evil.example\\@127.0.0.1/", "two ways"),
    ("amqp://evil.example\t@127.0.0.1/", "two ways"),
    ("amqp://127.0.0.1.evil.example/", "is not on this machine"),
    ("amqp://%31%32%37.0.0.1/", "no plain host"),
    ("amqp://[::ffff:10.0.0.7]/", "is not on this machine"),
    ("amqp://two-faced.example/", "is not on this machine"),
    ("amqp://0.0.0.0/", "is not on this machine"),
    ("amqp:///vhost", "no plain host"),
    ("amqp://127.0.0.1:99999/", "port"),
    ("ftp://127.0.0.1/", "must begin with"),
    ("127.0.0.1:5672", "must begin with"),
    ("amqp://[::1/", "not one"),
]


@pytest.mark.parametrize(("url", "sentence"), REFUSED)
def test_everything_else_is_refused_in_one_sentence(url: str, sentence: str) -> None:
    """A name that is not loopback, or that could be read in two ways, is refused."""
    with pytest.raises(UsageError, match=sentence) as caught:
        allow(url, resolve=known)
    assert "\n" not in str(caught.value)


def test_an_owned_target_is_allowed() -> None:
    """Who says that he owns a target may use it, and that one only."""
    assert allow("amqp://rabbit.internal/", ["rabbit.internal"], known).address == "10.1.2.3"
    with pytest.raises(UsageError, match=r"--i-own evil\.example"):
        allow("amqp://evil.example/", ["rabbit.internal"], known)


def test_production_is_refused_whoever_owns_it() -> None:
    """A name with `prod` in it as a word is refused; `product` is another word."""
    name = "rabbit-prod.internal"
    with pytest.raises(UsageError, match="looks like production"):
        allow(f"amqp://{name}/", [name], known)
    assert allow("amqp://product-tests.internal/", ["product-tests.internal"], known)


def test_a_public_address_is_refused() -> None:
    """No load goes over the internet, owned or not."""
    with pytest.raises(UsageError, match="public address"):
        allow("amqps://public.example/", ["public.example"], known)


def test_a_cluster_that_others_use_is_refused() -> None:
    """Queues or connections that are not a run's own keep it off, in one sentence with some."""
    others = Others("rabbit@dev", ("queue orders in /",), ("connection 127.0.0.1:1 -> 2",))
    with pytest.raises(UsageError, match=r"1 queues and 1 connections on localhost.*orders in /"):
        allow_beside(others, "localhost")

    allow_beside(others, "localhost", ["localhost"])
    allow_beside(Others("rabbit@dev"), "localhost")


def test_a_cluster_that_calls_itself_production_is_refused_whoever_owns_it() -> None:
    """The cluster's own name counts, whatever address leads to it."""
    with pytest.raises(UsageError, match="calls itself 'orders-prod', which looks like production"):
        allow_beside(Others("orders-prod"), "localhost", ["localhost"])


def test_an_unknown_name_is_one_sentence() -> None:
    """A name that nobody knows is told so, with the real resolver."""
    assert "127.0.0.1" in resolve("127.0.0.1", 5672)
    with pytest.raises(UsageError, match="is not known"):
        resolve("no-such-host.invalid", socket.ntohs(1))


GOOD = Host(disk_free_bytes=2**40, load=1.0, cores=2)


def test_a_good_machine_gives_no_reason_to_stop() -> None:
    """Nothing is refused while the machine has enough of everything."""
    assert reasons(GOOD, Limits()) == []


@pytest.mark.parametrize(
    ("host", "word"),
    [
        (Host(2**20, 1.0, 2), "disk"),
        (Host(2**40, 51.0, 2), "load"),
        (Host(2**40, 1.0, 2, "they called"), "they called"),
        (Host(2**40, 1.0, 2, ""), "no reason given"),
    ],
)
def test_each_condition_stops_by_itself(host: Host, word: str) -> None:
    """A full disk, a loaded machine and the stop file are each one reason."""
    [sentence] = reasons(host, Limits())
    assert word in sentence


def test_the_stop_file_stops(tmp_path: Path) -> None:
    """Whoever makes the stop file stops every injection, with his reason."""
    may_break = guard([tmp_path], tmp_path, Limits(disk_free_bytes=1, load_per_core=1e9))
    may_break()
    (tmp_path / STOP_NAME).write_text("the fire brigade is here\nand more")

    with pytest.raises(HarnessError, match="the fire brigade is here"):
        may_break()
    assert look_at_host([tmp_path], tmp_path).disk_free_bytes > 0


def test_one_run_per_target(tmp_path: Path) -> None:
    """A second run on one target is refused with the holder's name; another target is free."""
    with target_lock(tmp_path, "127.0.0.1:5672", "first"):
        with (
            pytest.raises(UsageError, match="in use by run first"),
            target_lock(tmp_path, "127.0.0.1:5672", "second"),
        ):
            pass
        with target_lock(tmp_path, "other", "second"):
            pass
    with target_lock(tmp_path, "127.0.0.1:5672", "third"):
        pass


def test_the_error_budget_ends_the_trouble() -> None:
    """Once more callers were told of failure than the budget allows, nothing more is broken."""
    refuse_beyond_budget(told=40, offered=100)
    refuse_beyond_budget(told=5, offered=9)
    with pytest.raises(HarnessError, match="60 of 100 callers were told that they failed"):
        refuse_beyond_budget(told=60, offered=100)
