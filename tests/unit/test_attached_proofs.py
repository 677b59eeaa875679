"""What counts as proof from outside: each rule, against what a broken proof would take for one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from test_attached_file import good, written

from chaos import outside, undo_commands
from chaos.alarms import DiskAlarm
from chaos.by_command import Owner
from chaos.fault import Fault, Site
from chaos.journal import FILE_NAME, Journal
from chaos.nodes import KillAllNodes, KillFollower, KillNode, KillNodes
from chaos.redaction import Redactor
from chaos.revert import Seen
from chaos.watchdog import overdue
from gameday.clusters.cluster_file import read_file
from gameday.clusters.commanded import CommandedCluster, made_of
from gameday.clusters.commanded_facts import CommandedFacts
from gameday.clusters.facts import Alarm, NodeView, QueueState
from gameday.errors import HarnessError

WHOLE = "abc"


def view(node: str, running: str = WHOLE, partitions: str = "", alarms: str = "") -> NodeView:
    """Return a node's view: whom it sees run, from whom it is parted, whose disk is alarmed."""
    return NodeView(
        node=node, serving=True, seen=frozenset(running), running=frozenset(running),
        partitions=tuple(partitions), alarms=tuple(Alarm("disk", each) for each in alarms),
    )  # fmt: skip


@dataclass
class Stand:
    """What can be seen of three nodes; each test breaks some of it."""

    cluster: CommandedCluster
    greetings: dict[str, str] = field(default_factory=lambda: dict.fromkeys(WHOLE, "answered"))
    views: dict[str, NodeView | None] = field(
        default_factory=lambda: {node: view(node) for node in WHOLE}
    )
    links: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WHOLE, 1000))

    def healed(self, values: Mapping[str, Any]) -> Seen:
        """Return whether a recipe finds it healed."""
        return undo_commands.healed(self.cluster, values)  # type: ignore[arg-type]


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Give three nodes that are well, and let the probes look at them."""
    cluster = made_of(read_file(written(tmp_path, good())), tmp_path, "4.3.6", tmp_path)
    made = Stand(cluster)
    monkeypatch.setattr(outside, "greet", lambda _, node: made.greetings[node])
    monkeypatch.setattr(outside, "views", lambda _: made.views)
    monkeypatch.setattr(
        outside, "over_link",
        lambda _, link, _vhost: made.links.get(f"{link[0]}-{link[1]}", "answered"),
    )  # fmt: skip
    monkeypatch.setattr(outside, "limit_bytes", lambda _, _kind, node: made.limits[node])
    monkeypatch.setattr(outside, "disk_free_bytes", lambda *_: 5000)
    monkeypatch.setattr(outside, "BOOTED_S", 0.0)
    monkeypatch.setattr(outside, "AGE_S", 0.0)
    monkeypatch.setitem(undo_commands.AGES_S, "pause", 0.0)
    return made


def dead(stand: Stand) -> None:
    """Kill b."""
    stand.greetings["b"] = "refused"
    stand.views = {"a": view("a", "ac"), "b": None, "c": view("c", "ac")}


def test_dead_node_is_gone(stand: Stand) -> None:
    """Nobody answers on its port, and no other node sees it run."""
    dead(stand)

    assert outside.gone(stand.cluster, ["b"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.greetings.update(b="answered"),
        lambda s: s.views.update(c=view("c", "abc")),
        lambda s: s.views.update(a=None, c=None),
    ],
    ids=["its port answers", "one still sees it run", "nobody is left to say"],
)
def test_node_is_not_gone_while(stand: Stand, spoil: Callable[[Stand], None]) -> None:
    """Any one of these leaves it unproven."""
    dead(stand)
    spoil(stand)

    assert not outside.gone(stand.cluster, ["b"])


def test_all_nodes_need_no_witness(stand: Stand) -> None:
    """When every node was struck, nobody is left to ask, and the ports tell it."""
    stand.greetings = dict.fromkeys(WHOLE, "refused")
    stand.views = dict.fromkeys(WHOLE)

    assert outside.gone(stand.cluster, list(WHOLE))


def test_lost_majority_needs_no_witness(stand: Stand) -> None:
    """Who is left may have paused, and answers nobody."""
    stand.greetings = dict.fromkeys(WHOLE, "refused")
    stand.views = dict.fromkeys(WHOLE)

    assert outside.gone(stand.cluster, ["a", "b"])
    assert not outside.gone(stand.cluster, ["a"])


@pytest.mark.parametrize(
    ("greetings", "still"),
    [
        ({"b": "timeout"}, True),
        ({"b": "refused"}, False),
        ({"b": "answered"}, False),
        ({"b": "timeout", "c": "timeout"}, False),
    ],
)
def test_paused_node_is_silent_and_alone(
    stand: Stand, greetings: dict[str, str], still: bool
) -> None:
    """A dead node refuses; where others are silent, too, it may be the way to them."""
    stand.greetings.update(greetings)

    assert outside.still(stand.cluster, "b").yes is still


CUT = [("b", "a"), ("a", "b"), ("b", "c"), ("c", "b")]


def cut(stand: Stand, answer: str) -> None:
    """Part b from both others."""
    stand.links = {f"{a}-{b}": answer for a, b in CUT}


def test_silent_cut_is_told_by_silence_beside_a_link_that_answers(stand: Stand) -> None:
    """The views may still be the old ones: nobody has noticed yet."""
    cut(stand, "timeout")

    assert outside.parted(stand.cluster, CUT, "v", closed=False)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.links.update({"c-b": "answered"}),
        lambda s: s.links.update({"a-c": "timeout", "c-a": "timeout"}),
        lambda s: s.links.update(dict.fromkeys(s.links, outside.NO_ANSWER)),
    ],
    ids=["one direction passes", "everything is silent", "nobody answers at all"],
)
def test_silence_proves_no_cut_while(stand: Stand, spoil: Callable[[Stand], None]) -> None:
    """A link that passes, or a harness that cannot see anything, is no partition."""
    cut(stand, "timeout")
    spoil(stand)

    assert not outside.parted(stand.cluster, CUT, "v", closed=False)


def test_closed_cut_is_in_both_sides_views(stand: Stand) -> None:
    """After a reset, neither side may see the other run; refusals alone are not enough."""
    cut(stand, "refused")
    assert not outside.parted(stand.cluster, CUT, "v", closed=True)

    stand.views = {"a": view("a", "ac"), "b": view("b", "b"), "c": view("c", "ac")}
    assert outside.parted(stand.cluster, CUT, "v", closed=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.greetings.update(a="closed"),
        lambda s: s.views.update(b=None),
        lambda s: s.views.update(b=view("b", "ab")),
        lambda s: s.views.update(c=view("c", partitions="a")),
    ],
    ids=["a port is shut", "one says nothing", "one misses another", "a partition is noted"],
)
@pytest.mark.parametrize("template", ["kill", "pause", "isolate_silent"])
def test_nothing_is_healed_while(
    stand: Stand, spoil: Callable[[Stand], None], template: str
) -> None:
    """Healed is all of it: ports, views of every node, no partition."""
    values = {"template": template, "links": [["a", "b"]], "vhost": "v"}
    assert stand.healed(values)

    spoil(stand)

    assert not stand.healed(values)


def test_cut_is_not_healed_while_a_link_is_silent(stand: Stand) -> None:
    """Views can be whole again before, or still, while bytes do not pass."""
    stand.links = {"a-b": "timeout"}

    assert not stand.healed({"template": "isolate_silent", "links": [["a", "b"]], "vhost": "v"})


def test_alarm_is_known_to_all_who_answer(stand: Stand) -> None:
    """One node that does not know it yet is one that still takes messages."""
    stand.views = {node: view(node, alarms="b") for node in WHOLE}
    assert outside.alarmed(stand.cluster, "disk", ["b"])
    assert not outside.alarmed(stand.cluster, "disk", ["a", "b"])
    assert not outside.alarmed(stand.cluster, "memory", ["b"])

    stand.views["c"] = view("c")
    assert not outside.alarmed(stand.cluster, "disk", ["b"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.views.update(c=view("c", alarms="b")),
        lambda s: s.views.update(c=None),
        lambda s: s.limits.update(b=1100),
    ],
    ids=["one still knows it", "one does not answer", "the limit is another"],
)
def test_alarm_is_not_over_while(stand: Stand, spoil: Callable[[Stand], None]) -> None:
    """No alarm, as every node says, and the limit that was in force."""
    values = {"template": "disk_alarm", "limits": {"b": 1000}}
    assert stand.healed(values)

    spoil(stand)

    assert not stand.healed(values)


def captured(stand: Stand, fault: Fault, tmp_path: Path) -> dict[str, Any]:
    """Return what a fault's intent would hold."""
    site = Site(stand.cluster, Journal(tmp_path / FILE_NAME))  # type: ignore[arg-type]
    found = Owner(stand.cluster).adapted(fault).capture(site)  # type: ignore[attr-defined]
    return dict(found.values)


