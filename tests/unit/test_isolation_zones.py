"""Zones before any namespace is made: addresses, rules, contracts, the machine's state."""

import json
from pathlib import Path

import pytest
from contracts_shop import GOOD

from gameday.clusters.zones import machine
from gameday.clusters.zones.able import Detected
from gameday.clusters.zones.layout import layout
from gameday.clusters.zones.record import create
from gameday.clusters.zones.rules import definitions, rules_of
from gameday.contracts.isolation import PLACES, PORTS, may_enter
from gameday.contracts.load import load_contract, systems
from gameday.errors import UsageError
from scenarios.zoning import Asked, isolate_and_judge
from tests.fake_isolation import declared
from tests.write_badge import DRAWN, drawn

ISOLATION = """
isolation:
  zones:
    - {name: shop, holds: a shop}
    - {name: outside, holds: everybody else}
  doors:
    - {name: amqp, open_to: [shop]}
"""


def test_no_two_zones_share_an_address() -> None:
    """Every network has addresses of its own, and the broker's zone has two networks."""
    nets = layout(declared()).nets

    assert len({net.address for net in nets}) == len({net.address_6 for net in nets}) == len(nets)
    assert [net.place for net in layout(declared()).of("broker")] == list(PLACES)


def test_the_rules_accept_what_is_declared_and_drop_the_rest() -> None:
    """Each accepted line is for one zone by interface and address; outside has none."""
    plan = layout(declared())
    rules = rules_of(declared(), plan)

    assert "policy drop;" in rules
    assert plan.interface("outside") not in rules
    assert plan.of("outside")[0].address not in rules
    for zone in ("shop", "monitoring", "peers"):
        for place in PLACES:
            opened = [p for door, p in PORTS.items() if may_enter(declared(), zone, door, place)]
            line = f'iifname "{plan.interface(zone)}" ip saddr {plan.of(zone)[0].address} '
            line += f"ip daddr {plan.broker(place).address} tcp dport"
            assert (line in rules) is bool(opened)


def test_a_door_that_is_bound_is_opened_at_its_address_alone() -> None:
    """Management listens at one address: nobody may enter at the other, nor at an unknown port."""
    assert may_enter(declared(), "monitoring", "management", "management")
    assert not may_enter(declared(), "monitoring", "management", "service")
    assert not may_enter(declared(), "monitoring", "port 1883", "service")


def test_owners_rules_can_name_every_zone() -> None:
    """Each zone has an address of both kinds and an interface by name."""
    names = definitions(layout(declared()))

    assert {"broker_service", "broker_management_6", "zone_shop", "zone_shop_6"} <= names.keys()
    assert names["from_shop"] == '"zone1"'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("open_to: [shop]", "open_to: [shp]", "doors[0].open_to[0]: expected shop or outside"),
        ("name: outside", "name: broker", "zones[1].name: expected a zone beside the broker's own"),
        ("name: outside", "name: shop", "zones[1].name: expected each name once"),
        ("name: outside", "name: Out side", "zones[1].name: "),
        (
            "open_to: [shop]}",
            "open_to: [shop]}\n    - {name: amqp}",
            "doors[1].name: expected each",
        ),
        ("name: amqp", "name: mqtt", "doors[0].name: expected amqp, management, metrics"),
    ],
)
def test_a_mistake_in_the_zones_is_one_sentence(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Whoever writes zones wrongly reads where, and what was expected."""
    path = tmp_path / "shop.yaml"
    path.write_text(GOOD + ISOLATION)
    assert load_contract(path).isolation is not None
    path.write_text(GOOD + ISOLATION.replace(old, new))

    with pytest.raises(UsageError, match=r"shop\.yaml") as raised:
        load_contract(path)
    assert f"isolation.{said}" in str(raised.value)


def test_a_criterion_needs_zones_to_judge(tmp_path: Path) -> None:
    """A contract that asks for the check and declares no zones is refused."""
    path = tmp_path / "shop.yaml"
    path.write_text(GOOD.replace("check: loss", "check: isolation"))

    with pytest.raises(UsageError, match="expected a contract with a section isolation"):
        load_contract(path)


@pytest.mark.parametrize("system", systems())
def test_zones_are_declared_where_they_are_judged(system: str) -> None:
    """In every contract with zones somebody is left outside, to whom no door is open."""
    isolation = load_contract(system).isolation
    if isolation is not None:
        opened = {name for door in isolation.doors for name in door.open_to}
        assert "outside" in {zone.name for zone in isolation.zones} - opened


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"system": "veza"}, "veza: its contract says nothing of who reaches the broker"),
        ({"system": "sparki", "rules": Path("no.nft"), "policy": Path("no.yaml")}, "one of them"),
        ({"system": "sparki", "rules": Path("no.nft")}, "no.nft: it cannot be read"),
    ],
)
def test_what_cannot_be_tried_is_one_sentence(words: dict[str, object], said: str) -> None:
    """The command refuses before it starts or writes anything."""
    with pytest.raises(UsageError, match=said):
        isolate_and_judge(Asked(**words))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("with_rules", "without", "enforced"),
    [("silent", "open", True), ("refused", "mute", True), ("open", "open", False),
     ("mute", "open", False), ("silent", "silent", None), ("silent", "refused", None)],
)  # fmt: skip
def test_detection_needs_the_difference(
    with_rules: str, without: str, enforced: bool | None
) -> None:
    """Closed with rules means nothing unless it opens without them."""
    assert Detected(with_rules, without).enforced is enforced


def test_a_script_compares_the_machine_with_what_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is as it was ends with 0; a changed forwarding ends with 1, and is named."""
    noted = tmp_path / "machine.json"
    state = machine.machine_state()
    noted.write_text(json.dumps({"forwarding": state["forwarding"]}))
    assert machine.main(["compare", str(noted)]) == 0
    noted.write_text(json.dumps({"forwarding": {"net.ipv4.ip_forward": "7"}}))
    assert machine.main(["compare", str(noted)]) == 1
    assert machine.main(["forecast"]) == 0

    said = capsys.readouterr().out
    assert "forwarding are as they were" in said
    assert "the machine's forwarding changed, by whoever" in said
    assert f"take up to {machine.FORECAST_MIB} MiB of memory" in said


def test_a_folder_that_no_shell_could_name_is_refused(tmp_path: Path) -> None:
    """A blank in the state folder's name is one sentence, and nothing is made."""
    with pytest.raises(UsageError, match="has a blank or a quote in its name"):
        create(tmp_path / "a state")
    assert not (tmp_path / "a state").exists()


def test_too_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where less is free than is needed, the sentence begins with a warning."""
    monkeypatch.setattr(machine, "free_mib", lambda: 100.0)

    assert machine.forecast().startswith("WARNING: ")


def test_the_badge_is_the_recorded_result_s() -> None:
    """docs/network-isolation.svg is drawn from docs/network-isolation.json."""
    assert DRAWN.read_text(encoding="utf-8") == drawn(), "run: python -m tests.write_badge"
