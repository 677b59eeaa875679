"""Shovels as they are ordered: what they are told, that they are taken away, and why one ended."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from gameday.clusters.cluster import Address
from gameday.errors import HarnessError
from scenarios.upgrade.shovels import shovel

if TYPE_CHECKING:
    from scenarios.upgrade.sides import Side

PASSWORD = "p@ss/word"  # noqa: S105


@dataclass
class FakeApi:
    """Keeps the shovels that it was told to run, and moves one message of each at every look."""

    counts: dict[str, int]
    broken: str = ""
    shovels: dict[str, Any] = field(default_factory=dict)
    taken_away: list[str] = field(default_factory=list)

    def put(self, path: str, body: Any) -> None:
        """Take a shovel."""
        self.shovels[path] = body["value"]

    def delete(self, path: str) -> None:
        """Take one away."""
        self.taken_away.append(path)

    def get(self, _path: str) -> list[dict[str, str]]:
        """Say how they are."""
        return [{"name": "move a", "state": "terminated", "reason": self.broken}
                for _ in range(bool(self.broken))]  # fmt: skip


class FakeSide:
    """As much of a side as a shovel asks for."""

    vhost = "chaos/x"
    username, password = "admin", PASSWORD

    def __init__(self, name: str, api: FakeApi) -> None:
        self.name, self.api = name, api
        self.cluster = self.broker = self

    def management(self, _node: str) -> FakeApi:
        """Return the API."""
        return self.api

    def serving_node(self) -> str:
        """Return its only node."""
        return "r1"

    def addresses(self, _node: str) -> "FakeSide":
        """Return where it listens."""
        return self

    @property
    def direct(self) -> Address:
        """Its own door, past the proxies."""
        return Address("127.0.0.1", 5000 if self.name == "blue" else 6000)

    def held(self) -> dict[str, int]:
        """Return what is left; every look finds one less."""
        found = dict(self.api.counts)
        self.api.counts = {name: max(0, count - 1) for name, count in found.items()}
        return found


def moved(api: FakeApi, queues: list[str]) -> int:
    """Shovel from blue to green, by green."""
    green, blue = (cast("Side", FakeSide(name, api)) for name in ("green", "blue"))
    return shovel(green, blue, green, queues, 5)


def test_nothing_leaves_before_it_is_confirmed() -> None:
    """One shovel a queue, on confirm, to the queue of its name, and each is taken away."""
    api = FakeApi({"a": 2, "b": 1, "other": 0})

    assert moved(api, ["b", "a"]) == 3

    assert list(api.shovels) == api.taken_away
    assert len(api.shovels) == 2
    told = next(iter(api.shovels.values()))
    assert (told["ack-mode"], told["src-queue"], told["dest-queue"]) == ("on-confirm", "a", "a")
    assert told["src-uri"] == "amqp://admin:p%40ss%2Fword@127.0.0.1:5000/chaos%2Fx"
    assert told["dest-uri"].startswith("amqp://admin:p%40ss%2Fword@127.0.0.1:6000/")


def test_a_shovel_that_ended_says_why() -> None:
    """It is no waiting for what cannot come; what was started is taken away all the same."""
    api = FakeApi({"a": 900}, broken="needed a restart")

    with pytest.raises(HarnessError, match="move a ended: needed a restart"):
        moved(api, ["a"])

    assert list(api.shovels) == api.taken_away
