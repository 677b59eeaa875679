"""The negative controls: unsafe clients beside the real ones, each with a fault that can harm it.

They run in a virtual host of their own and keep ledgers of their own scope. A run that does not
see them lose messages could not have seen a real loss either. Which a run has, its plan decides
(`gameday/history/harm.py`: what each does wrong, and for which kinds of fault it stands). Those
that need no fault of the plan are harmed once its first episode is over; the transient one is
struck with its node. Each has a baseline first, that is handled to the last.
"""

import json
import signal
import sys
from dataclasses import dataclass, field, replace
from typing import Any

from chaos.doors import SwallowThenClose
from chaos.fault import Site
from chaos.journal import Journal
from chaos.plan import Episode
from gameday.clusters.attached import AttachedCluster
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.broker import Broker
from gameday.clusters.compose import ComposeCluster
from gameday.clusters.local import LocalCluster
from gameday.clusters.wait import NotYet, wait_until
from gameday.errors import HarnessError
from gameday.history.harm import AUTOMATIC_ACK, NO_CONFIRMS, NO_DEAD_LETTERS, TRANSIENT
from gameday.traffic.purpose import Target
from scenarios.crew import Crew, Member, start_drain
from scenarios.harming import HARMS, NEEDS, Harm, OfControl, strikes
from scenarios.switchboard import Switchboard

BASELINE = 40
HARMED = 150
WITHIN_S = 20.0
CALLS_WITHIN_S = 60.0
"""How long its processes may take to start: as long as those of the load."""
FAULT_S = 10.0


