"""The engine of faults, without a broker: every path ends where it began, and says so."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos import lease, runs
from chaos.fault import Nothing, Single, Site, Together
from chaos.interrupts import Interrupts
from chaos.journal import Journal, read, verify
from chaos.rescue import open_faults
from chaos.revert import NotRestoredError, Recipe, Revert, Seen, Target
from chaos.reverts import RECIPES, process_goes_on
from chaos.steps import undo
from chaos.steps import verify as verify_healed
from chaos.watchdog import overdue
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError

PARTS = ("a", "b", "c")


@dataclass
class Toy:
    """A target in memory: some parts, each with a value that faults change."""

    parts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    failures: dict[str, int] = field(default_factory=dict)

    def may_fail(self, what: str) -> None:
        """Fail as often as it was told to."""
        if self.failures.get(what, 0):
            self.failures[what] -= 1
            raise HarnessError(f"{what} failed on purpose")

    def restore(self, values: Mapping[str, Any]) -> None:
        """Set the recorded values again."""
        for part, value in values.items():
            self.may_fail("revert")
            self.parts[part] = value


def toy(cluster: Target) -> Toy:
    """Take the cluster for what it is here."""
    return cast("Toy", cluster)


RECIPE = Recipe(
    revert=lambda cluster, values: toy(cluster).restore(values),
    healed=lambda cluster, values: Seen(
        all(toy(cluster).parts[part] == value for part, value in values.items()),
        dict(toy(cluster).parts),
    ),
    within_s=0.01,
    fallback=lambda cluster, values: toy(cluster).parts.update(values),
)
BROKEN = Recipe(RECIPE.revert, RECIPE.healed, 0.01)


@dataclass(frozen=True)
class Shift(Single):
    """Add one to two parts, one after the other, so that it can fail half way."""

    part: str
    recipe: str = "toy"
    kind: ClassVar[str] = "shift"
    fault_class: ClassVar[str] = "control"

    def _parts(self) -> tuple[str, str]:
        return self.part, PARTS[(PARTS.index(self.part) + 1) % 3]

    def capture(self, site: Site) -> Revert:
        """Record both parts."""
        parts = toy(site.cluster).parts
        return Revert(self.recipe, {part: parts[part] for part in self._parts()})

    def apply(self, site: Site) -> None:
        """Change the first part, then maybe fail, then change the second."""
        target = toy(site.cluster)
        for part in self._parts():
            target.may_fail("apply")
            target.parts[part] += 1
            site.at("apply")

    def observe(self, site: Site) -> Seen:
        """See both parts, unless looking fails."""
        toy(site.cluster).may_fail("observe")
        return Seen(yes=True, evidence=dict(toy(site.cluster).parts))


@pytest.fixture(autouse=True)
def recipes() -> Iterator[None]:
    """Know the toy's recipes for the time of a test, and wait for nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "toy", RECIPE)
        patch.setitem(RECIPES, "broken", BROKEN)
        patch.setattr("chaos.steps.FALLBACK_WITHIN_S", 0.01)
        patch.setattr("chaos.steps.OBSERVED_WITHIN_S", 0.01)
        yield
        for context in KEPT_OPEN:
            with suppress(HarnessError):
                context.close()
        KEPT_OPEN.clear()


def site_of(folder: Path, **changes: Any) -> Site:
    """Return a site with a toy for a target."""
    cluster = cast("Target", changes.pop("cluster", Toy()))
    return Site(cluster, Journal(folder / "journal.jsonl"), episode="e1", **changes)


def steps_of(folder: Path, fault: str | None = None) -> list[str]:
    """Return the steps that the journal has, of one fault or of all."""
    lines = read(folder / "journal.jsonl")
    return [line["step"] for line in lines if fault in {None, line["fault"]}]


WHOLE = ["intent", "applied", "observed", "reverting", "reverted", "restored"]


def test_every_step_is_in_the_journal(tmp_path: Path) -> None:
    """A fault that goes as it should leaves its six steps, the first with the recipe."""
    site = site_of(tmp_path)
    with Shift("a").inject(site):
        assert toy(site.cluster).parts == {"a": 1, "b": 1, "c": 0}

    assert steps_of(tmp_path) == WHOLE
    intent = read(site.journal.path)[0]
    assert intent["revert"] == {"kind": "toy", "values": {"a": 0, "b": 0}}
    assert tuple(intent[name] for name in ("fault", "kind", "target", "fault_class")) == (
        "e1.1",
        "shift",
        "a",
        "control",
    )
    assert toy(site.cluster).parts == {"a": 0, "b": 0, "c": 0}


