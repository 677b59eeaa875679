"""Suites, claims and settings: what a run will do, and what it will answer for."""

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import pytest

from chaos.plan import FILE_NAME, Plan, load_plan
from gameday.clusters.cluster import ALL_POWERS
from gameday.clusters.compose import POWERS, UNABLE
from gameday.contracts.load import load_contract
from gameday.contracts.model import Play
from gameday.contracts.topology import settings_for
from gameday.errors import UsageError
from scenarios.claims import claims
from scenarios.lacks import NO_NETWORK, lacks, refuse_unplayable
from scenarios.options import Options
from scenarios.settings import broker_settings, settings_used
from scenarios.suites import build_plan, choose_plan, not_played, plan_length_s, scenario_names

CONTRACT = load_contract("sparki")
SUITES = pytest.mark.parametrize("suite", ["smoke", "full"])


def options(suite: str = "smoke", **more: object) -> Options:
    """Return what somebody asked for."""
    return dataclasses.replace(Options(), suite=suite, **more)  # type: ignore[arg-type]


def plan_of(suite: str = "smoke", **more: object) -> Plan:
    """Return a suite's plan on a cluster that can do everything."""
    return build_plan(CONTRACT, options(suite, **more), ALL_POWERS)


@SUITES
def test_a_suites_plan_loads(suite: str, tmp_path: Path) -> None:
    """What a suite plans, the plan's own reader takes, and reads back the same."""
    plan = plan_of(suite)
    plan.save(tmp_path / FILE_NAME)

    assert load_plan(tmp_path / FILE_NAME) == plan


@SUITES
def test_offsets_leave_time_to_recover(suite: str) -> None:
    """Each episode begins after the one before has ended and had its time to recover."""
    episodes = plan_of(suite).episodes

    for before, after in pairwise(episodes):
        assert after.at_s > before.at_s + before.for_s + before.recover_s


def test_smoke_has_every_class_of_fault() -> None:
    """The smoke suite holds the control and each fault of the main job, once."""
    kinds = [entry.kind for episode in plan_of().episodes for entry in episode.faults]

    assert sorted(kinds) == [
        "disk_alarm", "isolate", "isolate", "kill_node", "nothing", "poison",
    ]  # fmt: skip


def test_full_holds_smoke() -> None:
    """The full suite plays everything of the smoke suite, and more."""
    smoke = {each.id for each in plan_of("smoke").episodes}
    full = {each.id for each in plan_of("full").episodes}

    assert smoke < full


def test_the_main_job_is_within_its_time() -> None:
    """The smoke suite's plan takes at most three minutes when nothing delays it."""
    assert plan_length_s(plan_of()) <= 180


def test_an_empty_plan_takes_no_time() -> None:
    """Nothing planned takes nothing."""
    assert plan_length_s(Plan(seed=1, episodes=())) == 0


def test_victims_are_the_busiest_queues_leader() -> None:
    """What strikes a node strikes the one that leads the busiest queue, not any follower."""
    struck = [
        entry.target
        for episode in plan_of().episodes
        for entry in episode.faults
        if entry.kind in {"kill_node", "isolate", "disk_alarm"}
    ]

    assert set(struck) == {"leader of builds"}


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_can_be_chosen(name: str) -> None:
    """Each name that `--scenario` takes gives the control and that one episode."""
    chosen = [each.id for each in plan_of("full", scenario=name).episodes]

    assert set(chosen) == {"control", name}


def test_an_operator_names_what_the_contract_has() -> None:
    """The exchange that is removed is the target's binding's; a policy takes its queue alone."""
    (removed,) = plan_of(scenario="exchange-removed").episodes[-1].faults
    (changed,) = plan_of(scenario="policy-changed").episodes[-1].faults

    assert removed.target == "dlx"
    assert changed.parameters["pattern"] == "^builds$"
    assert changed.parameters["definition"] == {"max-length": 20}


