"""The migration's verdict: its schema, its bytes, its decisions, and histories that hold little."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gameday.errors import HarnessError, UsageError
from gameday.history.decision import GO, INCONCLUSIVE, NO_GO
from gameday.history.finding import Status
from gameday.history.migration.effects import note_failure, store_of
from gameday.history.migration.folder import Migration, load_migration
from gameday.history.migration.rules import RULES, STAY, WHEN_FAILED, decide
from gameday.history.migration.verdict import CHECKS, SCHEMA, judge
from scenarios.verdicts import judge_again
from tests.fake_migration import SECOND, ZERO_NS, FakeMigration
from tests.fake_migration_runs import RABBIT, REDIS, good, leg
from tests.mutants import damage_migration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a good migration's folder, judged."""
    folder = good().write(tmp_path_factory.mktemp("runs") / "run")
    judge(folder)
    return folder


def document(folder: Path) -> dict[str, Any]:
    """Return what stands in the verdict."""
    found: dict[str, Any] = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("damage", [None, "lose_a_task", "never_drain", "never_roll_back"])
def test_the_file_keeps_to_its_schema(damage: str | None, tmp_path: Path) -> None:
    """verdict.json fits the published schema, whatever the decision."""
    run = good()
    if damage:
        getattr(damage_migration, damage)(run)
    judge(run.write(tmp_path / "run"))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator(schema).validate(document(tmp_path / "run"))


def test_checking_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """`gameday check` on a stored migration writes the same file, wherever the folder lies."""
    first = (folder / "verdict.json").read_bytes()
    moved = tmp_path / "elsewhere"
    moved.symlink_to(folder)

    assert judge_again(moved) == 0
    assert first == (folder / "verdict.json").read_bytes()


def test_a_stay_has_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """A migration that gains too little ends STAY with exit code 5, and says so."""
    run = good()
    damage_migration.gain_too_little(run)

    assert judge_again(run.write(tmp_path / "run")) == 5
    assert "STAY" in capsys.readouterr().out


def test_nothing_is_unknown_not_good(tmp_path: Path) -> None:
    """A migration without legs, ledgers and rehearsal is INCONCLUSIVE, never GO."""
    run = FakeMigration({**good().manifest, "legs": [], "rehearsal": []})
    verdict = judge(run.write(tmp_path / "run"))

    assert verdict.decision == INCONCLUSIVE
    assert {row["status"] for row in verdict.document["criteria"]} <= {"unknown", "pass"}
    for name in ("04", "08", "10", "12", "13"):
        assert verdict.document["requirements"][f"evaluations-{name}"] == "unknown"


def test_no_claim_hides_what_a_migration_must_show(tmp_path: Path) -> None:
    """A manifest that claims nothing cannot talk its way to GO without a rollback."""
    run = good()
    damage_migration.never_roll_back(run)
    run.manifest["claimed"] = []

    assert judge(run.write(tmp_path / "run")).decision == INCONCLUSIVE


def test_a_torn_ledger_is_inconclusive(tmp_path: Path) -> None:
    """A ledger that is none gives a verdict that keeps to the schema, and it is INCONCLUSIVE."""
    folder = good().write(tmp_path / "run")
    next((folder / "history").rglob("*.ledger")).write_bytes(b"{}")
    verdict = judge(folder)

    assert (verdict.decision, verdict.exit_code) == (INCONCLUSIVE, 3)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document(folder))


def test_an_effect_that_could_not_be_kept_is_inconclusive(tmp_path: Path) -> None:
    """A worker that could not note an effect leaves the whole run unknown, and says why."""
    folder = good().write(tmp_path / "run")
    store = store_of(folder, "step-parallel-plain")
    store.parent.mkdir(exist_ok=True)
    note_failure(store, "database is locked")
    judge(folder)
    found = document(folder)
    (records,) = [each for each in found["criteria"] if each["id"] == "harness/records"]

    assert found["decision"] == INCONCLUSIVE
    assert records["status"] == "unknown"
    assert "effects of step-parallel-plain could not be kept: database" in records["reason"]


def test_a_changed_journal_is_inconclusive(tmp_path: Path) -> None:
    """A drain turned to success afterwards breaks the chain, and the harness is doubted."""
    run = good()
    run.journal.of("drain")[0]["ok"] = False
    folder = run.write(tmp_path / "run")
    journal = folder / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"ok": false', '"ok": true'), encoding="utf-8")

    assert judge(folder).decision == INCONCLUSIVE


