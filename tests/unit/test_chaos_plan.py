"""Plans: read, refused in one sentence, resolved, and written back."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaos.alarms import DiskAlarm
from chaos.catalogue import KINDS, POWERS, defaults, field_names, make
from chaos.fault import Nothing, Together
from chaos.links import Isolate
from chaos.nodes import KillAllNodes, KillNode
from chaos.plan import Entry, Episode, Plan, load_plan, resolve, service_alone
from chaos.reverts import RECIPES
from chaos.traffic import Client
from gameday.errors import HarnessError, UsageError

NODES = ("r1", "r2", "r3")


def episode(**changes: Any) -> dict[str, Any]:
    """Return a good episode as JSON, with changes."""
    return {
        "id": "e1",
        "name": "the leader dies",
        "at_s": 5,
        "for_s": 10,
        "recover_s": 5,
        "faults": [{"kind": "kill_node", "target": "leader of builds", "parameters": {}}],
        **changes,
    }


def saved(tmp_path: Path, *episodes: dict[str, Any], **changes: Any) -> Path:
    """Write a plan file."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"seed": 7, "episodes": list(episodes), **changes}))
    return path


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    """What is saved is what is loaded."""
    plan = load_plan(saved(tmp_path, episode(), episode(id="e2", at_s=30)))
    again = tmp_path / "again.json"
    plan.save(again)

    assert plan == load_plan(again)
    assert plan.seed == 7


MISTAKES = [
    ({"kind": "kill_nod", "target": "r1"}, "episodes.0.faults.0.kind: .*kill_nod"),
    ({"kind": "kill_node"}, "episodes.0.faults.0.target: kill_node needs one"),
    (
        {"kind": "isolate", "target": "r1", "parameters": {"how": "softly"}},
        r"faults\.0\.parameters\.how",
    ),
    (
        {"kind": "isolate", "target": "r1", "parameters": {"hwo": "silent"}},
        r"faults\.0\.parameters\.hwo: isolate knows no such parameter, but how",
    ),
    ({"kind": "isolate", "taget": "r1"}, r"episodes\.0\.faults\.0\.taget"),
]