def test_the_intent_is_on_the_disk_before_anything_happens(tmp_path: Path) -> None:
    """When a fault is applied, its intent can already be read by somebody else."""
    seen: list[list[str]] = []
    site = site_of(tmp_path, at=lambda _point: seen.append(steps_of(tmp_path)))
    with Shift("a").inject(site):
        pass

    assert seen[0] == ["intent"]
    assert seen[1] == ["intent"], "half applied, and not yet said to be"


def test_a_fault_without_effect_is_noted_and_not_raised(tmp_path: Path) -> None:
    """What nobody could observe is `not_observed`; the body runs and the fault is reverted."""
    site = site_of(tmp_path, cluster=Toy(failures={"observe": 999}))
    with Shift("a").inject(site):
        pass

    assert [*WHOLE[:2], "not_observed", *WHOLE[3:]] == steps_of(tmp_path)


def test_a_fault_that_fails_half_way_is_undone(tmp_path: Path) -> None:
    """A failure between two changes leaves neither."""
    target = Toy()
    site = site_of(
        tmp_path, cluster=target, at=lambda point: target.failures.update(apply=point == "apply")
    )
    with pytest.raises(HarnessError, match="apply failed"), Shift("a").inject(site):
        pytest.fail("the body of a fault that was not applied must not run")

    assert dict.fromkeys(PARTS, 0) == target.parts
    assert steps_of(tmp_path) == ["intent", "reverting", "reverted", "restored"]


def test_a_failing_revert_falls_back(tmp_path: Path) -> None:
    """When the first way fails the other way is taken, and the trouble is in the journal."""
    site = site_of(tmp_path, cluster=Toy(failures={"revert": 1}))
    with Shift("a").inject(site):
        pass

    assert dict.fromkeys(PARTS, 0) == toy(site.cluster).parts
    reverted = read(site.journal.path)[4]
    assert "revert failed on purpose" in reverted["evidence"]["trouble"]


def test_what_is_hopeless_is_not_waited_for(tmp_path: Path) -> None:
    """Looks end at once where nothing will heal by itself; the other way is taken, and kept."""
    looks: list[bool] = []

    def mended_only(cluster: Target, values: Mapping[str, Any]) -> Seen:
        mended = toy(cluster).parts["c"] == 7
        looks.append(mended)
        return Seen(mended, {"looks": len(looks)}, hopeless=not mended)

    def mend(cluster: Target, _values: Mapping[str, Any]) -> None:
        toy(cluster).parts["c"] = 7

    site = site_of(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "toy", Recipe(RECIPE.revert, mended_only, 60, mend))
        with Shift("a").inject(site):
            pass

    assert looks == [False, True]
    restored = read(site.journal.path)[-1]
    assert restored["step"] == "restored"
    assert restored["evidence"]["not_by_itself"] == {"looks": 1}


def test_what_cannot_be_undone_is_loud(tmp_path: Path) -> None:
    """A fault that stays is `not_restored`, raised, and still open for somebody to heal."""
    site = site_of(tmp_path, cluster=Toy(failures={"revert": 999}))
    with pytest.raises(NotRestoredError, match="gameday heal"), Shift("a", "broken").inject(site):
        pass

    assert steps_of(tmp_path)[-1] == "not_restored"
    assert [opened.fault for opened in open_faults(tmp_path)] == ["e1.1"]


def test_together_reverts_in_reverse_and_verifies_last(tmp_path: Path) -> None:
    """Two faults are reverted the last one first, and looked at when both are reverted."""
    site = site_of(tmp_path)
    with Together((Shift("a"), Nothing(), Shift("b"))).inject(site):
        assert toy(site.cluster).parts == {"a": 1, "b": 2, "c": 1}

    lines = read(site.journal.path)
    ending = [(line["fault"], line["step"]) for line in lines][6:]
    assert ending == [
        ("e1.2", "reverting"),
        ("e1.2", "reverted"),
        ("e1.1", "reverting"),
        ("e1.1", "reverted"),
        ("e1.2", "restored"),
        ("e1.1", "restored"),
    ]


def test_overlapping_faults_strike_in_their_time(tmp_path: Path) -> None:
    """A fault with a time of its own strikes while the first is in force, and not before."""
    site = site_of(tmp_path)
    with Together((Shift("a"), Shift("b")), (0.0, 0.2)).inject(site):
        assert toy(site.cluster).parts == {"a": 1, "b": 2, "c": 1}

    times = {(line["fault"], line["step"]): line["time_ns"] for line in read(site.journal.path)}
    late_ns = times["e1.2", "intent"] - times["e1.1", "observed"]
    assert late_ns >= 0.2e9, "it struck too early"
    assert times["e1.2", "reverting"] < times["e1.1", "reverting"], "healed in reverse"


