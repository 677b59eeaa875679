"""What an owner's file lets be played and claimed, and what its commands do when they fail."""

import json
import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from test_attached_file import good, written

from chaos.by_command import Owner
from chaos.catalogue import KINDS, POWERS
from chaos.clients import KillClient
from chaos.fault import Nothing
from chaos.guard import Others, allow, allow_beside
from chaos.journal import FILE_NAME, Journal, read
from chaos.nodes import KillNode
from chaos.plan import Entry, Episode, Plan
from chaos.proofs import HEALED, PROOFS, TEMPLATES, template_of
from gameday.clusters import commanding
from gameday.clusters.cluster_file import Faults, read_file
from gameday.clusters.commanded import POWERS as TEMPLATE_POWERS
from gameday.clusters.commanded import CommandedCluster, load, made_of
from gameday.clusters.processes import is_alive, reference
from gameday.clusters.templates import Ready
from gameday.clusters.wait import wait_until
from gameday.errors import HarnessError, PrepareError, UsageError
from scenarios.allowed import allowed, file_of, owned_hosts, rehearse
from scenarios.claims import claims
from scenarios.options import Options
from scenarios.run import contract_of, loaded_of
from scenarios.screen import Screen


def options(folder: Path, content: dict[str, Any] | None = None, **more: Any) -> Options:
    """Return options with a cluster file."""
    path = written(folder, content or good())
    return Options(cluster="attached", cluster_file=path, **more)


def plan_of(kind: str, target: str) -> Plan:
    """Return a plan of one fault."""
    faults = (Entry(kind=kind, target=target),)
    return Plan(seed=1, episodes=(Episode(id="e1", name=kind, at_s=1, for_s=1, faults=faults),))


A_KILL = plan_of("kill_node", "leader of builds")


def test_tables_agree() -> None:
    """Each template has its proof, its healing, its power and a kind of fault that needs it."""
    names = set(Faults.model_fields)
    ways = ("reset", "silent")
    needed = {template_of(kind, {"how": how}) for kind in TEMPLATES for how in ways}

    assert names == set(PROOFS) == set(HEALED) == set(TEMPLATE_POWERS) == needed
    for kind in TEMPLATES:
        template = template_of(kind, {})
        assert kind in KINDS
        assert TEMPLATE_POWERS[str(template)] == POWERS[kind]


def test_plays_what_has_commands_and_says_what_has_not(tmp_path: Path) -> None:
    """Episodes without commands are left out with the reason; the others begin in turn."""
    asked = options(tmp_path)

    found = allowed(contract_of(asked), asked, read_file(tmp_path / "own.yaml"))

    assert [each.name for each in found.plan.episodes] == [
        "control", "kill-leader", "partition-silent", "disk-alarm", "poison",
    ]  # fmt: skip
    [(name, reason)] = found.left_out
    assert name == "partition-reset"
    assert "own.yaml has no commands for isolate_reset — run with: gameday run sparki" in reason
    starts = [each.at_s for each in found.plan.episodes]
    assert starts == sorted(set(starts))


def test_what_only_containers_play_is_left_out_with_the_way(tmp_path: Path) -> None:
    """Of the full suite's episodes for containers each names the cluster that plays it."""
    asked = options(tmp_path, suite="full")

    found = allowed(contract_of(asked), asked, read_file(tmp_path / "own.yaml"))

    left_out = dict(found.left_out)
    again = "run with: gameday run sparki --suite full --cluster compose"
    assert left_out["stop-leader"] == f"the suite plays it on compose — {again}"
    assert left_out["off-the-network"].endswith("gameday run sparki --cluster compose")


def test_claims_nothing_that_an_unplayed_episode_would_prove(tmp_path: Path) -> None:
    """Half of the partitions is no partition: what asks for them is not tested, and says why."""
    asked = options(tmp_path)
    contract = contract_of(asked)
    found = allowed(contract, asked, read_file(tmp_path / "own.yaml"))

    claimed, dropped = claims(contract, asked, found.powers, found.reasons)

    assert found.powers == {"kill_node", "disk_alarm", "spare_door"}
    rows = {row.id: row for row in contract.requirements}
    assert claimed
    assert not any("partition" in rows[each].needs for each in claimed)
    reasons = {each["id"]: each["reason"] for each in dropped}
    parted = [each for each in reasons if "partition" in rows[each].needs]
    assert parted
    assert all("no commands for isolate_reset" in reasons[each] for each in parted)
    beside = [each for each in reasons if rows[each].needs == ("boot_beside",)]
    assert all("no command template does boot_beside" in reasons[each] for each in beside)
    assert beside


