"""Damages to the evidence: faults without effect, a drain cut short, controls, the journal."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Disposition, Kind, Result
from tests.fake_broker import SECOND, ZERO_NS
from tests.fake_folder import FakeRun
from tests.mutants.rows import drop


def change_the_topology(run: FakeRun) -> None:
    """A binding is gone after an episode."""
    run.journal.of("topology", at="after")[1]["difference"] = ["the binding of builds is missing"]


def forget_to_read_the_topology(run: FakeRun) -> None:
    """Nobody read the topology after an episode."""
    run.journal.lines.remove(run.journal.of("topology", at="after")[2])


def boot_with_less(run: FakeRun) -> None:
    """A node that booted from the definitions lacks a queue."""
    run.journal.of("boots")[0]["difference"] = ["queue deployments is missing on the broker"]


def boot_nothing(run: FakeRun) -> None:
    """Nobody booted a node from the definitions."""
    run.journal.lines.remove(run.journal.of("boots")[0])


def fail_to_boot(run: FakeRun) -> None:
    """The machine could start no node beside the cluster, with the file or without."""
    run.journal.of("boots")[0]["problem"] = "a node beside the cluster does not start"


def miss_a_replica(run: FakeRun) -> None:
    """A queue has two members online where three are promised."""
    run.journal.of("members")[-1]["queues"]["builds"]["online"] = ["r1", "r2"]


def see_a_node_missing(run: FakeRun) -> None:
    """One node does not see another, and the reading still calls itself healthy."""
    line = run.journal.of("health", at="after-episode")[0]
    line["views"] = {**line["views"], "r2": ["r2", "r3"]}


def never_observe(run: FakeRun) -> None:
    """A fault was applied, and nobody saw it take effect."""
    _fault(run, "e2.1", "observed")["step"] = "not_observed"


def never_heal(run: FakeRun) -> None:
    """A fault was not seen healed."""
    _fault(run, "e3.1", "restored")["step"] = "not_restored"


def _fault(run: FakeRun, fault: str, step: str) -> dict[str, object]:
    return run.journal.of("fault", fault=fault, step=step)[0]


def strike_a_follower(run: FakeRun) -> None:
    """The node that was killed led nothing."""
    line = run.journal.of("exposure", episode="e2")[0]
    for about in line["queues"].values():
        about["leader"] = "r3"


def strike_nobody(run: FakeRun) -> None:
    """No connection was on the node that was struck."""
    run.journal.of("exposure", episode="e3")[0]["connections_on_victim"] = 0


def strike_without_consumers(run: FakeRun) -> None:
    """No consumer was on the node that was struck."""
    run.journal.of("exposure", episode="e3")[0]["consumers_on_victim"] = 0


def strike_empty_queues(run: FakeRun) -> None:
    """Little was at risk when the node was killed, whatever the run's own estimate said."""
    intent = _fault(run, "e2.1", "intent")["time_ns"]
    assert isinstance(intent, int)
    early = {
        row.message for row in run.rows(Kind.INVOKE)
        if intent - SECOND < row.time_ns < intent
    }  # fmt: skip
    drop(run, lambda row: row.message in early)


def _turn(run: FakeRun, kind: str, fault_class: str, target: str, **parameters: object) -> None:
    """Make the killing of a worker another fault."""
    for line in run.journal.of("fault", episode="e6"):
        line |= {"kind": kind, "fault_class": fault_class, "target": target,
                 "parameters": parameters}  # fmt: skip


def wedge_an_idle_worker(run: FakeRun) -> None:
    """A worker was wedged that was given nothing."""
    _turn(run, "wedge_client", "client", "build-worker-99")


def remove_what_nobody_uses(run: FakeRun) -> None:
    """A binding was removed by which nobody published."""
    _turn(run, "remove_binding", "operator", "builds", exchange="elsewhere", routing_key="x")


def flood_within_reach(run: FakeRun) -> None:
    """A flood came with which the consumers kept up."""
    _turn(run, "overload", "overload", "all", factor=3)


def plan_and_skip(run: FakeRun) -> None:
    """A planned fault was never injected."""
    run.journal.lines = [
        line for line in run.journal.lines
        if not (line["event"] == "fault" and line["episode"] == "e4")
    ]  # fmt: skip


def block_nobody(run: FakeRun) -> None:
    """An alarm was in force, and no publisher was told."""
    drop(run, lambda row: row.kind in {Kind.BLOCKED, Kind.UNBLOCKED})


def never_unblock(run: FakeRun) -> None:
    """A publisher was blocked, and never told that it is free again."""
    drop(run, lambda row: row.kind == Kind.UNBLOCKED and row.channel == 0)


def flatten_the_backlog(run: FakeRun) -> None:
    """No two priorities ever waited together: prefetch, or no load, hides what priority does."""
    for row in run.rows(Kind.INVOKE, Kind.DELIVERED, Kind.DRAINED):
        row.priority = 5


def catch_no_control(run: FakeRun) -> None:
    """The controls lost nothing: a harness that sees no loss where there must be one is blind."""
    for scope in {tape.scope for tape in run.tapes} - {"work"}:
        harmless = {row.message for row in run.rows(Kind.HANDLED, scope=scope)}
        drop(run, lambda row, kept=harmless: row.message not in kept and row.producer > 0, scope)


