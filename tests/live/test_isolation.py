"""Zones on this machine with a real broker: rules with holes are caught, and closed doors are.

One broker for all; each test puts rules of its own between the zones.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chaos.heal import heal
from gameday.clusters.processes import with_token
from gameday.clusters.release import find_release
from gameday.clusters.wait import NotYet, wait_until
from gameday.clusters.zones.able import detect
from gameday.clusters.zones.layout import Layout, layout
from gameday.clusters.zones.machine import left_of, machine_state
from gameday.clusters.zones.node import BrokerNode
from gameday.clusters.zones.observe import Wanted, probe_paths
from gameday.clusters.zones.record import FILE_NAME, recorded
from gameday.clusters.zones.rules import accept, rules_of, ruleset
from gameday.clusters.zones.zones import Zones, open_zones
from gameday.history.checks.isolation import isolation
from gameday.history.finding import Finding
from gameday.history.run import load_run
from gameday.history.verdict import SCHEMA
from tests.fake_isolation import contract, declared, written

pytestmark = pytest.mark.network_isolation

FORT = declared()
PLAN: Layout = layout(FORT)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Zones, BrokerNode]]:
    """Open zones with a broker in them, its management page bound to one address."""
    with open_zones(FORT, tmp_path_factory.mktemp("state")) as zones:
        node = BrokerNode(zones, FORT, find_release(os.environ.get("GAMEDAY_TEST_BROKER")))
        node.start()
        yield zones, node


def seen_with(zones: Zones, rules: str | None) -> dict[str, Any]:
    """Probe every path with some rules and without; none are the contract's own."""
    wanted = Wanted(FORT, find_release(os.environ.get("GAMEDAY_TEST_BROKER")), rules, "a test")
    return {"problem": None, "rules_from": "a test", **probe_paths(zones, wanted)}


def judged(seen: dict[str, Any], folder: Path) -> Finding:
    """Let the check judge it, from a run folder as always."""
    run = deepcopy(written())
    run.journal.of("isolation")[0].update(seen)
    return isolation(load_run(run.write(folder / "run")), {})


def with_rule(*lines: str) -> str:
    """Return the contract's rules and more, which come first."""
    own = rules_of(FORT, PLAN).splitlines()
    at = next(number for number, line in enumerate(own) if "ct state" in line)
    return "\n".join([*own[:at], *(f"    {line}" for line in lines), *own[at:], ""])


def own_outcomes(seen: dict[str, Any], door: str) -> dict[str, str]:
    """Return what the broker's own zone met at each address of a door, over IPv4."""
    wanted = {"door": door, "family": "IPv4", "when": "before"}.items()
    return {each["place"]: each["outcome"] for each in seen["own"] if wanted <= each.items()}


def test_the_contract_s_rules_hold(stand: tuple[Zones, BrokerNode], tmp_path: Path) -> None:
    """With them everything is as declared, and each door was closed to somebody by them."""
    seen = seen_with(stand[0], None)
    finding = judged(seen, tmp_path)

    assert finding.status.name == "PASS", finding.reason
    said = {path["said"] for path in seen["paths"] if path["enforced"] == "open"}
    assert any(text.startswith("connection.start of ") for text in said)
    assert {"GET /metrics: 200", "GET /api/overview: 401", "status ok"} <= said
    # The page is bound to one address, so not even the broker's own processes find it elsewhere.
    assert own_outcomes(seen, "management") == {
        "service": "refused", "management": "open", "loopback": "refused",
    }  # fmt: skip
    assert set(own_outcomes(seen, "amqp").values()) == {"open"}


@pytest.mark.parametrize(
    ("rules", "wrong"),
    [
        pytest.param(with_rule(*accept(PLAN, "outside", "service", [5672])[:1],
                               *accept(PLAN, "shop", "management", [4369])[1:]),
                     ["outside to amqp (5672) at the broker's service address over IPv4",
                      "shop to epmd (4369) at the broker's management address over IPv6"],
                     id="two rules too many"),
        pytest.param(ruleset(accept(PLAN, "shop", "service", [5672])),
                     ["shop to amqp (5672) at the broker's management address over IPv4",
                      "monitoring to metrics (15692) at the broker's service address over IPv4"],
                     id="rules too few"),
    ],
)  # fmt: skip
def test_wrong_rules_are_caught(
    stand: tuple[Zones, BrokerNode], tmp_path: Path, rules: str, wrong: list[str]
) -> None:
    """A hole and a closed door fail, and the path is named."""
    finding = judged(seen_with(stand[0], rules), tmp_path)

    assert finding.status.name == "FAIL"
    assert any(path in finding.reason for path in wrong)
    assert set(wrong) <= set(finding.details["wrong"])


def ping_from(zones: Zones, zone: str) -> str:
    """Let an Erlang node in a zone, which knows the cookie, try to join the broker's node."""
    address = zones.plan.broker("service").address.replace(".", ",")
    lookup = zones.record.folder / "peer.inetrc"
    lookup.write_text(f'{{host,{{{address}}},["broker"]}}.\n'
                      '{host,{127,0,0,1},["peer"]}.\n{lookup,[file]}.\n')  # fmt: skip
    ask = "io:put_chars(atom_to_list(net_adm:ping('rabbit@broker'))), halt()."
    home, release = zones.record.folder / "home", find_release(None)
    erl = ["erl", "-noshell", "-sname", "peer@peer", "-eval", ask]
    words = [*release.enter(zones.record.folder), "env", f"HOME={home}", f"ERL_INETRC={lookup}"]
    return zones.output(zone, [*words, *erl]).strip()