def test_given_plan_must_be_doable(tmp_path: Path) -> None:
    """A plan is what somebody asked for: what cannot be done of it is refused, not left out."""
    plan_of("stop_node", "a").save(tmp_path / "plan.json")
    asked = options(tmp_path, plan=tmp_path / "plan.json")

    with pytest.raises(UsageError, match=r"plan\.json: stop_node: own\.yaml has no commands"):
        allowed(contract_of(asked), asked, read_file(tmp_path / "own.yaml"))


def test_the_door_of_a_control_is_no_fault_of_the_system_s(tmp_path: Path) -> None:
    """The power over it plays the control's own fault, which no plan may have, and nothing else."""
    plan_of("swallow_then_close", "a").save(tmp_path / "plan.json")
    asked = options(tmp_path, plan=tmp_path / "plan.json")

    assert [kind for kind, power in POWERS.items() if power == "spare_door"] == [
        "swallow_then_close"
    ]
    with pytest.raises(UsageError, match="no command template does swallow_then_close"):
        allowed(contract_of(asked), asked, read_file(tmp_path / "own.yaml"))


def test_scenario_asked_for_by_name_must_be_doable(tmp_path: Path) -> None:
    """A run of the control alone would be no answer to who asked for a scenario."""
    asked = options(tmp_path, scenario="stop-app")

    with pytest.raises(UsageError, match=r"--scenario: stop-app: own\.yaml has no commands for"):
        loaded_of(asked)


def test_given_plan_names_the_file_s_nodes(tmp_path: Path) -> None:
    """A node that the file does not have is refused before anything is attached to."""
    plan_of("kill_node", "r1").save(tmp_path / "plan.json")
    asked = options(tmp_path, plan=tmp_path / "plan.json")

    with pytest.raises(UsageError, match="there is no node r1; the cluster file has a, b, c"):
        allowed(contract_of(asked), asked, read_file(tmp_path / "own.yaml"))


def test_file_goes_with_attached_only(tmp_path: Path) -> None:
    """Given without `--cluster attached`, it would be ignored: so it is refused."""
    with pytest.raises(UsageError, match="add --cluster attached"):
        file_of(Options(cluster_file=written(tmp_path, good())))


def test_cluster_s_name_owns_its_hosts_and_no_others(tmp_path: Path) -> None:
    """Beyond loopback, `--i-own` with the cluster's name opens the file's own hosts."""
    content = good()
    content["nodes"][0]["amqp"] = "amqp://10.9.8.7:5672"
    asked = options(tmp_path, content)
    file = read_file(tmp_path / "own.yaml")

    with pytest.raises(UsageError, match="--i-own"):
        allow("amqp://10.9.8.7:5672", owned_hosts(asked, file))

    asked = options(tmp_path, content, owned=("rabbit@a",))
    owned = owned_hosts(asked, file)
    assert allow("amqp://10.9.8.7:5672", owned).host == "10.9.8.7"
    allow_beside(Others("rabbit@a", ("queue of somebody",)), "10.9.8.7", owned)
    with pytest.raises(UsageError, match="--i-own"):
        allow("amqp://10.9.8.6:5672", owned)
    with pytest.raises(UsageError, match="looks like production"):
        allow_beside(Others("rabbit@prod"), "10.9.8.7", owned)


def cluster_of(folder: Path, content: dict[str, Any]) -> CommandedCluster:
    """Return a cluster that nobody asks anything."""
    path = written(folder, content)
    return made_of(read_file(path), folder, "4.3.6", folder)


def told() -> Screen:
    """Return a screen that nobody looks at."""
    return Screen(Console(file=StringIO()))


def test_reverts_are_rehearsed_on_every_node(tmp_path: Path) -> None:
    """Before anything is broken, each node's revert has run once, and the journal has it."""
    content = good()
    content["faults"]["kill"] = {"apply": "false", "revert": "touch {node}.done"}
    journal = Journal(tmp_path / FILE_NAME)

    rehearse(cluster_of(tmp_path, content), A_KILL, journal, told())

    assert sorted(each.name for each in tmp_path.glob("*.done")) == ["a.done", "b.done", "c.done"]
    [line] = read(journal.path)
    assert line["commands"] == ["touch a.done", "touch b.done", "touch c.done"]


def test_revert_that_fails_beforehand_lets_nothing_be_broken(tmp_path: Path) -> None:
    """A revert that cannot work ends the run in its preparation, with what it printed."""
    content = good()
    content["faults"]["kill"] = {"apply": "touch broken", "revert": "ls /nowhere/{node}"}

    with pytest.raises(PrepareError, match=r"faults\.kill\.revert fails on .*nowhere"):
        rehearse(
            cluster_of(tmp_path, content),
            A_KILL,
            Journal(tmp_path / FILE_NAME),
            told(),
        )

    assert not (tmp_path / "broken").exists()