def run_no_control(run: FakeRun) -> None:
    """No control ran at all."""
    run.tapes = [tape for tape in run.tapes if tape.scope == "work"]
    run.journal.lines = [line for line in run.journal.lines if not line.get("control")
                         and line.get("role") != "control"]  # fmt: skip


def strike_without_its_control(run: FakeRun) -> None:
    """A queue was purged, and the control that stands for such a loss never ran."""
    _turn(run, "purge_queue", "operator", "builds")


def keep_what_its_consumer_rejects(run: FakeRun) -> None:
    """The control whose queue keeps no dead letters had nothing rejected: it lost nothing."""
    dead = {row.message for row in run.rows(Kind.INVOKE, scope="control-no-dead-letters")
            if row.extra == Disposition.REJECT}  # fmt: skip
    tags = {row.tag for row in run.rows(Kind.DELIVERED, scope="control-no-dead-letters")
            if row.message in dead}  # fmt: skip
    for row in run.rows(Kind.INVOKE, Kind.HANDLED, scope="control-no-dead-letters"):
        if row.message in dead:
            row.extra = Disposition.ACK if row.kind == Kind.INVOKE else Result.DONE
    for row in run.rows(Kind.REJECTED, scope="control-no-dead-letters"):
        if row.tag in tags:
            row.kind = Kind.ACKED


def lose_in_the_controls_baseline(run: FakeRun) -> None:
    """A control lost something before its fault: its loss proves nothing."""
    drop(run, lambda row: row.sequence == 3 and row.kind in {Kind.DELIVERED, Kind.HANDLED},
         "control-transient")  # fmt: skip


def stop_the_drain(run: FakeRun) -> None:
    """The drain's last count timed out."""
    gate = run.journal.of("drain", gate="counts")[0]
    gate["ok"], gate["detail"] = False, "timed out"


def leave_one_behind(run: FakeRun) -> None:
    """The broker still counted a message after the drain."""
    run.journal.of("counts")[0]["messages"]["builds"] = 1


def skip_a_queue(run: FakeRun) -> None:
    """The drain never read a queue, and so never saw it empty."""
    drain = next(tape for tape in run.tapes if tape.role == "drain")
    index = drain.name("queue", "builds.failed")
    drain.rows = [row for row in drain.rows
                  if not (row.kind == Kind.DRAIN_EMPTY and row.queue == index)]  # fmt: skip


def drain_before_healing(run: FakeRun) -> None:
    """The cluster was healthy only after the drain had read everything."""
    healthy = run.journal.of("drain", gate="healthy")[0]
    healthy["time_ns"] = run.journal.of("drain", gate="counts")[0]["time_ns"] - 1


def drain_beside_the_clients(run: FakeRun) -> None:
    """The drain read while the clients were still connected."""
    closed = run.journal.of("drain", gate="closed")[0]
    fixpoint = run.journal.of("drain", gate="fixpoint")[0]
    closed["time_ns"] = fixpoint["time_ns"] - 1


def fail_in_the_middle(run: FakeRun) -> None:
    """The harness failed between two episodes, and went on to heal and drain."""
    at_ns = run.journal.of("episode", at="end")[1]["time_ns"] + 1
    run.journal.add(at_ns, "harness_failed", reason="Toxiproxy was restarted")


def lose_a_process(run: FakeRun) -> None:
    """A load process died unasked."""
    run.journal.add(ZERO_NS + 20 * SECOND, "process", process=1, role="publisher", pid=4001,
                    state="ended", meant=False, code=-11)  # fmt: skip


def lose_a_ledger(run: FakeRun) -> None:
    """A worker's ledger is missing."""
    gone = next(tape for tape in run.tapes if tape.role == "worker")
    run.tapes.remove(gone)


def mix_two_runs(run: FakeRun) -> None:
    """The ledgers are another run's."""
    run.manifest["run"] = "another"
    run.ledgers_of = "fake-sparki-1"


def claim_less(run: FakeRun) -> None:
    """The run dropped a claim without a reason."""
    run.manifest["claimed"].remove("sparki-02")


def answer_before_asking(run: FakeRun) -> None:
    """A confirm is on record before its publish: the clocks or the files do not belong together."""
    row = run.rows(Kind.CONFIRMED)[50]
    row.time_ns -= SECOND


def contradict_the_exposure(run: FakeRun) -> None:
    """The run says that its victim led the queues; its reading of leaders says otherwise."""
    line = run.journal.of("leaders", episode="e2", at="before")[0]
    line["leaders"] = dict.fromkeys(line["leaders"], "r2")


def corrupt_a_ledger(run: FakeRun) -> None:
    """A record has a kind that nobody writes."""
    next(tape for tape in run.tapes if tape.role == "worker").rows[100].kind = 99


def shuffle_a_ledger(run: FakeRun) -> None:
    """A ledger's records stand in no order of time: two files were joined."""
    tape = next(tape for tape in run.tapes if tape.role == "worker")
    tape.shuffled = True