def test_a_contracts_own_suite_is_played() -> None:
    """A contract's suite is played in its order, with its times, targets and parameters."""
    plays = (
        Play(scenario="kill-leader", for_s=2, recover_s=3, target="deployments"),
        Play(scenario="poison", parameters={"count": 7}),
        Play(scenario="kill-leader"),
    )
    contract = CONTRACT.model_copy(update={"suites": {"smoke": plays}})

    first, second, third = build_plan(contract, options(), ALL_POWERS).episodes

    assert (first.id, first.for_s, first.recover_s) == ("kill-leader", 2, 3)
    assert first.faults[0].target == "leader of deployments"
    assert second.faults[0].parameters == {"count": 7}
    assert (third.id, third.faults[0].target) == ("kill-leader-2", "leader of builds")


def test_a_play_with_an_unknown_parameter_is_refused() -> None:
    """A parameter that no fault of the scenario knows is one sentence, not silence."""
    plays = (Play(scenario="poison", parameters={"cuont": 7}),)
    contract = CONTRACT.model_copy(update={"suites": {"smoke": plays}})

    with pytest.raises(UsageError, match=r"poison knows no parameter 'cuont', but count"):
        build_plan(contract, options(), ALL_POWERS)


def test_a_suite_with_an_unknown_scenario_is_refused() -> None:
    """A contract that plays what does not exist is one sentence with what does."""
    contract = CONTRACT.model_copy(update={"suites": {"smoke": (Play(scenario="flood"),)}})

    with pytest.raises(UsageError, match=r"sparki: suites: there is no scenario 'flood'"):
        build_plan(contract, options(), ALL_POWERS)


def test_an_unknown_scenario_is_refused() -> None:
    """A scenario that does not exist is one sentence with those that do."""
    with pytest.raises(UsageError, match="kill-leader"):
        plan_of(scenario="flood")


def test_what_the_cluster_cannot_do_is_not_planned() -> None:
    """On a cluster without powers only what needs none is planned."""
    plan = build_plan(CONTRACT, options("full"), ())

    assert {each.id for each in plan.episodes} == {
        "control",
        "poison",
        "worker-sigterm",
        "overload",
    }


def test_a_full_suite_stops_pauses_and_disconnects_in_containers() -> None:
    """In containers full ends with the engine's own acts, and leaves nothing of the suite out."""
    asked = options("full", cluster="compose")
    plan = build_plan(CONTRACT, asked, POWERS)

    kinds = [fault.kind for episode in plan.episodes[-3:] for fault in episode.faults]
    assert kinds == ["disconnect_network", "stop_node", "pause_node"]
    assert not_played(CONTRACT, asked, POWERS, UNABLE) == ()


def test_what_another_cluster_plays_is_left_out_aloud() -> None:
    """On local nodes full leaves three out, each with the reason and what would play it."""
    asked = options("full")
    powers = ALL_POWERS - {"disconnect"}
    plan = build_plan(CONTRACT, asked, powers)

    left_out = dict(not_played(CONTRACT, asked, powers, lacks(CONTRACT, asked)))

    assert list(left_out) == ["off-the-network", "stop-leader", "pause-leader"]
    assert left_out.keys().isdisjoint(each.id for each in plan.episodes)
    assert left_out["off-the-network"] == NO_NETWORK
    again = "gameday run sparki --suite full --cluster compose"
    assert left_out["stop-leader"] == f"the suite plays it on compose — run with: {again}"


def test_smoke_leaves_nothing_out_on_local_nodes() -> None:
    """What smoke plays needs no container."""
    assert not_played(CONTRACT, options(), ALL_POWERS - {"disconnect"}, {}) == ()


def test_a_contract_without_suites_has_the_same_in_containers() -> None:
    """The common full suite, too, stops, pauses and disconnects where containers can."""
    contract = CONTRACT.model_copy(update={"suites": {}})

    played = build_plan(contract, options("full", cluster="compose"), POWERS)
    elsewhere = build_plan(contract, options("full"), ALL_POWERS - {"disconnect"})

    names = ["off-the-network", "stop-leader", "pause-leader"]
    assert [each.id for each in played.episodes[-3:]] == names
    assert not set(names) & {each.id for each in elsewhere.episodes}


def test_a_scenario_of_another_clusters_suite_is_played_by_name() -> None:
    """The suite plays it in containers only; asked for by name it is played on local nodes, too."""
    episodes = plan_of("full", scenario="pause-leader").episodes

    assert [each.id for each in episodes] == ["control", "pause-leader"]