def test_intent_has_the_revert_with_the_limit_of_now(stand: Stand, tmp_path: Path) -> None:
    """What restores a limit restores the one that was measured, whatever it is by then."""
    stand.limits["b"] = 777

    values = captured(stand, DiskAlarm("b"), tmp_path)

    assert [list(each["argv"]) for each in values["commands"]] == [["ctl", "rabbit@b", "777"]]
    assert values["limits"] == {"b": 777}


def test_command_that_would_be_masked_is_not_relied_on(stand: Stand, tmp_path: Path) -> None:
    """What stands in the journal otherwise than it was run could not be run again."""
    secret = Journal(tmp_path / FILE_NAME, Redactor(frozenset({"10.0.0.2"})))
    site = Site(stand.cluster, secret)  # type: ignore[arg-type]

    with pytest.raises(HarnessError, match=r"faults\.kill\.revert: a secret .* would be masked"):
        Owner(stand.cluster).adapted(KillNode("b")).capture(site)  # type: ignore[attr-defined]


def test_watchdog_gives_commands_their_time(stand: Stand, tmp_path: Path) -> None:
    """A revert that may take long is not undone by two at once before its time is up."""
    values = captured(stand, KillAllNodes(), tmp_path)
    assert values["may_take_s"] == 2 * 3 * 60 + 3 * (30 + 60) + 120 + 90

    intent = {"event": "fault", "fault": "f", "step": "intent", "time_ns": 0, "ttl_s": 10.0,
              "revert": {"kind": "run_commands", "values": values}}  # fmt: skip
    reverting = {"event": "fault", "fault": "f", "step": "reverting", "time_ns": 0}
    lines = (intent, reverting)

    assert not overdue("f", lines, int(800e9))
    assert overdue("f", lines, int(850e9))


