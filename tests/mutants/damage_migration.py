"""Damages to a good migration: each a function that does one named thing to it."""

from gameday.history.records import Disposition, Kind, Result
from tests.fake_migration import (
    DRAIN,
    PUBLISHER,
    SECOND,
    WORKER,
    ZERO_NS,
    FakeMigration,
    Task,
    play,
    schedule,
)
from tests.fake_migration import find as put_back
from tests.fake_migration_runs import HARDENED, RABBIT, REDIS
from tests.fake_tape import Row, Tape

LIGHT, SATURATED, KILLED = f"{RABBIT}-light", f"{RABBIT}-saturation", f"{RABBIT}-worker_kill"
MIDWAY = "rollback-midway-calm"


def _plain(run: FakeMigration, scope: str, which: int = 5) -> int:
    """Return the sequence of a task that is simply done."""
    rows = run.tape(scope, PUBLISHER).of(Kind.INVOKE)
    return [row.sequence for row in rows if row.extra == Disposition.ACK and row.sequence % 40 != 7
            ][which]  # fmt: skip


def _handling(tape: Tape, sequence: int) -> list[Row]:
    """Return every row of a worker about one task."""
    places = {(row.channel, row.tag) for row in tape.of(Kind.DELIVERED) if row.sequence == sequence}
    return [row for row in tape.rows if row.sequence == sequence
            or (not row.sequence and (row.channel, row.tag) in places)]  # fmt: skip


def _forget(run: FakeMigration, scope: str, sequence: int) -> None:
    tape = run.tape(scope, WORKER)
    gone = {id(row) for row in _handling(tape, sequence)}
    tape.rows = [row for row in tape.rows if id(row) not in gone]


def _replay(run: FakeMigration, scope: str, order: str, tasks: list[Task] | None = None) -> None:
    """Play a leg of the candidate again, served in another order."""
    run.tapes = [tape for tape in run.tapes if tape.scope != scope]
    leg = run.leg(scope)
    play(run, scope, tasks or schedule(leg["kind"]), leg["begin_ns"], order=order)


def lose_a_task(run: FakeMigration, scope: str = LIGHT) -> None:
    """Lose a confirmed task on RabbitMQ, under a load that Redis survives."""
    _forget(run, scope, _plain(run, scope))


def lose_a_task_in_hand(run: FakeMigration) -> None:
    """Let a worker begin a task and never end it, and let the task be gone."""
    tape, sequence = run.tape(LIGHT, WORKER), _plain(run, LIGHT)
    ended = {id(row) for row in _handling(tape, sequence)
             if row.kind in (Kind.HANDLED, Kind.EFFECT)}  # fmt: skip
    tape.rows = [row for row in tape.rows if id(row) not in ended]


def leave_a_task_behind(run: FakeMigration) -> None:
    """Let the drain find a task that no worker ever took: that is no success."""
    sequence = _plain(run, LIGHT)
    _forget(run, LIGHT, sequence)
    put_back(run.tape(LIGHT, DRAIN), Task(sequence, 0, 5, 1), "evaluations")


def lose_under_a_fault(run: FakeMigration) -> None:
    """Lose every urgent task on RabbitMQ under a fault: a larger share than on Redis."""
    rows = run.tape(KILLED, PUBLISHER).of(Kind.INVOKE)
    for row in [row for row in rows if row.priority >= 8]:
        _forget(run, KILLED, row.sequence)


def see_what_never_left(run: FakeMigration) -> None:
    """Do a task whose publish failed before any byte."""
    tape = run.tape(LIGHT, PUBLISHER)
    invoked = next(row for row in tape.of(Kind.INVOKE) if row.sequence == _plain(run, LIGHT))
    tape.rows = [row for row in tape.rows
                 if row.kind != Kind.CONFIRMED or row.tag != invoked.tag]  # fmt: skip
    tape.add(
        Kind.FAILED, invoked.time_ns + 1, sequence=invoked.sequence, tag=invoked.tag,
        producer=PUBLISHER, channel=invoked.channel, attempt=invoked.attempt,
        detail=tape.name("reason", "no connection of the pool is open"),
    )  # fmt: skip


def never_drain(run: FakeMigration) -> None:
    """Leave a leg's drain unfinished, and a task missing: nobody can call it lost."""
    lose_a_task(run)
    run.journal.of("drain", gate=LIGHT)[0]["ok"] = False


def strike_nothing(run: FakeMigration) -> None:
    """Let nobody see that the fault took effect."""
    run.leg(KILLED)["evidence"] = {}


def strike_an_idle_broker(run: FakeMigration) -> None:
    """Strike before anything was published."""
    leg = run.leg(KILLED)
    leg["fault_ns"] = [leg["begin_ns"] - SECOND, leg["begin_ns"]]


