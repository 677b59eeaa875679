"""The negative controls: where they live, and which of them a plan can harm."""

from typing import Any

import pytest

from chaos.plan import Entry, Episode, Plan
from scenarios.harming import transient_node

NODES = ("r1", "r2", "r3")


def plan_of(*faults: dict[str, Any]) -> Plan:
    """Return a plan with one episode for each fault."""
    return Plan(
        seed=1,
        episodes=tuple(
            Episode(id=f"e{n}", name=f"e{n}", at_s=n * 30, for_s=5, faults=(Entry(**each),))
            for n, each in enumerate(faults)
        ),
    )


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (({"kind": "nothing"}, {"kind": "kill_node", "target": "leader of q"}), "r2"),
        (({"kind": "kill_node", "target": "r3"},), "r3"),
        (({"kind": "nothing"}, {"kind": "nothing"}, {"kind": "kill_all_nodes"}), "r3"),
        (({"kind": "kill_follower", "target": "follower of q"},), "r2"),
        (({"kind": "nothing"}, {"kind": "kill_follower", "target": "follower of q"}), "r1"),
        (({"kind": "nothing"}, {"kind": "forget_node", "target": "leader of q"}), "r2"),
        (({"kind": "disk_alarm", "target": "r1"},), None),
    ],
)
def test_the_transient_control_lives_where_the_plan_kills(
    faults: tuple[dict[str, Any], ...], expected: str | None
) -> None:
    """It lives on the node that the first kill strikes; without one it is not run."""
    assert transient_node(plan_of(*faults), NODES) == expected


def test_a_queue_with_one_copy_is_struck_where_it_is() -> None:
    """Its node leads in every episode, so the control lives there: unmirrored on 4.0 and later."""
    plan = plan_of({"kind": "nothing"}, {"kind": "kill_node", "target": "leader of q"})

    assert transient_node(plan, NODES, "r3") == "r3"
    assert transient_node(plan_of({"kind": "kill_node", "target": "r2"}), NODES, "r3") == "r2"