def test_several_nodes_are_undone_each(stand: Stand, tmp_path: Path) -> None:
    """Every node that is struck has its own command to undo it, and to restart it."""
    values = captured(stand, KillAllNodes(), tmp_path)

    words = [list(each["argv"][1:]) for each in values["commands"]]
    assert words == [["10.0.0.1", "start"], ["10.0.0.2", "start"], ["10.0.0.3", "start"]]
    assert [list(each["argv"][1:]) for each in values["restart"]["b"]] == [
        ["10.0.0.2", "kill"],
        ["10.0.0.2", "start"],
    ]


@pytest.mark.parametrize(("shut", "restarted"), [("", "b"), ("c", "c"), ("ab", "ab")])
def test_who_takes_no_clients_is_restarted(
    stand: Stand, tmp_path: Path, shut: str, restarted: str
) -> None:
    """What did not heal by itself: those that are shut, else the one that was struck."""
    content = good()
    content["faults"]["kill"] = {"apply": "touch {node}.killed", "revert": "touch {node}.started"}
    cluster = made_of(read_file(written(tmp_path, content)), tmp_path, "4.3.6", tmp_path)
    found = replace(stand, cluster=cluster)
    values = captured(found, KillNode("b"), tmp_path)
    stand.greetings.update(dict.fromkeys(shut, "refused"))

    undo_commands.run_again(cluster, values)  # type: ignore[arg-type]

    killed = sorted(each.stem for each in tmp_path.glob("*.killed"))
    assert killed == list(restarted)
    assert {each.stem for each in tmp_path.glob("*.started")} == {*restarted, "b"}


def test_majority_must_be_meant(stand: Stand, tmp_path: Path) -> None:
    """Two of three nodes are killed only where the plan says so."""
    with pytest.raises(HarnessError, match="say `majority: true`"):
        captured(stand, KillNodes("a, b"), tmp_path)

    assert len(captured(stand, KillNodes("a, b", majority=True), tmp_path)["commands"]) == 2


def test_follower_must_follow(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that leads the queue is no follower, and is not killed as one."""
    queue = QueueState("q", "quorum", "a", frozenset(WHOLE), frozenset(WHOLE))
    monkeypatch.setattr(CommandedFacts, "queues", lambda *_: {"q": queue})

    with pytest.raises(HarnessError, match="a leads q: that is no follower"):
        captured(stand, KillFollower("a", queue="q"), tmp_path)

    assert captured(stand, KillFollower("b", queue="q"), tmp_path)["nodes"] == ["b"]


def test_unknown_node_is_not_struck(stand: Stand, tmp_path: Path) -> None:
    """A name that the file does not have is refused before the intent is written."""
    with pytest.raises(HarnessError, match="there is no node r1; there are a, b, c"):
        captured(stand, KillNode("r1"), tmp_path)