@pytest.mark.parametrize(("entry", "sentence"), MISTAKES)
def test_a_bad_fault_is_one_sentence(tmp_path: Path, entry: dict[str, Any], sentence: str) -> None:
    """A mistake in a fault is told with the file and the field."""
    path = saved(tmp_path, episode(faults=[entry]))

    with pytest.raises(UsageError, match=sentence) as caught:
        load_plan(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"at_s": -1}, r"episodes\.0\.at_s"),
        ({"id": "a b"}, r"episodes\.0\.id"),
        ({"control": "control-none"}, r"episodes\.0\.control"),
        ({"colour": "red"}, r"episodes\.0\.colour"),
    ],
)
def test_a_bad_episode_is_one_sentence(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    """A mistake in an episode is told with the file and the field."""
    with pytest.raises(UsageError, match=sentence):
        load_plan(saved(tmp_path, episode(**changes)))


def test_a_file_that_is_no_json_is_one_sentence(tmp_path: Path) -> None:
    """A file that is missing or no JSON is named."""
    path = tmp_path / "plan.json"
    with pytest.raises(UsageError, match="No such file"):
        load_plan(path)
    path.write_text("{")
    with pytest.raises(UsageError, match="Invalid JSON"):
        load_plan(path)


def test_only_controls_may_overlap(tmp_path: Path) -> None:
    """Two faults at once are refused unless one belongs to a control."""
    beside = episode(id="e2", at_s=10)
    with pytest.raises(UsageError, match="e2 begins at 10 s, before e1 ends at 15 s"):
        load_plan(saved(tmp_path, episode(), beside))

    assert load_plan(saved(tmp_path, episode(), {**beside, "control": "control-transient"}))


def test_the_faults_of_an_episode_may_overlap(tmp_path: Path) -> None:
    """A fault may strike while another is in force; the episode then lasts so much longer."""
    faults = [
        {"kind": "disk_alarm", "target": "r1"},
        {"kind": "isolate", "target": "r2", "after_s": 4},
    ]
    plan = load_plan(saved(tmp_path, episode(faults=faults, for_s=5)))

    assert plan.episodes[0].lasts_s == 9
    assert plan.episodes[0].fault() == Together((DiskAlarm("r1"), Isolate("r2")), (0.0, 4.0))


@pytest.mark.parametrize("times", [(1, 2), (0, 3, 2)])
def test_faults_out_of_order_are_refused(tmp_path: Path, times: tuple[float, ...]) -> None:
    """Faults stand in the order in which they strike, the first at once."""
    faults = [{"kind": "disk_alarm", "target": "r1", "after_s": each} for each in times]
    with pytest.raises(UsageError, match=r"episodes\.0\.faults: after_s is"):
        load_plan(saved(tmp_path, episode(faults=faults)))


def test_a_majority_is_not_taken_away_by_accident(tmp_path: Path) -> None:
    """Two nodes at once are refused; all of them, on purpose, are not."""
    both = [{"kind": "kill_node", "target": "r1"}, {"kind": "isolate", "target": "r2"}]
    with pytest.raises(UsageError, match=r"episodes\.0\.faults: they take 2 nodes away"):
        load_plan(saved(tmp_path, episode(faults=both)))

    assert load_plan(saved(tmp_path, episode(faults=[{"kind": "kill_all_nodes"}])))


def test_a_majority_is_lost_only_when_the_plan_says_so(tmp_path: Path) -> None:
    """Several nodes at once need the word for it; they may be named by their roles."""
    entry = {"kind": "kill_nodes", "target": "leader of builds, r3"}
    with pytest.raises(UsageError, match=r"faults\.0\.parameters\.majority: kill_nodes takes"):
        load_plan(saved(tmp_path, episode(faults=[entry])))

    meant = {**entry, "parameters": {"majority": True}}
    [planned] = load_plan(saved(tmp_path, episode(faults=[meant]))).episodes
    assert resolve(planned, NODES, {"builds": "r1"}).faults[0].target == "r1, r3"


REFUSED = [
    ("cut_links", {"shape": "one_way"}, "one_way is silent"),
    ("cut_links", {"shape": "bridge", "peer": "r2"}, "bridge is about all peers"),
    ("cut_links", {"shape": "star"}, "Input should be"),
    ("slow_links", {}, "give slow_links a latency_ms or a rate_kb"),
    ("slow_links", {"latency_ms": 10, "jitter_ms": 20}, "no more than latency_ms"),
    ("flap_links", {"stall_ms": 100}, "at least 1200"),
    ("client_toxic", {"toxic": "latency"}, "latency needs latency_ms"),
    ("client_toxic", {"toxic": "latency", "attributes": {"latency_ms": 0}}, "needs 1 or more"),
    (
        "client_toxic",
        {"toxic": "limit_data", "attributes": {"rate": 1}},
        "knows no rate, but bytes",
    ),
    ("client_toxic", {"toxic": "timeout"}, "Input should be"),
    ("client_toxic", {}, "Field required|required"),
]


@pytest.mark.parametrize(("kind", "parameters", "sentence"), REFUSED)
def test_a_fault_without_sense_is_refused(
    tmp_path: Path, kind: str, parameters: dict[str, Any], sentence: str
) -> None:
    """What would do nothing, or cannot be, is refused with the file before anything is broken."""
    entry = {"kind": kind, "target": "r1", "parameters": parameters}

    with pytest.raises(UsageError, match=sentence) as caught:
        load_plan(saved(tmp_path, episode(faults=[entry])))
    assert "episodes.0.faults.0" in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        (("slow_links", {"latency_ms": 9}), ("isolate", {}), "slow_links and isolate meet"),
        (("cut_clients", {}), ("client_toxic", {"toxic": "reset_peer"}), "at the doors of one"),
    ],
)
def test_two_faults_do_not_meet_on_one_proxy(
    tmp_path: Path,
    first: tuple[str, dict[str, Any]],
    second: tuple[str, dict[str, Any]],
    sentence: str,
) -> None:
    """The second would undo the first, unseen; at the doors of two nodes they may be."""
    entries = [
        {"kind": kind, "target": "r1", "parameters": parameters}
        for kind, parameters in (first, second)
    ]
    with pytest.raises(UsageError, match=sentence):
        load_plan(saved(tmp_path, episode(faults=entries)))

    apart = [{**entries[0], "kind": "cut_clients", "parameters": {}},
             {**entries[0], "kind": "cut_clients", "parameters": {}, "target": "r2"}]  # fmt: skip
    assert load_plan(saved(tmp_path, episode(faults=apart)))


def test_ids_are_unique(tmp_path: Path) -> None:
    """Two episodes of one id would share their faults' ids."""
    with pytest.raises(UsageError, match="the id e1 is there more than once"):
        load_plan(saved(tmp_path, episode(), episode(at_s=30)))