@dataclass
class Controls:
    """The controls of one run."""

    cluster: LocalCluster | ComposeCluster | AttachedCluster
    broker: Broker | AttachedFacts
    vhost: str
    journal: Journal
    site: Site
    crew: Crew
    board: Switchboard
    transient_node: str | None
    wanted: frozenset[str]
    ready: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    is_started: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The wanted controls whose fault this cluster can do and, for one, this plan does."""
        powers = {None, *self.cluster.powers}
        able = [name for name, power in NEEDS.items() if power in powers and name in self.wanted]
        return tuple(name for name in able if name != TRANSIENT or self.transient_node)

    @property
    def node(self) -> str:
        """The node that the controls live on."""
        return self.transient_node or self.cluster.nodes[0]

    def start(self) -> None:
        """Start each control's clients, and let its baseline pass."""
        self.is_started = True
        self.broker.make_vhost(self.vhost)
        for control in self.names:
            self._start(control, "publish", self._targets(control))
        self.board.wait_for({f"{control}-publish": 1 for control in self.names}, CALLS_WITHIN_S)
        for control in self.names:
            self._start(control, "consume", self._targets(control, consuming=True))
        self.board.wait_for({f"{control}-consume": 1 for control in self.names}, CALLS_WITHIN_S)
        for control in self.names:
            self._publish(control, BASELINE, 4.0)

    def before(self, episode: Episode) -> None:
        """Put a control in harm's way before an episode strikes, whose targets are resolved."""
        if self._kills_transient(episode):
            self._baseline_passed(TRANSIENT)
            self._episode(TRANSIENT, "begin")
            self._end_consumer(TRANSIENT)
            self._publish(TRANSIENT, HARMED, 1.0)
            self._confirmed(TRANSIENT, BASELINE + HARMED)
            self._fault(TRANSIENT, "intent", "kill_node", self.node)
            self._fault(TRANSIENT, "applied", "kill_node", self.node)

    def _kills_transient(self, episode: Episode) -> bool:
        """Whether the transient control's node is about to be killed, for the first time."""
        struck = any(
            strikes(entry.kind, entry.target, self.transient_node) for entry in episode.faults
        )
        return struck and TRANSIENT in self.names and TRANSIENT not in self.ready

    def after(self, episode: Episode) -> None:
        """Let an episode's control come to its end, and run those that need no episode."""
        if TRANSIENT in self.ready and TRANSIENT not in self.done:
            evidence = {"with": f"{episode.id}.1"}
            for step in ("observed", "reverting", "reverted", "restored"):
                self._fault(TRANSIENT, step, "kill_node", self.node, evidence)
            self._episode(TRANSIENT, "end")
            self.done.add(TRANSIENT)
        if AUTOMATIC_ACK not in self.done:
            self._harm_automatic_ack()
            if NO_CONFIRMS in self.names:
                self._harm_no_confirms()
            if NO_DEAD_LETTERS in self.names:
                self._harm_by_poison()
            for control in self.names:
                if control in HARMS:
                    self.harm(control)

    def finish(self) -> None:
        """End the controls' clients and read their queues to the end."""
        if not self.is_started:
            return
        drains = {control: self._start_drain(control) for control in self.names}
        for control, member in drains.items():
            self._await_drain(control, member)
        self.crew.stop("control")

    def _harm_automatic_ack(self) -> None:
        """Kill the consumer while it holds what the broker has forgotten already."""
        control = AUTOMATIC_ACK
        self._baseline_passed(control)
        self._episode(control, "begin")
        self._publish(control, HARMED, 1.0)
        self._confirmed(control, BASELINE + HARMED)
        client = self._client(f"{control}-consume")
        self._fault(control, "intent", "kill_client", client)
        self._fault(control, "applied", "kill_client", client)
        self.board.signal(client, signal.SIGKILL)
        wait_until(
            lambda: not any(c.name == f"{control}-consume" for c in self.board.callers()),
            WITHIN_S,
            f"{client} was gone",
        )
        for step in ("observed", "reverting", "reverted", "restored"):
            self._fault(control, step, "kill_client", client, {"client": "gone"})
        self._episode(control, "end")
        self.done.add(control)

    def _harm_no_confirms(self) -> None:
        """Publish into a link that swallows everything for two seconds and then closes."""
        control = NO_CONFIRMS
        self._baseline_passed(control)
        self._episode(control, "begin")
        self._publish(control, HARMED, 2.5)
        site = self.site.for_episode(control, 5.0)
        with SwallowThenClose(self.node).inject(site):
            pass
        self._episode(control, "end")
        self.done.add(control)

    def _harm_by_poison(self) -> None:
        """Publish what its consumer must reject, into a queue that keeps no dead letters."""
        control = NO_DEAD_LETTERS
        self._baseline_passed(control)
        self._episode(control, "begin")
        self._fault(control, "intent", "poison", control)
        self._publish(control, HARMED, 1.0, poison=True)
        self._fault(control, "applied", "poison", control)
        self._wait(control, "consume", "control_rejected", HARMED)
        for step in ("observed", "reverting", "reverted", "restored"):
            self._fault(control, step, "poison", control, {"rejected": HARMED})
        self._episode(control, "end")
        self.done.add(control)

    def harm(self, control: str) -> None:
        """Do to its queue, exchange or binding what an operator would, while nobody consumes."""
        harm = HARMS[control]
        self._baseline_passed(control)
        self._episode(control, "begin")
        self._end_consumer(control)
        if harm.publishes_before:
            self._publish_harmed(control, harm)
        site = replace(self.site, vhost=self.vhost).for_episode(control, FAULT_S)
        with OfControl(harm.fault(control)).inject(site):
            if not harm.publishes_before:
                self._publish_harmed(control, harm)
            if harm.empties:
                self._emptied(control)
        self._episode(control, "end")
        self.done.add(control)

    def _publish_harmed(self, control: str, harm: Harm) -> None:
        self._publish(control, HARMED, 1.0)
        self._confirmed(control, BASELINE + (HARMED if harm.all_confirmed else 1))

    def _emptied(self, control: str) -> None:
        """Wait until nothing is left in its queue, though nobody consumes."""
        broker = self.broker
        assert isinstance(broker, Broker), "who can operate a cluster can count in it"

        def empty() -> bool | NotYet:
            left = sum(broker.message_counts(self.vhost)[control])
            return True if not left else NotYet(f"{left} left")

        wait_until(empty, WITHIN_S, f"{control}: all expired")

    def _targets(self, control: str, *, consuming: bool = False) -> tuple[Target, ...]:
        node = self.node
        own = control == NO_CONFIRMS and not consuming
        return (
            Target(node, self.cluster.amqp_url(node, self.vhost, "spare" if own else "clients")),
        )

    def _start(self, control: str, half: str, targets: tuple[Target, ...]) -> None:
        module = "gameday.traffic.unsafe"
        words = [sys.executable, "-m", module, str(self.crew.folder), control, half]
        self.crew.start(f"{control}-{half}", "control", words, targets_environment(targets))

    def _publish(self, control: str, count: int, over_s: float, *, poison: bool = False) -> None:
        self.board.tell_name(
            f"{control}-publish", "publish", count=count, over_s=over_s, poison=poison
        )

    def _baseline_passed(self, control: str) -> None:
        """Wait until everything of the baseline was handled: it must show no loss.

        Its node may have been the one that an episode struck: both halves must be back.
        """
        self._wait(control, "consume", "control_handled", BASELINE)
        for half in ("publish", "consume"):
            self._wait(control, half, "control_connected", 1)
        self.ready.add(control)

    def _confirmed(self, control: str, count: int) -> None:
        self._wait(control, "publish", "control_confirmed", count)

    def _wait(self, control: str, half: str, key: str, count: int) -> None:
        def reached() -> bool | NotYet:
            seen = sum(
                caller.report.get(key, 0)
                for caller in self.board.callers("control")
                if caller.name == f"{control}-{half}"
            )
            return True if seen >= count else NotYet(f"{seen} of {count}")

        wait_until(reached, WITHIN_S, f"{control}: {key}")

    def _end_consumer(self, control: str) -> None:
        self.board.expect_end(f"{control}-consume")
        self.board.tell_name(f"{control}-consume", "stop")
        wait_until(
            lambda: not any(c.name == f"{control}-consume" for c in self.board.callers()),
            WITHIN_S,
            f"the consumer of {control} ended",
        )

    def _client(self, name: str) -> str:
        for client in self.board.clients():
            if client.name.startswith(name):
                return client.name
        raise HarnessError(f"the control's client {name} is gone")

    def _start_drain(self, control: str) -> Member:
        """Consume what is left of a control's queue, in the control's scope."""
        if any(c.name == f"{control}-consume" for c in self.board.callers()):
            self._end_consumer(control)
        targets = self._targets(control, consuming=True)
        return start_drain(self.crew, 2, 20, control, targets_environment(targets))

    def _await_drain(self, control: str, member: Member) -> None:
        wait_until(lambda: member.process.poll() is not None, 40, f"the drain of {control} ended")
        member.ended, ok = True, member.process.returncode == 0
        self.journal.append("drain", gate=control, ok=ok, detail="control's queue read out")

    def _episode(self, control: str, at: str) -> None:
        self.journal.append(
            "episode", episode=control, name=control, at=at, control=control,
            faults=[f"{control}.1"],
        )  # fmt: skip

    def _fault(
        self,
        control: str,
        step: str,
        kind: str,
        target: str,
        evidence: dict[str, Any] | None = None,
    ) -> None:
        more: dict[str, Any] = {"evidence": evidence} if evidence else {}
        if step == "intent":
            more = {"revert": {"kind": "nothing", "values": {}}, "ttl_s": 600.0}
        self.journal.append(
            "fault", fault=f"{control}.1", episode=control, kind=kind, fault_class="control",
            target=target, parameters={}, step=step, **more,
        )  # fmt: skip


def targets_environment(targets: tuple[Target, ...]) -> dict[str, str]:
    """Return the environment that tells a client where to connect."""
    return {"GAMEDAY_TARGETS": json.dumps([[each.node, each.url] for each in targets])}