def test_another_folder_is_refused(tmp_path: Path) -> None:
    """A folder that holds no migration is bad input, in one sentence."""
    with pytest.raises(UsageError, match="holds no migration"):
        load_migration(tmp_path)


def test_a_leg_without_its_fields_is_a_failing_harness(tmp_path: Path) -> None:
    """A manifest whose legs are not whole names what is missing."""
    run = good()
    del run.manifest["legs"][0]["kind"]

    with pytest.raises(HarnessError, match=r"manifest\.json: legs\.0\.kind: Field required"):
        load_migration(run.write(tmp_path / "run"))


RUBBISH = {
    "rows.0": {"rows": ["a"]},
    "legs": {"legs": 3},
    "versions": {"versions": [1]},
    "rules.urgent_limit_ms": {"rules": {"urgent_limit_ms": "soon"}},
    "rules.urgent_limit": {"rules": {"urgent_limit": 5}},
}


@pytest.mark.parametrize("place", RUBBISH)
def test_rubbish_in_a_manifest_is_inconclusive(place: str, tmp_path: Path) -> None:
    """What is of another kind than it must be is named by its place, and decides nothing."""
    run = good()
    run.manifest.update(RUBBISH[place])
    verdict = judge(run.write(tmp_path / "run"))

    assert verdict.decision == INCONCLUSIVE
    assert f"manifest.json: {place}: " in verdict.reason


def test_rubbish_among_the_costs_is_inconclusive(tmp_path: Path) -> None:
    """A line of the costs that is no JSON object makes the run unknown."""
    folder = good().write(tmp_path / "run")
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "metrics" / "costs.jsonl").write_text("[1]\n")

    assert judge(folder).decision == INCONCLUSIVE


def test_a_loss_that_redis_shares_is_no_veto(tmp_path: Path) -> None:
    """Where every Redis row lost no smaller share under the same load, a loss is told, no veto."""
    run = good()
    for row in (RABBIT, REDIS, "redis-hardened"):
        damage_migration.lose_a_task(run, f"{row}-light")
    verdict = judge(run.write(tmp_path / "run"))
    found = next(row for row in verdict.document["criteria"] if row["id"].endswith("loss-light"))

    assert (found["status"], verdict.decision) == ("pass", GO)
    assert "and yet a loss" in found["reason"]
    assert any(risk["risk"] == "confirmed tasks are lost" for risk in verdict.document["risks"])


def test_a_loss_beside_an_open_redis_drain_is_a_veto(tmp_path: Path) -> None:
    """What Redis lost is unknown, so that nothing excuses RabbitMQ's loss."""
    run = good()
    damage_migration.lose_a_task(run)
    for row in (REDIS, "redis-hardened"):
        run.journal.of("drain", gate=f"{row}-light")[0]["ok"] = False

    assert judge(run.write(tmp_path / "run")).decision == NO_GO


def test_one_redis_row_that_is_open_excuses_nothing(tmp_path: Path) -> None:
    """Though Redis by default lost as much, what the hardened one lost is unknown: a veto."""
    run = good()
    for row in (RABBIT, REDIS, "redis-hardened"):
        damage_migration.lose_a_task(run, f"{row}-light")
    run.journal.of("drain", gate="redis-hardened-light")[0]["ok"] = False

    assert judge(run.write(tmp_path / "run")).decision == NO_GO


def test_no_requirement_is_silently_missing(folder: Path) -> None:
    """Each of evaluations' requirements is judged, or listed as not tested with who judges it."""
    found = document(folder)
    named = set(found["requirements"]) | {row["id"] for row in found["untested"]}

    assert named == {f"evaluations-{number:02}" for number in range(1, 24)}


def test_redis_is_praised_where_it_is_better(tmp_path: Path) -> None:
    """A leg in which Redis costs less and serves more is named, with both figures."""
    run = good()
    for cost in run.costs:
        if cost["leg"] == f"{RABBIT}-light" and cost["process"] == "broker":
            cost["cpu_s"] = 9.0
    found = judge(run.write(tmp_path / "run")).document["redis_better"]

    assert {(row["figure"], row["load"]) for row in found} == {
        ("broker's processor time a task", "light"),
    }
    assert all(row["redis"] < row["rabbitmq"] for row in found)