def test_a_full_disk_keeps_no_fault_in_force(tmp_path: Path) -> None:
    """A journal that takes nothing more is told, after everything has been put right."""
    target = Toy()
    site = site_of(tmp_path, cluster=target)
    injected = Together((Shift("a"), Shift("c"))).inject(site)
    injected.__enter__()
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, site.journal._file)
    os.close(full)
    with pytest.raises(HarnessError, match=r"not everything about it is on record.*No space left"):
        injected.__exit__(None, None, None)

    assert target.parts == dict.fromkeys(PARTS, 0)


def test_without_room_for_the_intent_nothing_is_broken(tmp_path: Path) -> None:
    """A fault whose intent cannot be written down is not applied."""
    target = Toy()
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    site = site_of(tmp_path, cluster=target)
    with pytest.raises(HarnessError, match="No space left"), Shift("a").inject(site):
        pytest.fail("it was injected")

    assert target.parts == dict.fromkeys(PARTS, 0)


def test_one_revert_that_fails_stops_no_other(tmp_path: Path) -> None:
    """The first fault is put right although the second cannot be."""
    target = Toy()
    site = site_of(tmp_path, cluster=target)
    broken = Together((Shift("a"), Shift("c", "broken"))).inject(site)
    broken.__enter__()
    target.failures["revert"] = 1
    with pytest.raises(NotRestoredError):
        broken.__exit__(None, None, None)

    assert [opened.fault for opened in open_faults(tmp_path)] == ["e1.2"]
    assert steps_of(tmp_path, "e1.1")[-1] == "restored"


def test_a_guard_refuses_before_anything_is_written(tmp_path: Path) -> None:
    """What the guard refuses leaves no trace."""

    def refuse() -> None:
        raise HarnessError("not today")

    for fault in (Shift("a"), Nothing()):
        with pytest.raises(HarnessError, match="not today"):
            fault.inject(site_of(tmp_path, guard=refuse)).__enter__()
    assert read(tmp_path / "journal.jsonl") == ()


def test_a_fault_that_somebody_else_undid_is_told(tmp_path: Path) -> None:
    """When the watchdog was faster, the run learns that its measurements are void."""
    site = site_of(tmp_path)
    fault = Shift("a").inject(site)
    fault.__enter__()
    [opened] = open_faults(tmp_path)
    undo(opened, site.cluster, site.journal, by="watchdog")
    assert verify_healed(opened, site.cluster, site.journal, by="watchdog")
    with pytest.raises(HarnessError, match="outlived its time"):
        fault.__exit__(None, None, None)

    assert dict.fromkeys(PARTS, 0) == toy(site.cluster).parts
    assert list(open_faults(tmp_path)) == []


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(PARTS),
        st.sampled_from(("fine", "apply", "half", "observe", "revert", "body", "crash")),
    ),
    min_size=1,
    max_size=6,
)


@given(actions=ACTIONS, nested=st.booleans())
@settings(max_examples=25, deadline=None)
def test_whatever_happens_the_end_is_the_beginning(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str]], nested: bool
) -> None:
    """Over random sequences of faults that work, fail, fail in part, or whose runner dies."""
    folder = tmp_path_factory.mktemp("run")
    target = Toy()
    site = site_of(folder, cluster=target)
    chosen = [actions] if nested else [[action] for action in actions]
    for group in chosen:
        with suppress(HarnessError):
            _play(site, target, group)
    heal_toy(folder, site)
    first = dict(target.parts)
    heal_toy(folder, site)

    assert dict.fromkeys(PARTS, 0) == first == target.parts
    assert open_faults(folder) == ()
    assert verify(folder / "journal.jsonl") == []


def _play(site: Site, target: Toy, group: list[tuple[str, str]]) -> None:
    """Inject one fault inside the other, each with its own mishap."""
    with ExitStack() as stack:
        for part, mishap in group:
            if mishap in {"apply", "observe", "revert"}:
                target.failures[mishap] = 1
            where = _failing_half_way(site, target) if mishap == "half" else site
            stack.enter_context(Shift(part).inject(where))
            if mishap == "crash":
                # A process that dies runs no more of its own code: nothing is left.
                KEPT_OPEN.append(stack.pop_all())
                return
            if mishap == "body":
                raise HarnessError("the body failed")


KEPT_OPEN: list[ExitStack] = []
"""Contexts of runners that died: closing them would be putting right what nobody was there for."""


def _failing_half_way(site: Site, target: Toy) -> Site:
    """Return a site where a fault fails between its two changes."""

    def fail_next(point: str) -> None:
        if point == "apply":
            target.failures["apply"] = 1

    return Site(
        site.cluster, site.journal, episode=site.episode, numbers=site.numbers, at=fail_next
    )