def swallow_a_dead_letter(run: FakeMigration) -> None:
    """Keep a task that failed for good out of every dead-letter queue."""
    run.tape(LIGHT, DRAIN).rows.clear()


def bury_a_good_one(run: FakeMigration) -> None:
    """Put a task that was done into the dead-letter queue."""
    put_back(run.tape(LIGHT, DRAIN), Task(_plain(run, LIGHT), 0, 5, 1), "evaluations.dlq")


def tell_a_task_timeout_as_failed(run: FakeMigration) -> None:
    """Tell a timed-out task on the channel of failures as well."""
    tape = run.tape(LIGHT, WORKER)
    late = next(row for row in tape.of(Kind.EFFECT) if row.sequence % 40 == 7)
    tape.add(Kind.EFFECT, late.time_ns, sequence=late.sequence, producer=PUBLISHER,
             detail=tape.name("effect", "evaluation:failed"))  # fmt: skip


def tell_a_task_timeout_as_both(run: FakeMigration) -> None:
    """Tell a timed-out task as failed and as done, too: two wrongs are no right."""
    tell_a_task_timeout_as_failed(run)
    tape = run.tape(LIGHT, WORKER)
    wrong = next(row for row in reversed(tape.rows) if row.kind == Kind.EFFECT)
    tape.add(Kind.EFFECT, wrong.time_ns, sequence=wrong.sequence, producer=PUBLISHER,
             detail=tape.name("effect", "evaluation:completed"))  # fmt: skip


def keep_a_task_timeout_secret(run: FakeMigration) -> None:
    """Tell nobody of the timed-out tasks."""
    tape = run.tape(LIGHT, WORKER)
    tape.rows = [row for row in tape.rows
                 if row.kind != Kind.EFFECT or row.sequence % 40 != 7]  # fmt: skip


def let_no_task_time_out(run: FakeMigration) -> None:
    """Let no task time out, so that nothing is shown."""
    for scope in (LIGHT,):
        tape = run.tape(scope, WORKER)
        for row in tape.of(Kind.HANDLED):
            row.extra = Result.DONE if row.extra == Result.TIMED_OUT else row.extra
        channel, done = (tape.name("effect", f"evaluation:{name}") for name in
                         ("timeout", "completed"))  # fmt: skip
        for row in tape.of(Kind.EFFECT):
            row.detail = done if row.detail == channel else row.detail


def ignore_priorities(run: FakeMigration) -> None:
    """Serve whoever came first on RabbitMQ, too, under saturation."""
    _replay(run, SATURATED, "fifo")


def gain_too_little(run: FakeMigration) -> None:
    """Serve the urgent first on Redis, too: moving would gain nothing."""
    for row in (REDIS, HARDENED):
        for kind in ("saturation", "burst"):
            _replay(run, f"{row}-{kind}", "strict")


def refuse_the_urgent(run: FakeMigration) -> None:
    """Refuse most urgent tasks on RabbitMQ, and be quick with the few that are left."""
    tape = run.tape(SATURATED, PUBLISHER)
    urgent = [row for row in tape.of(Kind.INVOKE) if row.priority >= 8][::2]
    for row in urgent:
        _forget(run, SATURATED, row.sequence)
        tape.add(
            Kind.FAILED, row.time_ns + 1, sequence=row.sequence, tag=row.tag, producer=PUBLISHER,
            channel=row.channel, attempt=row.attempt,
            detail=tape.name("reason", "no connection of the pool is open"),
        )  # fmt: skip
    refused = {row.tag for row in urgent}
    tape.rows = [row for row in tape.rows
                 if row.kind != Kind.CONFIRMED or row.tag not in refused]  # fmt: skip


def compare_other_work(run: FakeMigration) -> None:
    """Give Redis other tasks: no difference means anything."""
    for kind in ("saturation", "burst"):
        _replay(run, f"{REDIS}-{kind}", "fifo", schedule(kind, seed=2))


def start_an_urgent_one_late(run: FakeMigration) -> None:
    """Start an urgent task six seconds after it was due, under a fault."""
    urgent = next(row for row in run.tape(KILLED, PUBLISHER).of(Kind.INVOKE) if row.priority == 10)
    for row in _handling(run.tape(KILLED, WORKER), urgent.sequence):
        row.time_ns += 6 * SECOND


def map_priorities_wrong(run: FakeMigration) -> None:
    """Turn the mapped priorities of the trap round all the same."""
    _replay(run, f"{RABBIT}-trap", "reversed")


def miss_the_trap(run: FakeMigration) -> None:
    """Keep the order of unmapped priorities: whatever was played, it was not the trap."""
    _replay(run, f"{RABBIT}-trap-unmapped", "strict")