@pytest.mark.nightly
def test_a_peer_needs_the_port_mapper_too(tmp_path: Path) -> None:
    """With 25672 alone, as sparki's plan lists it, no peer joins; with 4369 one does."""
    with open_zones(FORT, tmp_path) as zones:
        BrokerNode(zones, FORT, find_release(None)).start()
        zones.enforce(ruleset(accept(PLAN, "peers", "service", [25672])))
        assert ping_from(zones, "peers") == "pang"
        zones.enforce(ruleset(accept(PLAN, "peers", "service", [25672, 4369])))
        assert ping_from(zones, "peers") == "pong"
        assert ping_from(zones, "outside") == "pang"


def test_without_rules_nothing_is_isolated(stand: tuple[Zones, BrokerNode], tmp_path: Path) -> None:
    """No rules at all are holes everywhere, but where nothing listens."""
    finding = judged(seen_with(stand[0], ""), tmp_path)

    assert finding.status.name == "FAIL"
    assert finding.details["closed_by_listener"] > 0
    assert finding.details["wrong"]


def test_a_dead_broker_proves_nothing(stand: tuple[Zones, BrokerNode], tmp_path: Path) -> None:
    """Everything is closed to a broker that is down, and that is unknown, never a pass."""
    zones, node = stand
    node.kill()
    finding = judged(seen_with(zones, None), tmp_path)

    assert finding.status.name == "UNKNOWN"
    assert "the broker was not up: amqp (5672)" in finding.reason


def test_the_detection_tells_rules_from_none(tmp_path: Path) -> None:
    """Rules are seen to be enforced, and where they drop nothing, not to be; nothing is left."""
    before = machine_state()["forwarding"], machine_state()["namespaces"]

    assert detect(tmp_path).enforced is True
    assert detect(tmp_path, rules="").enforced is False
    assert (machine_state()["forwarding"], machine_state()["namespaces"]) == before
    assert recorded(tmp_path) == []


def test_a_killed_harness_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `kill -9` the kernel takes zones and broker away; heal removes the folder, once."""
    monkeypatch.setenv("GAMEDAY_STATE_DIR", str(tmp_path / "state"))
    words = [sys.executable, "-m", "scenarios", "isolation", "--out", str(tmp_path / "runs")]
    with (tmp_path / "output").open("w") as output:
        child = subprocess.Popen(words, stdout=output, stderr=output)

    def broker_runs() -> Path | NotYet:
        assert child.poll() is None, (tmp_path / "output").read_text()
        found = list((tmp_path / "state" / "zones").glob("*/logs/console.log"))
        return found[0].parents[1] if found else NotYet("no broker yet")

    folder = wait_until(broker_runs, 60, "a broker started in its zone", poll_ms=50)
    token = json.loads((folder / FILE_NAME).read_text())["token"]
    assert len(list(with_token(token))) > 2
    child.send_signal(signal.SIGKILL)
    child.wait()

    wait_until(lambda: not list(with_token(token)), 10, "every process of the zones gone")
    (left,) = recorded(tmp_path / "state")
    assert left_of(left) == [f"folder {folder}"]
    assert any("network zones" in each for each in heal(state_dir=tmp_path / "state").sentences)
    assert heal(state_dir=tmp_path / "state").sentences == ()
    assert left_of(left) == []


@pytest.mark.nightly
@pytest.mark.parametrize("system", ["sparki", "evaluations"])
def test_the_command_decides_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """`gameday isolation` ends GO with a page, a JUnit file and a badge; judged again, the same."""
    monkeypatch.setenv("GAMEDAY_STATE_DIR", str(tmp_path / "state"))
    words = [sys.executable, "-m", "scenarios"]
    again = [*words, "check", str(tmp_path / "latest")]
    done = subprocess.run(
        [*words, "isolation", system, "--out", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    folder = tmp_path / "latest"
    verdict = (folder / "verdict.json").read_bytes()

    assert done.returncode == 0, done.stdout + done.stderr
    assert "take up to 260 MiB of memory" in done.stderr.splitlines()[0]
    found = json.loads(verdict)
    assert found["decision"] == "GO"
    assert found["passed"] == found["claimed"] == (1 if system == "sparki" else 2)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(found)
    assert "network isolation: passing" in (folder / "badge.svg").read_text()
    assert 'failures="0" errors="0"' in (folder / "junit.xml").read_text()
    assert "Isolation" in (folder / "report.html").read_text()
    assert subprocess.run(again, check=False, capture_output=True).returncode == 0
    assert (folder / "verdict.json").read_bytes() == verdict


@pytest.mark.nightly
def test_a_full_suite_looks_at_the_network_before_its_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A game day that claims such a row opens zones beside its cluster, and judges it with it."""
    monkeypatch.setenv("GAMEDAY_STATE_DIR", str(tmp_path / "state"))
    asked = contract().model_dump(mode="json", by_alias=True, exclude_unset=True)
    kept = {"id": "fort-04", "statement": "Confirmed is kept.", "criteria": [{"check": "loss"}]}
    asked["requirements"].append({**kept, "suites": ["full"]})
    asked |= {"nodes": 1, "suites": {"full": [{"scenario": "control"}]}}
    path = tmp_path / "fort.yaml"
    path.write_text(json.dumps(asked))
    words = ["run", str(path), "--suite", "full", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "scenarios", *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = json.loads((tmp_path / "latest" / "verdict.json").read_text())
    assert set(found["requirements"].values()) == {"pass"}
    assert "closed by the rules" in (tmp_path / "latest" / "report.html").read_text()
