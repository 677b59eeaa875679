"""Each kind of fault has a control that must be caught under it, or the reason why none can be."""

import pytest

from chaos.catalogue import KINDS, POWERS
from chaos.limited import OverflowQueue
from chaos.plan import Entry, Episode, Plan
from gameday.history.harm import CONTROL_FOR, NO_CONTROL, TRANSIENT, UNSAFE
from scenarios.harming import ALWAYS, HARMS, NEEDS, OfControl, strikes, wanted_by


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_control_or_a_reason(kind: str) -> None:
    """One of both is said of each, and never both."""
    assert (kind in CONTROL_FOR) != (kind in NO_CONTROL)


def test_nothing_is_said_of_what_is_not_there() -> None:
    """A kind that went takes its row along, and every control stands for some kind."""
    assert CONTROL_FOR.keys() | NO_CONTROL.keys() == KINDS.keys()
    assert set(CONTROL_FOR.values()) == UNSAFE.keys() == NEEDS.keys()


@pytest.mark.parametrize("kind", CONTROL_FOR)
def test_a_cluster_that_can_do_a_kind_can_do_its_control(kind: str) -> None:
    """A kind that needs no power has a control that needs none: an attached cluster plays both."""
    assert POWERS[kind] is not None or NEEDS[CONTROL_FOR[kind]] is None


def plan_of(kind: str) -> Plan:
    """Return a plan of one fault."""
    faults = (Entry(kind=kind, target="q"),)
    return Plan(seed=1, episodes=(Episode(id="e", name="e", at_s=0, for_s=1, faults=faults),))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("nothing", set()),
        ("poison", {"control-no-dead-letters"}),
        ("remove_binding", {"control-not-mandatory"}),
        ("delete_queue", {"control-purged"}),
    ],
)
def test_a_plan_wants_the_controls_of_its_kinds(kind: str, more: set[str]) -> None:
    """Those of every run, and those of what the plan does."""
    assert wanted_by(plan_of(kind)) == ALWAYS | more


@pytest.mark.parametrize(
    ("kind", "target", "struck"),
    [
        ("kill_node", "r2", True),
        ("kill_node", "r1", False),
        ("kill_nodes", "r1, r2", True),
        ("kill_all_nodes", None, True),
        ("flap_node", "r2", True),
        ("stop_node", "r2", True),
        ("rolling_restart", "r3", False),
        ("pause_node", "r2", False),
    ],
)
def test_the_transient_control_is_struck_with_its_node(
    kind: str, target: str | None, struck: bool
) -> None:
    """Only where its own node is killed, alone or among others."""
    assert strikes(kind, target, "r2") == struck
    assert not struck or CONTROL_FOR[kind] == TRANSIENT


@pytest.mark.parametrize("control", HARMS)
def test_a_controls_fault_is_judged_as_the_controls(control: str) -> None:
    """Its class is `control`, so that no promise of the system's is judged by it."""
    fault = HARMS[control].fault(control)

    mine = OfControl(fault)

    assert (mine.kind, mine.fault_class) == (fault.kind, "control")
    assert fault.fault_class != "control"


def test_a_controls_fault_keeps_its_parameters() -> None:
    """It is the real fault, in another place."""
    fault = OverflowQueue("q", 7, "reject-publish")

    mine = OfControl(fault)

    assert mine == OfControl(OverflowQueue("q", 7, "reject-publish"))
    assert (mine.target, mine.parameters) == (
        "q", {"max_length": 7, "overflow": "reject-publish"},
    )  # fmt: skip
    assert (mine.takes_s, mine.shows_after_s) == (fault.takes_s, fault.shows_after_s)
