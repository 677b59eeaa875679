"""What all runs that are written by hand journal alike: episodes, the drain, and the manifest."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gameday.contracts.model import Contract
from gameday.history.records import Kind
from tests.fake_broker import MILLISECOND, SECOND, ZERO_NS
from tests.fake_folder import Journal
from tests.fake_tape import Tape

GATES = ("publishers_stopped", "healthy", "consumers_done", "closed", "fixpoint", "counts")


def ns(second: float) -> int:
    """Return a time of the run."""
    return ZERO_NS + int(second * SECOND)


@dataclass(frozen=True)
class Trouble:
    """One episode: its fault, from when until when it is in force, in seconds."""

    name: str
    kind: str
    fault_class: str
    begin_s: float
    end_s: float
    verdict: str
    target: str = "r1"
    parameters: dict[str, Any] = field(default_factory=dict)


def tell_troubles(journal: Journal, troubles: Iterable[Trouble]) -> None:
    """Journal a baseline, and each episode with its fault's whole life."""
    journal.add(ns(1), "phase", name="baseline", at="begin")
    for each in troubles:
        fault = {"fault": f"{each.name}.1", "episode": each.name, "kind": each.kind,
                 "fault_class": each.fault_class, "target": each.target,
                 "parameters": each.parameters, "evidence": {}}  # fmt: skip
        episode = {"episode": each.name, "name": each.name, "control": None,
                   "faults": [f"{each.name}.1"]}  # fmt: skip
        begin, end = ns(each.begin_s), ns(each.end_s)
        journal.add(begin - 3 * MILLISECOND, "episode", at="begin", **episode)
        for step, at in (("intent", begin - 2 * MILLISECOND), ("applied", begin),
                         ("observed", begin + MILLISECOND), ("reverting", end),
                         ("reverted", end + MILLISECOND),
                         ("restored", end + 2 * MILLISECOND)):  # fmt: skip
            journal.add(at, "fault", step=step, **fault)
        journal.add(end + 4 * MILLISECOND, "episode", at="end", **episode)


def tell_drain(
    journal: Journal, tape: Tape, queues: Iterable[str], end_s: float, channel: int = 0
) -> None:
    """Journal a drain that found every queue empty, a second for each gate, and record that."""
    names = tuple(queues)
    for number, gate in enumerate(GATES, start=1):
        at = ns(end_s + number)
        if gate == "fixpoint":
            for queue in names:
                tape.add(Kind.DRAIN_EMPTY, at - MILLISECOND, channel=channel,
                         queue=tape.name("queue", queue))  # fmt: skip
        if gate == "counts":
            journal.add(at - MILLISECOND, "counts", messages=dict.fromkeys(names, 0))
        journal.add(at, "drain", gate=gate, ok=True, detail="")


def manifest(contract: Contract, queues: Iterable[str]) -> dict[str, Any]:
    """Return the manifest of a run of a contract whose queues all keep their order."""
    return {
        "run": f"fake-{contract.system}-1", "system": contract.system, "suite": "smoke", "seed": 1,
        "contract": contract.model_dump(mode="json", by_alias=True), "alternative": None,
        "broker_settings": "tuned", "settings_used": [],
        "cluster": {"kind": "local", "version": "3.10.8", "nodes": ["r1"], "powers": []},
        "claimed": [each.id for each in contract.requirements], "dropped_claims": [],
        "monotonic_zero_ns": ZERO_NS, "expectations": dict.fromkeys(queues, "fifo"),
    }  # fmt: skip


PLAN: dict[str, Any] = {"seed": 1, "episodes": []}
"""The plan that such a run saves: its journal alone says what was played."""
