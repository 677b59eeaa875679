"""Everything that the phases of one run hold in common.

The phases are functions over a `Game`: `prepare`, `steady`, `trouble`, `finish`. It has no logic
of its own beyond small questions that several phases ask.
"""

from dataclasses import dataclass, field
from pathlib import Path

from chaos.fault import Site
from chaos.journal import Journal
from chaos.plan import Plan
from gameday.clusters.attached import AttachedCluster
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.broker import Broker
from gameday.clusters.compose import ComposeCluster
from gameday.clusters.local import LocalCluster
from gameday.contracts.model import Contract
from gameday.errors import HarnessError
from gameday.history.roles import Roles
from scenarios.controls import Controls
from scenarios.crew import Crew
from scenarios.scaling import Scaler
from scenarios.scenario import main_queue
from scenarios.screen import Screen
from scenarios.switchboard import Switchboard


@dataclass
class Game:
    """One run on a cluster of our own: its folder, its contract, and what works in it.

    `alone` has, by queue, the node of the only copy that the queue was made with.
    """

    folder: Path
    contract: Contract
    cluster: LocalCluster | ComposeCluster | AttachedCluster
    broker: Broker | AttachedFacts
    vhost: str
    journal: Journal
    site: Site
    crew: Crew
    board: Switchboard
    plan: Plan
    screen: Screen
    controls: Controls
    scaler: Scaler
    clients: tuple[str, str] = ("", "")
    """The clients' user and its password, where they have one to themselves."""
    lost_members: list[str] = field(default_factory=list)
    alone: dict[str, str] = field(default_factory=dict)
    proxy_restarts: int = 0
    gates_shut: int = 0
    """How many gates of the drain did not open so far."""

    @property
    def main_queue(self) -> str:
        """The queue that faults strike at."""
        return main_queue(self.contract)

    @property
    def work_queues(self) -> tuple[str, ...]:
        """The queues that have consumers."""
        return tuple(consumer.queue for consumer in self.contract.consumers)

    @property
    def passing_queues(self) -> tuple[str, ...]:
        """The queues that nobody reads and that time empties: wait queues, and what expires."""
        return tuple(Roles(self.contract).passing)

    @property
    def passing_s(self) -> float:
        """How long a message can take at most to pass through all of them, one after another."""
        return Roles(self.contract).passing_s

    @property
    def counts_age_s(self) -> float:
        """How old a message count may be: a gate must see it hold for longer."""
        return self.broker.counts_age_s if isinstance(self.broker, AttachedFacts) else 0.0

    def phase(self, name: str, at: str) -> None:
        """Note where a phase begins or ends."""
        self.journal.append("phase", name=name, at=at)
        if at == "begin":
            self.screen.phase(name)

    def watch_crew(self) -> None:
        """Look whether a process of ours ended that was not meant to."""
        for member in self.crew.unmeant(self.board.meant):
            self.lost_members.append(member.name)
            if member.role == "publisher":
                raise HarnessError(
                    f"the load process {member.name} ended by itself (exit code "
                    f"{member.process.returncode}): see {self.folder}/logs/{member.name}.log"
                )
