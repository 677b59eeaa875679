"""An upgrade before it is played: what is refused, which design is chosen, and what it claims."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gameday.clusters.release import Release
from gameday.errors import UsageError
from gameday.history.checks.upgrades import DECLARE, MOVE, REHEARSE, RETIRE
from scenarios.refusing import plain
from scenarios.upgrade import command, options
from scenarios.upgrade.options import ROLLING, STEPS, WAYS, Asked, ready
from scenarios.upgrade.requirements import requirements
from scenarios.upgrade.steps import PLAYED

BROKERS: Mapping[str | None, Release] = {
    version: Release(version, Path("sbin")) for version in ("3.10.8", "3.13.7", "4.0.5", "4.3.6")
}


@pytest.fixture(autouse=True)
def brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every version be on this machine."""
    monkeypatch.setattr(options, "find_release", lambda wanted: BROKERS[wanted])
    monkeypatch.setattr(Release, "has_plugin", lambda *_: True)


def test_a_broker_without_shovels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing could be moved to it, nor back."""
    monkeypatch.setattr(Release, "has_plugin", lambda *_: False)

    with pytest.raises(UsageError, match="has no plugin rabbitmq_shovel_management"):
        ready(Asked(old="3.10.8", new="4.3.6"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(old="4.3.6"), "--to: name the version"),
        (Asked(old="4.3.6", new="4.0.5"), "goes forward"),
        (Asked(old="4.0.5", new="4.3.6", how="jump"), "is none of"),
        (Asked(old="4.0.5", new="4.3.6", nodes=2), "neither 1 nor 3"),
        (Asked(old="4.0.5", new="4.3.6", alternative="nope"), "no alternative"),
        (Asked(old="4.3.6", new="4.3.6", how="rolling"), "one node cannot roll"),
    ],
)
def test_what_cannot_be_played_is_refused(asked: Asked, said: str) -> None:
    """One sentence, before anything is started."""
    with pytest.raises(UsageError, match=said):
        ready(asked)


@pytest.mark.parametrize(
    ("old", "new", "named", "chosen"),
    [
        ("3.10.8", "4.3.6", None, "quorum-builds"),
        ("3.10.8", "3.13.7", None, None),
        ("4.0.5", "4.3.6", None, None),
        ("3.10.8", "4.0.5", "none", None),
        ("4.0.5", "4.3.6", "quorum-builds", "quorum-builds"),
    ],
)
def test_the_design_for_the_new_broker(
    old: str, new: str, named: str | None, chosen: str | None
) -> None:
    """Where the new broker refuses something, the alternative that does without is taken."""
    found = ready(Asked(old=old, new=new, alternative=named))

    assert found.alternative == chosen
    builds = next(each for each in found.shape.topology.queues if each.name == "builds")
    assert builds.type == ("quorum" if chosen else "classic")
    assert (found.contract.nodes, found.shape.nodes) == (1, 1)


@pytest.mark.parametrize("how", [each for each in WAYS if each != ROLLING])
def test_every_step_is_played_and_judged(how: str) -> None:
    """Each step has its function, and the checks find those that they ask for, in that order."""
    steps = STEPS[how]

    assert set(steps) <= PLAYED.keys()
    assert [each for each in steps if each in {DECLARE, MOVE, REHEARSE, RETIRE}] == [
        DECLARE, REHEARSE, MOVE, RETIRE,
    ]  # fmt: skip


def test_no_step_is_there_for_nothing() -> None:
    """Every function belongs to a way."""
    assert {step for steps in STEPS.values() for step in steps} == PLAYED.keys()


def test_shovels_promise_no_order() -> None:
    """What cannot be promised is not tested, with its reason; all else is claimed either way."""
    rows = {
        how: {each.id: each for each in requirements(ready(Asked(old="3.10.8", new="4.3.6",
                                                                 how=how)))}
        for how in ("drain", "shovel")
    }  # fmt: skip

    assert rows["drain"].keys() == rows["shovel"].keys()
    assert rows["drain"]["upgrade-order"].criteria
    assert rows["shovel"]["upgrade-order"].not_tested is not None


def test_a_rolling_upgrade_says_why_it_is_not_tested() -> None:
    """Its row stands in every upgrade's report, with the versions that would allow it."""
    (row,) = [each for each in requirements(ready(Asked(old="3.10.8", new="4.3.6")))
              if each.id == "upgrade-rolling"]  # fmt: skip

    assert row.not_tested is not None
    assert "only from 4.2" in row.not_tested.reason


def test_who_cannot_roll_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between these versions it ends not tested, with the reason, as exit code 3."""
    monkeypatch.setattr(command, "upgrade", pytest.fail)

    code = command.upgrade_and_judge(Asked(old="3.10.8", new="4.0.5", how="rolling", nodes=3))

    assert code == 3
    said = capsys.readouterr().out
    assert "not tested: 4.0 takes a rolling upgrade only from 3.13" in said


def test_a_rolling_upgrade_is_judged_on_the_design_that_rolls() -> None:
    """Where versions allow it, it claims what it can hold; the alternative is there from the start.

    Nothing is moved, so nothing is said of order and of what came twice.
    """
    asked = Asked(old="4.3.6", new="4.3.6", how="rolling", nodes=3, alternative="quorum-builds")
    found = ready(asked)

    assert command.cannot_roll(found) == ""
    assert {each.id for each in requirements(found)} == {
        "upgrade-loss", "upgrade-service", "upgrade-rolling",
    }  # fmt: skip
    builds = next(each for each in found.contract.topology.queues if each.name == "builds")
    assert (builds.type, found.contract.nodes) == ("quorum", 3)


PLAIN = (
    r'POST http://h/api: 400 {"error":"bad_request","reason":"Validation failed [{<<\"ha-mode'
    r'\">>,<<\"all\">>}] are not recognised policy settings (vhost: \"v\")"}'
)
IN_HTML = (
    r'POST http://h/api: 400 {"error":"bad_request","reason":"&lt;&lt;\"Validation failed\\n'
    r"[{&lt;&lt;\\\"ha-mode\\\"&gt;&gt;,&lt;&lt;\\\"all\\\"&gt;&gt;}] are not recognised "
    r'policy settings\"&gt;&gt;"}'
)


@pytest.mark.parametrize("said", [PLAIN, IN_HTML])
def test_the_brokers_words_can_be_read(said: str) -> None:
    """Erlang's brackets, escapes and 4.0's HTML are gone; the sentence and its names are left."""
    found = plain(said)

    assert "Validation failed" in found
    assert "ha-mode" in found
    assert "not recognised policy settings" in found
    assert not set('<>\\"{}&') & set(found)