def test_faults_of_clients_stay_as_they_are(tmp_path: Path) -> None:
    """What touches no node needs no command; what does and has none is not done by other means."""
    owner = Owner(cluster_of(tmp_path, good()))

    assert owner.adapted(Nothing()) == Nothing()
    assert owner.adapted(KillClient("w")) == KillClient("w")
    assert owner.adapted(KillNode("a")) != KillNode("a")
    assert owner.adapted(KillNode("a")).fault_class == "node_kill"
    content = good()
    del content["faults"]["kill"]
    with pytest.raises(HarnessError, match="the cluster file has no kill"):
        Owner(cluster_of(tmp_path, content)).adapted(KillNode("a"))


def ready(*argv: str, within_s: float = 10, text: str | None = None) -> Ready:
    """Return a command."""
    return Ready("a", argv, within_s, text)


def test_command_has_its_input_and_no_shell(tmp_path: Path) -> None:
    """A word with a shell's signs reaches the program as it is; the input is the command's."""
    said = commanding.run(ready("cat", text="of the manifest"), tmp_path, tmp_path / "note")
    echoed = commanding.run(ready("printf", "%s", "$(id); `id`"), tmp_path, tmp_path / "note")

    assert (said, echoed) == ("of the manifest", "$(id); `id`")
    assert not (tmp_path / "note").exists()


def test_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    """At its limit a command is killed, whatever it has started, and the error says so."""
    script = "sleep 60 & echo $! >child; wait"

    with pytest.raises(HarnessError, match=r"not done within 0\.5 s"):
        commanding.run(ready("sh", "-c", script, within_s=0.5), tmp_path, tmp_path / "note")

    child = int((tmp_path / "child").read_text())
    wait_until(lambda: reference(child) is None, 5, "its child ended")


def test_service_that_keeps_its_output_does_not_keep_us(tmp_path: Path) -> None:
    """A command that starts something which lives on is over when it ends itself."""
    began = time.monotonic()
    commanding.run(ready("sh", "-c", "sleep 20 & echo $! >child"), tmp_path, tmp_path / "note")
    took_s = time.monotonic() - began

    child = reference(int((tmp_path / "child").read_text()))
    assert child is not None
    commanding.kill(child)
    assert took_s < 10


def test_failure_tells_what_was_printed_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credentials are not handed on, and are masked if a command knows them otherwise."""
    monkeypatch.setenv("OWN_PASSWORD", "hidden-word")
    script = "echo ${OWN_PASSWORD:-unset} hidden-word; exit 3"

    with pytest.raises(HarnessError, match=r"exit code 3: unset \*\*\*") as caught:
        commanding.run(
            ready("python3", "-c", f"import os; os.system({script!r}); raise SystemExit(3)"),
            tmp_path, tmp_path / "note", ("OWN_PASSWORD",),
        )  # fmt: skip
    assert "unset ***" in str(caught.value)


def test_one_failing_command_stops_none(tmp_path: Path) -> None:
    """Of several commands that undo something, those after a failed one are run, too."""
    commands = [ready("false"), ready("touch", "done"), ready("no-such-program")]

    with pytest.raises(HarnessError, match=r"exit code 1.*no-such-program: it cannot be run"):
        commanding.run_all(commands, tmp_path, tmp_path / "note")

    assert (tmp_path / "done").exists()


def test_what_a_dead_run_was_doing_is_ended_first(tmp_path: Path) -> None:
    """The command that a killed runner left behind is found by its note, and no other process."""
    program = (
        "import sys; from pathlib import Path; from gameday.clusters import commanding;"
        "from gameday.clusters.templates import Ready; p = Path(sys.argv[1]);"
        "commanding.run(Ready('a', ('sleep', '300'), 300.0), p, p / 'note')"
    )
    runner = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    wait_until((tmp_path / "note").exists, 20, "it is noted", poll_ms=20)
    runner.kill()
    runner.wait()
    noted = reference(json.loads((tmp_path / "note").read_text())["pid"])
    assert noted is not None

    assert commanding.end_noted(tmp_path / "note")

    assert not is_alive(noted)
    assert not commanding.end_noted(tmp_path / "note")


def test_another_process_knows_the_cluster_by_the_run_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is saved holds no credentials, and is enough to undo by."""
    monkeypatch.setenv("OWN_USER", "admin-name")
    monkeypatch.setenv("OWN_PASSWORD", "hidden-word")
    cluster = cluster_of(tmp_path, good())

    cluster.save()
    found = load(tmp_path)

    assert found == cluster
    assert found is not None
    assert found.password == os.environ["OWN_PASSWORD"]
    assert "hidden-word" not in (tmp_path / "attached.json").read_text()
    assert "hidden-word" not in repr(found)
    assert load(tmp_path / "nowhere") is None
