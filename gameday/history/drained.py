"""Whether the drain was complete: every gate passed, in order, and nothing left by any count.

Absence means nothing before that. What is missing comes back as sentences; an empty list alone
makes a missing message a lost one.
"""

from collections.abc import Iterable

from gameday.contracts.model import Contract
from gameday.history.gather import gather
from gameday.history.journal import Line, events
from gameday.history.ledger import Ledger
from gameday.history.records import Kind

GATES = ("publishers_stopped", "healthy", "consumers_done", "closed", "fixpoint", "counts")


def missing_from_drain(
    journal: tuple[Line, ...], contract: Contract, ledgers: Iterable[Ledger]
) -> tuple[str, ...]:
    """Return what the drain lacks, in sentences."""
    passed: dict[str, Line] = {line["gate"]: line for line in events(journal, "drain")}
    missing = [
        f"gate {gate}: {passed[gate].get('detail') or 'not passed'}"
        if gate in passed
        else f"gate {gate} was never reached"
        for gate in GATES
        if not passed.get(gate, {}).get("ok")
    ]
    times = [passed[gate]["time_ns"] for gate in GATES if gate in passed]
    if times != sorted(times):
        missing.append("its gates were passed out of order")
    missing += _counts(journal, contract)
    missing += _reading(ledgers, contract, passed.get("closed", {}).get("time_ns"))
    return tuple(missing)


def missing_from_reading(contract: Contract, ledgers: Iterable[Ledger]) -> tuple[str, ...]:
    """Return what the drain of a load test lacks, which has no journal: its records must do."""
    ledgers = tuple(ledgers)
    return tuple(_reading(ledgers, contract, _clients_gone(ledgers)))


def _clients_gone(ledgers: Iterable[Ledger]) -> int | None:
    """Return when the last client hung up."""
    gathered = gather([each for each in ledgers if not each.header.role.startswith("drain")])
    closed = gathered.of(Kind.CONNECTION_CLOSED)["time"]
    return int(closed.max()) if len(closed) else None


def _counts(journal: tuple[Line, ...], contract: Contract) -> list[str]:
    """Return the queues that the broker's own count, taken last, does not show empty."""
    counts = events(journal, "counts")
    if not counts:
        return ["the broker was not asked for its counts"]
    messages = counts[-1]["messages"]
    names = sorted({queue.name for queue in contract.topology.queues} | set(messages))
    return [f"{name} holds {messages.get(name, 'an unknown number')}" for name in names
            if messages.get(name) != 0]  # fmt: skip


def _reading(ledgers: Iterable[Ledger], contract: Contract, closed_ns: int | None) -> list[str]:
    """Return what the drain's own records lack: a queue not read to its end, or read too early."""
    gathered = gather(
        [
            each
            for each in ledgers
            if each.header.role.startswith("drain") and each.header.scope == "work"
        ]
    )
    empty, drained = gathered.of(Kind.DRAIN_EMPTY), gathered.of(Kind.DRAINED)
    queues = gathered.names.list("queue")
    ended = {queues[number] for number in set(empty["queue"].tolist())}
    wanted = sorted({queue.name for queue in contract.topology.queues} - ended)
    missing = [f"{name} was not read to its end" for name in wanted]
    if closed_ns is not None and len(drained["time"]) and int(drained["time"].min()) < closed_ns:
        missing.append("it read before the clients' connections were closed")
    return missing