def have_few_at_once(run: FakeMigration) -> None:
    """Have few tasks in progress where many should be."""
    for leg in run.manifest["legs"]:
        leg["concurrency"] = 15 if leg["id"] == f"{RABBIT}-sweep-10" else 0


def starve_a_task(run: FakeMigration) -> None:
    """Start a task of the lowest priority forty seconds late under saturation."""
    low = next(row for row in run.tape(SATURATED, PUBLISHER).of(Kind.INVOKE) if row.priority == 0)
    for row in _handling(run.tape(SATURATED, WORKER), low.sequence):
        row.time_ns += 40 * SECOND


def lose_on_the_way_back(run: FakeMigration) -> None:
    """Lose a task in the middle of the rollback."""
    _forget(run, MIDWAY, _plain(run, MIDWAY))


def apply_twice(run: FakeMigration) -> None:
    """Let a duplicate of the parallel step take effect a second time."""
    tape = run.tape("parallel-calm", WORKER)
    applied = tape.name("effect", "applied")
    row = next(row for row in tape.of(Kind.EFFECT) if row.detail == applied)
    tape.add(Kind.EFFECT, row.time_ns + SECOND, sequence=row.sequence, producer=PUBLISHER,
             detail=applied)  # fmt: skip


def stand_still_at_cut_over(run: FakeMigration) -> None:
    """Serve nobody for eight seconds in the middle of the cut-over, while tasks wait."""
    scope = "cut-over-calm"
    middle = run.step(scope)["begin_ns"] + SECOND
    tape = run.tape(scope, WORKER)
    for row in tape.rows:
        row.time_ns += 8 * SECOND if row.time_ns > middle else 0
    run.step(scope)["end_ns"] += 8 * SECOND


def never_roll_back(run: FakeMigration) -> None:
    """Leave the rollback out of the rehearsal."""
    run.manifest["rehearsal"] = [step for step in run.manifest["rehearsal"]
                                 if not step["step"].startswith("rollback")]  # fmt: skip
    run.tapes = [tape for tape in run.tapes if not tape.scope.startswith("rollback")]


def break_off_the_rollback(run: FakeMigration) -> None:
    """Begin the rollback and do not complete it."""
    for step in run.manifest["rehearsal"]:
        if step["step"] == "rollback-after":
            step["completed"], step["why_not"] = False, "Redis did not come back"


def see_a_task_of_a_stranger(run: FakeMigration) -> None:
    """Let a worker see a task of somebody else's: a queue was used before."""
    tape = run.tape(LIGHT, WORKER)
    seen = tape.of(Kind.DELIVERED)[0]
    tape.add(Kind.DELIVERED, seen.time_ns + 1, sequence=99_999, tag=99_999, producer=PUBLISHER,
             channel=seen.channel, queue=seen.queue, attempt=seen.attempt)  # fmt: skip


def offer_less(run: FakeMigration) -> None:
    """Offer fewer tasks than planned, so that the broker looks quick."""
    run.leg(SATURATED)["offered"] += 1


def publish_tasks_late(run: FakeMigration) -> None:
    """Hand tasks over three seconds after they are due."""
    for row in run.tape(LIGHT, PUBLISHER).of(Kind.INVOKE):
        row.detail = 3_000_000


def be_silent(run: FakeMigration) -> None:
    """Leave no record of a leg at all."""
    run.tapes = [tape for tape in run.tapes if tape.scope != f"{RABBIT}-burst"]


def be_of_another_run(run: FakeMigration) -> None:
    """Judge the ledgers of another run than the manifest's."""
    run.manifest["run"] = f"20300101T000001-migrate-evaluations-{ZERO_NS}"


def vary_nothing(run: FakeMigration) -> None:
    """Measure one worker setting only: there is no best one."""
    run.manifest["legs"] = [leg for leg in run.manifest["legs"]
                            if leg["kind"] != "sweep" or leg["concurrency"] == 20]  # fmt: skip
    run.tapes = [tape for tape in run.tapes if not tape.scope.endswith(("sweep-5", "sweep-10"))]


def serve_the_urgent_last(run: FakeMigration) -> None:
    """Serve the urgent last under saturation: priorities cost, and do not pay."""
    _replay(run, SATURATED, "reversed")


def compare_with_nothing(run: FakeMigration) -> None:
    """Leave Redis out: there is nothing to compare with."""
    run.manifest["rows"] = [row for row in run.manifest["rows"] if row["broker"] != "redis"]
    run.manifest["legs"] = [leg for leg in run.manifest["legs"]
                            if not leg["row"].startswith("redis")]  # fmt: skip
    run.tapes = [tape for tape in run.tapes if not tape.scope.startswith("redis")]
