"""The episodes of a fake run: what goes wrong when, and what the journal says of it.

Fixed times on a run of about a minute and a half, whatever the number of messages.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fake_broker import MILLISECOND, SECOND, ZERO_NS

if TYPE_CHECKING:
    from tests.fake_worker import Worker
    from tests.fakes import Simulation

WARM_S, BASELINE_S, STEADY_S = 2, 7, 17
FAULT_AFTER_S, FAULT_S, EPISODE_S = 1.0, 4.0, 10


@dataclass(frozen=True)
class FakeEpisode:
    """One episode; `surge` says whether a backlog is made before its fault."""

    id: str
    name: str
    kind: str
    fault_class: str
    surge: bool
    unavailable_ms: int = 0


EPISODES = (
    FakeEpisode("e1", "no fault", "nothing", "control", surge=True),
    FakeEpisode("e2", "kill the leader", "kill_node", "node_kill", True, 800),
    FakeEpisode("e3", "partition, reset", "partition_reset", "partition_reset", True, 700),
    FakeEpisode("e4", "partition, silent", "partition_silent", "partition_silent", True, 2000),
    FakeEpisode("e5", "disk alarm", "disk_alarm", "disk_alarm", True),
    FakeEpisode("e6", "kill a worker", "kill_client", "client", True),
)


def end_s() -> int:
    """Return when the last episode ends, in seconds of the run."""
    return STEADY_S + EPISODE_S * len(EPISODES)


class Episodes:
    """Carries the episodes out on a simulation."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.journal = simulation.journal
        self.broker = simulation.broker
        self._victim: Worker | None = None

    def plan(self) -> None:
        """Put everything on the clock."""
        at = self.simulation.clock.at
        for name, begin, end in (
            ("prepare", 0, WARM_S), ("steady", WARM_S, STEADY_S),
            ("baseline", BASELINE_S, STEADY_S), ("trouble", STEADY_S, end_s()),
        ):  # fmt: skip
            at(_ns(begin), self._note, "phase", {"name": name, "at": "begin"})
            at(_ns(end) - 1, self._note, "phase", {"name": name, "at": "end"})
        at(_ns(1), self._prepared)
        for number, episode in enumerate(EPISODES):
            begin = STEADY_S + EPISODE_S * number
            at(_ns(begin), self._begin, episode)
            if episode.kind != "nothing":
                at(_ns(begin + FAULT_AFTER_S), self._strike, episode)
                at(_ns(begin + FAULT_AFTER_S + FAULT_S), self._revert, episode)
            at(_ns(begin + EPISODE_S) - 2, self._end, episode)

    def end(self) -> None:
        """Journal the phases after the trouble, once they are over."""
        now = self.simulation.clock.now
        for name, begin, end in (("heal", _ns(end_s()), _ns(end_s()) + SECOND),
                                 ("drain", _ns(end_s()) + SECOND, now)):  # fmt: skip
            self.journal.add(begin, "phase", name=name, at="begin")
            self.journal.add(end, "phase", name=name, at="end")

    def _note(self, event: str, fields: dict[str, Any]) -> None:
        self.journal.add(self.simulation.clock.now, event, **fields)

    def _prepared(self) -> None:
        queues = self.broker.queues.values()
        members = {
            queue.name: {"type": queue.type, "members": ["r1", "r2", "r3"],
                         "online": ["r1", "r2", "r3"]}
            for queue in queues
        }  # fmt: skip
        self._note("members", {"queues": members})
        self._health("prepare")
        self._note("topology", {"episode": None, "at": "before", "difference": []})
        self._note(
            "boots", {"version": "3.10.8", "seconds": 6.9, "difference": [], "problem": None}
        )

    def _health(self, at: str) -> None:
        nodes = ["r1", "r2", "r3"]
        self._note("health", {"at": at, "healthy": True, "views": dict.fromkeys(nodes, nodes),
                              "partitions": [], "alarms": [], "detail": ""})  # fmt: skip

    def _leaders(self, episode: FakeEpisode, at: str) -> None:
        leaders = {queue.name: queue.leader for queue in self.broker.queues.values()}
        self._note("leaders", {"episode": episode.id, "at": at, "leaders": leaders})

    def _episode(self, episode: FakeEpisode, at: str) -> None:
        faults = [] if episode.kind == "nothing" else [f"{episode.id}.1"]
        self._note("episode", {"episode": episode.id, "name": episode.name, "at": at,
                               "control": None, "faults": faults})  # fmt: skip

    def _step(self, episode: FakeEpisode, step: str, **more: Any) -> None:
        target = self._struck() if episode.fault_class == "client" else "r1"
        self._note("fault", {
            "fault": f"{episode.id}.1", "episode": episode.id, "kind": episode.kind,
            "fault_class": episode.fault_class, "target": target, "parameters": {}, "step": step,
            **more,
        })  # fmt: skip

    def _begin(self, episode: FakeEpisode) -> None:
        self._episode(episode, "begin")
        self._note("topology", {"episode": episode.id, "at": "before", "difference": []})
        self.broker.lead("r1")
        self._leaders(episode, "before")
        if episode.surge:
            clock = self.simulation.clock
            due = clock.now + int((FAULT_AFTER_S - 0.05) * SECOND)
            surging = [each.name for each in self.simulation.contract.producers if each.surge]
            for name in surging * self.simulation.surge:
                clock.at(due, self.simulation.send, name, due)

    def _strike(self, episode: FakeEpisode) -> None:
        clock = self.simulation.clock
        self._exposure(episode)
        self._step(episode, "intent", revert={"kind": episode.kind, "values": {}})
        if self.simulation.bug != "vacuous":
            self._apply(episode)
        clock.after(MILLISECOND, self._step, episode, "applied")
        clock.after(500 * MILLISECOND, self._observed, episode)

    def _observed(self, episode: FakeEpisode) -> None:
        vacuous = self.simulation.bug == "vacuous"
        self._step(
            episode, "not_observed" if vacuous else "observed", evidence={"seen": not vacuous}
        )
        self._leaders(episode, "during")

    def _exposure(self, episode: FakeEpisode) -> None:
        if episode.fault_class not in {"node_kill", "partition_reset", "partition_silent"}:
            return
        links = [each.node for pool in self.simulation.pools.values() for each in pool.publishers]
        consumers = [each.link.node for each in self.simulation.workers if each.alive]
        queues = {
            queue.name: {"leader": queue.leader, "confirmed_unsettled": len(queue.waiting)}
            for queue in self.broker.queues.values()
        }
        self._note("exposure", {
            "episode": episode.id, "victim": "r1", "queues": queues,
            "connections_on_victim": links.count("r1"),
            "consumers_on_victim": consumers.count("r1"),
        })  # fmt: skip

    def _apply(self, episode: FakeEpisode) -> None:
        simulation = self.simulation
        if episode.fault_class == "disk_alarm":
            self.broker.alarmed = True
        elif episode.fault_class == "client":
            self._kill_worker()
        else:
            slow = 8 if simulation.bug == "slow_failover" else 1
            self.broker.strike("r1", slow * episode.unavailable_ms * MILLISECOND)
            if episode.kind == "partition_silent":
                simulation.clock.after(2 * SECOND, self._cut_consumers)
            else:
                simulation.clock.after(5 * MILLISECOND, self._cut_consumers)
                simulation.clock.after(5 * MILLISECOND, self._cut_publishers)

    def _struck(self) -> str:
        """Name the worker that is struck: the first that was alive when its fault began."""
        if self._victim is None:
            self._victim = next(each for each in self.simulation.workers if each.alive)
        return f"build-worker-{self._victim.tape.process}"

    def _kill_worker(self) -> None:
        worker = self._victim
        assert worker is not None, "an intent names its victim before anything happens"
        worker.kill()
        now = self.simulation.clock.now
        self.journal.add(
            now,
            "process",
            process=worker.tape.process,
            role="worker",
            pid=4000 + worker.tape.process,
            state="ended",
            meant=True,
            code=-9,
        )
        self.simulation.start_worker(worker.consumer, "r2")

    def _cut_publishers(self) -> None:
        for pool in self.simulation.pools.values():
            for publisher in pool.publishers:
                if publisher.node == "r1":
                    publisher.close()

    def _cut_consumers(self) -> None:
        for worker in self.simulation.workers:
            for link in (worker.link, worker.publisher):
                if link.node == "r1" and worker.alive:
                    link.close()

    def _revert(self, episode: FakeEpisode) -> None:
        clock = self.simulation.clock
        self._step(episode, "reverting")
        if episode.fault_class == "disk_alarm":
            self.broker.alarmed = False
            late = 7 * SECOND if self.simulation.bug == "never_unblocked" else 20 * MILLISECOND
            clock.after(late, self._unblock)
        self.broker.restore("r1")
        clock.after(MILLISECOND, self._step, episode, "reverted")
        clock.after(300 * MILLISECOND, self._restored, episode)

    def _restored(self, episode: FakeEpisode) -> None:
        self._step(episode, "restored", evidence={"healed": True})
        self._leaders(episode, "after")
        self._balance()

    def _balance(self) -> None:
        """Send some clients to the node that came back, so that the next strike finds them."""
        for pool in self.simulation.pools.values():
            for publisher in pool.publishers[:4]:
                if publisher.standing and publisher.node != "r1" and not publisher.pending:
                    publisher.close(200)
                    publisher.node = "r1"
        worker = next(each for each in self.simulation.workers if each.alive)
        if worker.link.standing and worker.link.node != "r1":
            worker.link.close(200)
            worker.link.node = "r1"

    def _unblock(self) -> None:
        for pool in self.simulation.pools.values():
            for publisher in pool.publishers:
                publisher.unblock()
        for worker in self.simulation.workers:
            worker.publisher.unblock()

    def _end(self, episode: FakeEpisode) -> None:
        self._note("topology", {"episode": episode.id, "at": "after", "difference": []})
        self._health("after-episode")
        self._episode(episode, "end")


def _ns(second: float) -> int:
    return ZERO_NS + int(second * SECOND)
