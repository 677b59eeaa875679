"""The negative controls of a fake run: four unsafe clients, each harmed by its own fault.

Straight rows without a simulation: forty messages in a clean baseline, sixty under the fault, of
which some vanish. With the bug `control_not_caught` none does.
"""

from typing import TYPE_CHECKING

from gameday.history.records import NO_PRIORITY, Disposition, Flag, Kind, Result, pack_attempt
from tests.fake_broker import MILLISECOND, SECOND, ZERO_NS
from tests.fake_clients import SAFE
from tests.fake_tape import Tape

if TYPE_CHECKING:
    from tests.fakes import Simulation

NO_DEAD_LETTERS = "control-no-dead-letters"
CONTROLS = ("control-automatic-ack", "control-transient", "control-no-confirms", NO_DEAD_LETTERS)
KINDS = ("kill_client", "kill_node", "swallow", "poison")
BASELINE, ALL = 40, 100
BEGIN_S, FAULT_S, END_S = 30, 31, 36


def add_controls(simulation: "Simulation") -> None:
    """Add one publishing and consuming tape for each control, and its episode."""
    for number, (control, kind) in enumerate(zip(CONTROLS, KINDS, strict=True), start=1):
        tape = simulation.tape("control", control)
        _connect(tape)
        for sequence in range(1, ALL + 1):
            _message(tape, control, sequence, caught=simulation.bug != "control_not_caught")
        _journal(simulation, f"c{number}", control, kind)


def _connect(tape: Tape) -> None:
    connection = tape.name("connection", {"node": "r1", "role": "control", "client": tape.scope})
    value = {"connection": connection, "number": 1, "role": "control"}
    publishing = tape.name("channel", value)
    no_ack = tape.scope == "control-automatic-ack"
    consuming = tape.name("channel", {**value, "number": 2, "queue": tape.scope, "prefetch": 10,
                                      "no_ack": no_ack, "consumer": tape.scope})  # fmt: skip
    start = ZERO_NS + SECOND
    tape.add(Kind.CONNECTION_OPENED, start, channel=connection)
    tape.add(Kind.CHANNEL_OPENED, start, channel=publishing)
    tape.add(Kind.CHANNEL_OPENED, start, channel=consuming)


def _message(tape: Tape, control: str, sequence: int, *, caught: bool) -> None:
    """One message's life; from the fault on, every other one is harmed as its control allows."""
    under_fault = sequence > BASELINE
    second = BEGIN_S + 0.1 if under_fault else 10
    sent = ZERO_NS + int(second * SECOND) + sequence * 5 * MILLISECOND
    harmed = caught and under_fault and sequence % 2 == 0
    unsafe = control == "control-no-confirms"
    durable = int(Flag.PUBLISH_MANDATORY) if control == "control-transient" else SAFE
    attempt = pack_attempt(tape.process, 0)
    if harmed and control == NO_DEAD_LETTERS:
        _reject(tape, control, sequence, sent)
        return
    name = {"sequence": sequence, "producer": tape.process, "attempt": attempt}
    value = {"exchange": "", "routing_key": control, "type": "control", "queues": [control]}
    tape.add(Kind.INVOKE, sent, channel=0, tag=sequence, queue=tape.name("route", value),
             priority=NO_PRIORITY, flags=durable | (int(Flag.PUBLISH_UNSAFE) if unsafe else 0),
             **name)  # fmt: skip
    if not unsafe:
        tape.add(Kind.CONFIRMED, sent + MILLISECOND, channel=0, tag=sequence)
    if harmed and control != "control-automatic-ack":
        return
    no_ack = control == "control-automatic-ack"
    queue = tape.name("queue", control)
    flags = int(Flag.SEEN_NO_ACK) if no_ack else 0
    where = {"channel": 1, "tag": sequence, "queue": queue, **name}
    tape.add(Kind.DELIVERED, sent + 2 * MILLISECOND, priority=NO_PRIORITY, flags=flags, **where)
    if harmed:
        return
    tape.add(Kind.HANDLED, sent + 3 * MILLISECOND, extra=Result.DONE, **where)
    if not no_ack:
        tape.add(Kind.ACKED, sent + 4 * MILLISECOND, channel=1, tag=sequence)


def _reject(tape: Tape, control: str, sequence: int, sent: int) -> None:
    """Poison's life: confirmed, delivered, rejected, and kept by nobody."""
    attempt = pack_attempt(tape.process, 0)
    name = {"sequence": sequence, "producer": tape.process, "attempt": attempt}
    value = {"exchange": "", "routing_key": control, "type": "control", "queues": [control]}
    tape.add(Kind.INVOKE, sent, channel=0, tag=sequence, queue=tape.name("route", value),
             priority=NO_PRIORITY, flags=SAFE, extra=Disposition.REJECT, **name)  # fmt: skip
    tape.add(Kind.CONFIRMED, sent + MILLISECOND, channel=0, tag=sequence)
    where = {"channel": 1, "tag": sequence, "queue": tape.name("queue", control), **name}
    tape.add(Kind.DELIVERED, sent + 2 * MILLISECOND, priority=NO_PRIORITY, **where)
    tape.add(Kind.HANDLED, sent + 3 * MILLISECOND, extra=Result.PERMANENT, **where)
    tape.add(Kind.REJECTED, sent + 4 * MILLISECOND, channel=1, tag=sequence)


def _journal(simulation: "Simulation", episode: str, control: str, kind: str) -> None:
    journal = simulation.journal
    about = {"episode": episode, "name": control, "control": control, "faults": [f"{episode}.1"]}
    fault = {"fault": f"{episode}.1", "episode": episode, "kind": kind, "fault_class": "control",
             "target": control, "parameters": {}}  # fmt: skip
    journal.add(_ns(BEGIN_S), "episode", at="begin", **about)
    steps = ("intent", "applied", "observed", "reverting", "reverted", "restored")
    for number, step in enumerate(steps):
        journal.add(_ns(FAULT_S + number / 2), "fault", step=step, evidence={}, **fault)
    journal.add(_ns(END_S), "episode", at="end", **about)


def _ns(second: float) -> int:
    return ZERO_NS + int(second * SECOND)