def heal_toy(folder: Path, site: Site) -> None:
    """Put right what is open, the last one first, as a rescuer does."""
    toy(site.cluster).failures.clear()
    faults = open_faults(folder)
    for opened in reversed(faults):
        undo(opened, site.cluster, site.journal, by="heal")
    for opened in reversed(faults):
        verify_healed(opened, site.cluster, site.journal, by="heal")


def test_a_signal_interrupts_the_body_and_never_the_revert(tmp_path: Path) -> None:
    """Ctrl-C in the body and SIGTERM in the revert: all is undone, and one interrupt raised."""
    interrupts = Interrupts()

    def interrupt_revert(point: str) -> None:
        if point == "reverting":
            signal.raise_signal(signal.SIGTERM)

    site = site_of(tmp_path, interrupts=interrupts, at=interrupt_revert)
    with interrupts.handled():
        with pytest.raises(KeyboardInterrupt), Shift("a").inject(site):
            signal.raise_signal(signal.SIGINT)
        assert interrupts.hurry
        assert interrupts.limit_s(90) == 3.0

    assert steps_of(tmp_path) == WHOLE


def test_a_signal_during_the_revert_is_held_back(tmp_path: Path) -> None:
    """A first signal that comes during the revert interrupts only after it."""
    interrupts = Interrupts()

    def interrupt_revert(point: str) -> None:
        if point == "undone":
            signal.raise_signal(signal.SIGHUP)

    site = site_of(tmp_path, interrupts=interrupts, at=interrupt_revert)
    with interrupts.handled(), pytest.raises(KeyboardInterrupt), Shift("a").inject(site):
        pass

    assert steps_of(tmp_path) == WHOLE


def fault_line(step: str, at_s: float, **more: Any) -> dict[str, Any]:
    """Return a line of a fault's life."""
    return {"event": "fault", "fault": "e1.1", "step": step, "time_ns": int(at_s * 1e9), **more}


def test_a_fault_is_overdue_after_its_time() -> None:
    """The intent says how long; a revert that has begun is given time of its own."""
    intent = fault_line("intent", 100, ttl_s=20)
    reverting = fault_line("reverting", 119)

    assert not overdue("e1.1", (intent,), int(119e9))
    assert overdue("e1.1", (intent,), int(121e9))
    assert not overdue("e1.1", (intent, reverting), int(121e9))
    assert overdue("e1.1", (intent, reverting), int(500e9))


def test_a_lease_that_nobody_renews_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader counts by its own clock since the last change; a torn read is no change."""
    now = [0.0]
    monkeypatch.setattr("chaos.lease.time.monotonic", lambda: now[0])
    file = tmp_path / lease.FILE_NAME
    file.write_text("1")
    reader = lease.Reader(tmp_path)
    for number, moment in enumerate((3.0, 6.0, 9.0), start=2):
        now[0] = moment
        file.write_text(str(number))
        assert not reader.expired
    now[0] = 13.0
    file.write_text("")
    assert not reader.expired
    now[0] = 14.5
    assert reader.expired


def test_a_held_lease_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the context is open the number grows."""
    monkeypatch.setattr("chaos.lease.BEAT_S", 0.01)
    file = tmp_path / lease.FILE_NAME
    with lease.held(tmp_path):
        assert wait_until(lambda: file.read_text() > "2", 5, "the lease beat twice", poll_ms=5)


def test_a_run_is_found_by_its_folder_and_by_the_register(tmp_path: Path) -> None:
    """What begins is in both places, private, and gone from the register when struck off."""
    folder = tmp_path / "run"
    folder.mkdir()
    record = runs.begin("r-1", folder, tmp_path / "state", 24800)

    assert record == runs.load(folder)
    assert [record] == runs.registered(tmp_path / "state")
    assert record.is_running
    assert record.token not in str(record.folder)
    assert (folder / runs.FILE_NAME).stat().st_mode & 0o777 == 0o600
    runs.strike_off(record)
    assert runs.registered(tmp_path / "state") == []


def test_a_folder_without_a_run_is_one_sentence(tmp_path: Path) -> None:
    """Healing something that is no run folder says so."""
    with pytest.raises(HarnessError, match="is no record of a run"):
        runs.load(tmp_path)


def test_a_process_with_a_used_id_is_left_alone() -> None:
    """A recipe for a process that is gone is healed, whoever has its id now."""
    values = {"pid": 1, "start_ticks": -1}
    assert process_goes_on(cast("Target", None), values).evidence == {"state": "gone"}
