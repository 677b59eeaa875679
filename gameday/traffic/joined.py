"""A load process that takes part in a game day: the run says when to begin, surge, poison, stop."""

import json
import os
from pathlib import Path
from time import monotonic_ns
from typing import Any

import gevent
import psutil

from gameday.contracts.model import Producer
from gameday.traffic.arrivals import Poisson
from gameday.traffic.crash import end_on_defects
from gameday.traffic.eventbus import EventBus
from gameday.traffic.keys import KEYS
from gameday.traffic.publisher import Publisher
from gameday.traffic.standing import Standing
from gameday.traffic.wire import SOCKET_NAME, Handlers, Wire

SAMPLE_EVERY_S = 1.0
BESIDES = 1_000_003
"""What the seed of a second schedule is more by: two schedules of one seed would fall together."""
COUNTED = ("offered", "sent", "confirmed", "told", "returned", "published_again", "shed")
"""What a sample gives per second; everything else it gives as it stands."""


class Joined:
    """Obeys the run and reports to it; samples the generator once a second into `metrics/`."""

    def __init__(self, folder: Path, process: int, seed: int, name: str = "locust") -> None:
        end_on_defects()
        self._publishers: dict[str, tuple[Producer, Publisher]] = {}
        self._samples = (folder / "metrics" / f"generator-{process:04d}.jsonl").open("a")
        self._process = psutil.Process()
        self._seed = seed
        self._standing = Standing(self._ebb)
        hello = {"role": "publisher", "name": name, "process": process}
        orders: Handlers = {
            "start": self._start,
            "stop": self._stop,
            "surge": self._surge,
            "poison": self._poison,
            "replay": self._replay,
            "flood": self._flood,
            "rebalance": self._rebalance,
            "renew": self._renew,
        }
        self._wire = Wire(folder / SOCKET_NAME, hello, self._report, orders, _gone)
        self._sampler = gevent.spawn(self._sample_often)

    def add(self, name: str, contract: Producer, publisher: Publisher) -> None:
        """Take a producing service in."""
        self._publishers[name] = contract, publisher

    def close(self) -> None:
        """Report for the last time."""
        self._sampler.kill(block=False)
        self._wire.close()
        self._samples.close()

    def _start(self) -> None:
        for _, publisher in self._publishers.values():
            publisher.start()

    def _stop(self) -> None:
        for _, publisher in self._publishers.values():
            publisher.stop()

    def _surge(self, factor: float = 1.0) -> None:
        for contract, publisher in self._publishers.values():
            if contract.surge:
                publisher.surge(int(contract.surge * factor))

    def _poison(self, count: int) -> None:
        for contract, publisher in self._publishers.values():
            mix = contract.mix
            if mix.permanent or mix.invalid or mix.exhausted:
                publisher.poison(count)

    def _replay(self, count: int) -> None:
        for _, publisher in self._publishers.values():
            publisher.replay(count)

    def _flood(self, producer: str, factor: float, shown: str) -> None:
        """Offer `factor` times what a producer's contract says, by a seeded schedule of its own."""
        self._standing.show(shown)
        for name, (contract, publisher) in self._publishers.items():
            if producer in {name, "all"}:
                rate_per_s = contract.rate_per_s * (factor - 1)
                publisher.flood(Poisson(rate_per_s, self._seed + BESIDES))

    def _ebb(self) -> None:
        for _, publisher in self._publishers.values():
            publisher.ebb()

    def _rebalance(self) -> None:
        for _, publisher in self._publishers.values():
            publisher.sender.rebalance()

    def _renew(self, password: str | None) -> None:
        KEYS.renew(password)
        for _, publisher in self._publishers.values():
            publisher.sender.renew()

    def _report(self) -> dict[str, Any]:
        senders = [publisher.sender for _, publisher in self._publishers.values()]
        tallies = [sender.tally for sender in senders]
        fronts = [publisher.front for _, publisher in self._publishers.values()]
        buses = [front for front in fronts if isinstance(front, EventBus)]
        return {
            "offered": sum(each.offered.count for _, each in self._publishers.values()),
            "sent": sum(tally.sent for tally in tallies),
            "confirmed": sum(tally.confirmed for tally in tallies),
            "published_again": sum(tally.retried for tally in tallies),
            "told": sum(tally.told for tally in tallies),
            "returned": sum(tally.returned for tally in tallies),
            "unanswered": sum(each.unanswered for _, each in self._publishers.values()),
            "replayed": sum(each.replayed for _, each in self._publishers.values()),
            "shed": sum(bus.shed for bus in buses),
            "degraded": sum(bus.is_degraded for bus in buses),
            "blocked": sum(sender.blocked_links for sender in senders),
            "connected": sum(sender.open_links for sender in senders),
            "pool": sum(contract.pool for contract, _ in self._publishers.values()),
            "producers": list(self._publishers),
            "nodes": [node for sender in senders for node in sender.nodes],
        }

    def _sample_often(self) -> None:
        self._process.cpu_percent()
        before = self._report()
        while True:
            gevent.sleep(SAMPLE_EVERY_S)
            offered = [each.offered for _, each in self._publishers.values()]
            report = self._report()
            sample = {
                "time_ns": monotonic_ns(),
                "cpu_percent": self._process.cpu_percent(),
                "lag_max_ms": max((each.lag_max_ms for each in offered), default=0.0),
                **report,
                **{name: report[name] - before[name] for name in COUNTED},
            }
            before = report
            for each in offered:
                each.lag_max_ms = 0.0
            self._samples.write(json.dumps(sample) + "\n")
            self._samples.flush()


def _gone() -> None:
    """End at once: without the run nobody judges this load, and nobody would stop it."""
    os._exit(70)