def test_symbolic_targets_are_resolved() -> None:
    """Leaders, followers and workers become names; names stay."""
    worker = Client("worker-3", "worker", 3, 4711, "r2", "builds")
    producer = Client("locust-1", "publisher", 1, 4710, producers=("api-engine", "notifier"))
    entries = tuple(
        Entry(kind="kill_node", target=target)
        for target in ("leader of builds", "follower of builds", "worker of builds", "r3",
                       "publisher of notifier")
    )  # fmt: skip
    planned = Episode(id="e1", name="all", at_s=0, for_s=1, faults=entries)

    resolved = resolve(planned, NODES, {"builds": "r1"}, [worker, producer])

    found = [entry.target for entry in resolved.faults]
    assert found == ["r1", "r2", "worker-3", "r3", "locust-1"]


@pytest.mark.parametrize("target", ["leader of unknown", "worker of builds", "publisher of builds"])
def test_a_target_that_means_nothing_is_refused(target: str) -> None:
    """A queue without a leader, or without a worker, cannot be struck."""
    planned = Episode(
        id="e1", name="x", at_s=0, for_s=1, faults=(Entry(kind="kill_node", target=target),)
    )
    with pytest.raises(HarnessError, match="builds"):
        resolve(planned, NODES, {"builds": "r1"})


def test_what_was_resolved_is_written_back() -> None:
    """The plan with a resolved episode differs in that episode only."""
    first = Episode(id="e1", name="x", at_s=0, for_s=1, faults=(Entry(kind="nothing"),))
    second = first.model_copy(update={"id": "e2"})
    changed = first.model_copy(update={"faults": (Entry(kind="kill_node", target="r1"),)})

    plan = Plan(seed=1, episodes=(first, second)).with_episode(changed)

    assert (changed, second) == plan.episodes


def test_an_episode_is_one_fault() -> None:
    """Its entries become dataclasses, in order, and their ids are foretold."""
    entries = (
        Entry(kind="isolate", target="r1", parameters={"how": "silent"}),
        Entry(kind="nothing"),
        Entry(kind="kill_node", target="r2"),
    )
    planned = Episode(id="e9", name="x", at_s=0, for_s=1, faults=entries)

    assert Together((Isolate("r1", "silent"), Nothing(), KillNode("r2"))) == planned.fault()
    assert planned.fault_ids() == ("e9.1", "e9.2")


def test_the_catalogue_is_whole() -> None:
    """Every kind is under its own name, has a power noted, and knows its fields."""
    assert set(KINDS) == set(POWERS)
    for kind, fault in KINDS.items():
        assert kind == fault.kind
    assert field_names("isolate") == ("node", "how")
    assert defaults("isolate") == {"how": "reset"}
    assert KillAllNodes() == make("kill_all_nodes", None, {})
    assert all(recipe.within_s > 0 for recipe in RECIPES.values())


def test_the_class_of_a_partition_says_how() -> None:
    """Both ways to cut are judged apart."""
    assert Isolate("r1", "silent").fault_class == "partition_silent"
    assert Isolate("r1").fault_class == "partition_reset"


def cut(*whom: str) -> dict[str, Any]:
    """Return a plan that cuts these clients off, one after another."""
    return {
        "seed": 1,
        "episodes": [
            {"id": f"e{n}", "name": "e", "at_s": 10 * n, "for_s": 1, "faults": [
                {"kind": "cut_clients", "target": "r1", "parameters": {"whom": each}}]}
            for n, each in enumerate(whom)
        ],
    }  # fmt: skip


def written(folder: Path, plan: dict[str, Any]) -> Path:
    """Write a plan down."""
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    return path


@pytest.mark.parametrize(
    ("whom", "alone"),
    [(("service:api", "service:api"), "api"), (("producers",), None), (("service:a b",), "a b")],
)
def test_a_plan_says_which_service_comes_by_doors_of_its_own(
    whom: tuple[str, ...], alone: str | None, tmp_path: Path
) -> None:
    """The service whose link it breaks, and none where it breaks all or one kind's."""
    assert service_alone(load_plan(written(tmp_path, cut(*whom)))) == alone


@pytest.mark.parametrize(
    ("whom", "sentence"),
    [
        (("service:api", "service:worker"), "names api and worker"),
        (("service:",), "nobody is called 'service:'"),
        (("workers",), "nobody is called 'workers'"),
    ],
)
def test_clients_whom_nobody_knows_are_refused(
    whom: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    """So are two services in one plan: there are doors for one."""
    with pytest.raises(UsageError, match=sentence):
        load_plan(written(tmp_path, cut(*whom)))