@pytest.mark.parametrize(
    ("scenario", "cluster", "reason"),
    [
        ("off-the-network", "local", "--scenario: off-the-network: local: its nodes share"),
        ("balancer-restart", "local", "this contract has no balancer before its nodes"),
        ("clock-jump", "compose", "the containers of a machine share its clock"),
        ("kill-leader", "attached", "attached to by its address alone is not broken: give"),
    ],
)
def test_a_scenario_that_its_cluster_cannot_play_is_refused(
    scenario: str, cluster: str, reason: str
) -> None:
    """A run of the control alone would be no answer: one sentence says what the cluster lacks."""
    with pytest.raises(UsageError, match=reason):
        refuse_unplayable(CONTRACT, options(scenario=scenario, cluster=cluster))


def test_a_plan_that_its_cluster_cannot_play_is_refused(tmp_path: Path) -> None:
    """A given plan is meant whole: its file and episode are named, before anything is started."""
    plan_of(scenario="off-the-network").save(tmp_path / "mine.json")
    asked = options(plan=tmp_path / "mine.json")

    with pytest.raises(UsageError, match=r"mine\.json: off-the-network: local: its nodes share"):
        refuse_unplayable(CONTRACT, asked)
    refuse_unplayable(CONTRACT, dataclasses.replace(asked, cluster="compose"))


def test_a_given_plan_is_played(tmp_path: Path) -> None:
    """A plan file takes the suite's place, unchanged."""
    given = plan_of(scenario="poison")
    given.save(tmp_path / "mine.json")

    plan = choose_plan(CONTRACT, options(plan=tmp_path / "mine.json"), ALL_POWERS)

    assert plan == given


@SUITES
def test_a_suite_claims_the_contracts_list(suite: str) -> None:
    """With every power a suite claims exactly what the contract lists for it, and drops nothing."""
    claimed, dropped = claims(CONTRACT, options(suite), ALL_POWERS)

    assert set(claimed) == {e.id for e in CONTRACT.requirements if suite in e.suites}
    assert claimed
    assert not dropped


def test_dropped_claims_say_why() -> None:
    """Without the power to kill, what needs it is not claimed, and its reason names the power."""
    claimed, dropped = claims(CONTRACT, options(), ALL_POWERS - {"kill_node"})
    needing = {
        e.id for e in CONTRACT.requirements if "smoke" in e.suites and "kill_node" in e.needs
    }

    assert {each["id"] for each in dropped} == needing
    assert needing
    assert all("kill_node" in each["reason"] for each in dropped)
    assert not needing & set(claimed)


@pytest.mark.parametrize("part", [{"scenario": "poison"}, {"plan": Path("x.json")}])
def test_a_part_of_a_suite_claims_nothing(part: dict[str, object]) -> None:
    """One scenario, or somebody's own plan, cannot claim what the whole suite would prove."""
    claimed, dropped = claims(CONTRACT, options(**part), ALL_POWERS)

    assert claimed == ()
    assert all("gameday run sparki" in each["reason"] for each in dropped)
    assert dropped


@pytest.mark.parametrize("version", ["3.10.8", "4.3.6"])
def test_tuned_settings_reach_the_broker(version: str) -> None:
    """Every setting of the contract for a version is given to the cluster, word for word."""
    settings = broker_settings(CONTRACT, version, "tuned")
    text = "\n".join(
        [*settings.rabbitmq_conf, settings.advanced, " ".join(settings.erlang_arguments)]
    )
    wanted = [each.value for group in settings_for(CONTRACT, version, "tuned").values()
              for each in group]  # fmt: skip

    assert wanted
    assert all(value in text for value in wanted)
    used = json.loads(json.dumps(settings_used(CONTRACT, version, "tuned")))
    assert sorted(each["value"] for each in used) == sorted(wanted)


def test_stock_settings_tune_nothing() -> None:
    """With stock settings only what the contract marks as stock is set, and nothing of time."""
    settings = broker_settings(CONTRACT, "3.10.8", "stock")
    stock = tuple(each.value for each in CONTRACT.broker_settings if each.stock)

    assert settings.rabbitmq_conf == stock
    assert (settings.advanced, settings.erlang_arguments) == ("", ())