def test_a_second_rabbitmq_row_does_not_decide(tmp_path: Path) -> None:
    """Another setting's loss is a risk in the document, and not the candidate's."""
    run = good()
    other = run.tape("rabbitmq-quorum-light", 2)
    other.rows = other.rows[len(other.rows) // 2 :]
    verdict = judge(run.write(tmp_path / "run"))

    assert verdict.decision == GO
    assert any(row["row"] == "RabbitMQ, quorum" for row in verdict.document["risks"])


def test_the_same_task_on_two_brokers_is_one(tmp_path: Path) -> None:
    """A leg's figures count tasks by id: a task that was ended twice is one, repeated."""
    run = good()
    name = f"{RABBIT}-worker_kill"
    migration = load_migration(run.write(tmp_path / "run"))
    tasks = migration.tasks[name]

    assert len(tasks) == 360
    assert int((tasks.begun > 1).sum()) == 20  # Each slot held one when the worker was killed.
    assert int((tasks.ended > 1).sum()) == 0


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_says_what_it_guarantees(check: str) -> None:
    """Each check's first line is its guarantee, or, for the harness, says what it judges."""
    first = (CHECKS[check].__doc__ or "").splitlines()[0]

    assert ":" in first or check == "trust"


def rows(*statuses: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Return criteria of (requirement, check, status), beside a harness that is well."""
    made = [
        {
            "requirement": name, "status": status, "reason": f"{check} {status}",
            "when_failed": WHEN_FAILED.get(check, NO_GO),
        }
        for name, check, status in statuses
    ]  # fmt: skip
    return [*made, {"requirement": "harness", "status": "pass", "reason": "", "when_failed": NO_GO}]


@pytest.mark.parametrize(
    ("criteria", "decision"),
    [
        (rows(("a", "loss", "pass"), ("b", "gain", "pass")), GO),
        (rows(("a", "loss", "fail"), ("b", "gain", "fail")), NO_GO),
        (rows(("a", "loss", "unknown"), ("b", "gain", "fail")), STAY),
        (rows(("a", "loss", "pass"), ("b", "gain", "unknown")), INCONCLUSIVE),
        (rows(("a", "rollback", "unknown"), ("b", "gain", "pass")), INCONCLUSIVE),
        (rows(("a", "rollback", "unknown"), ("b", "loss", "fail")), NO_GO),
        (rows(("a", "loss", "pass")), INCONCLUSIVE),
        (rows(("a", "loss", "pass"), ("b", "gain", "fail"), ("harness", "x", "unknown")),
         INCONCLUSIVE),
        ([], INCONCLUSIVE),
    ],
)  # fmt: skip
def test_the_rules_decide(criteria: list[dict[str, Any]], decision: str) -> None:
    """A veto is stronger than doubt in the harness, that than STAY, and STAY than what is open."""
    assert decide(criteria, ["a", "b"])[0] == decision


def test_every_threshold_is_in_the_verdict(folder: Path) -> None:
    """The rules stand in the document, the manifest's own before those of the code."""
    thresholds = document(folder)["rules"]["thresholds"]

    assert set(RULES) <= set(thresholds)
    assert thresholds["at_once"] == 15


def test_a_burst_of_nothing_is_vacuous(tmp_path: Path) -> None:
    """A saturation that never saturates shows neither order nor effect, and is unknown."""
    run = good()
    for scope in (f"{RABBIT}-saturation",):
        run.tapes = [tape for tape in run.tapes if tape.scope != scope]
        run.manifest["legs"] = [each for each in run.manifest["legs"] if each["id"] != scope]
    leg(run, RABBIT, "light", ZERO_NS + 500 * SECOND)
    again = run.manifest["legs"][-1]
    for tape in run.tapes[-3:]:
        tape.scope = f"{RABBIT}-calm"
    again |= {"id": f"{RABBIT}-calm", "kind": "saturation"}
    run.journal.of("drain", gate=f"{RABBIT}-light")[-1]["gate"] = f"{RABBIT}-calm"
    found: Migration = load_migration(run.write(tmp_path / "run"))
    checks = ("ordered", "starvation", "effectiveness")
    statuses = {judged.finding.status for name in checks for judged in CHECKS[name](found)}

    assert statuses == {Status.UNKNOWN}
