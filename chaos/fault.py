"""A fault is a value that opens a context: entering breaks something, leaving puts it right.

Faults are frozen dataclasses, so they print well, go into the plan and the journal as they are
and can be compared. How one is carried out, step by step with a journal line before each, stands
in `steps.py`; how it is undone is data (`Revert`), so that another process can do it: `reverts.py`.
Nothing here touches a broker.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from itertools import count, zip_longest
from typing import Any, ClassVar, Protocol

from chaos import steps
from chaos.interrupts import Interrupts
from chaos.journal import Journal
from chaos.revert import Revert, Seen, Target
from chaos.traffic import NoTraffic, Traffic
from gameday.clusters.broker import Broker
from gameday.clusters.wait import wait_until


def anything_goes() -> None:
    """Refuse nothing: the guard of a site that nobody guards."""


def as_it_is(fault: "Fault") -> "Fault":
    """Leave a fault as it is: the cluster lets itself be broken by the fault's own means."""
    return fault


def unhurt(point: str) -> None:
    """Do nothing at any point: the hook of a run that nobody kills on purpose."""


@dataclass(frozen=True)
class Site:
    """Where a fault strikes, and what it may use there.

    `guard` is asked before each injection and raises `HarnessError` with the reason when nothing
    may be broken now. `at` is called at each named point of a fault's life; tests kill the process
    there. `for_s` is how long the fault shall last: the watchdog allows for it, and reverts later.
    `adapted` turns a fault into what does the same on a cluster that has other means.
    """

    cluster: Target
    journal: Journal
    traffic: Traffic = field(default_factory=NoTraffic)
    vhost: str = "/"
    episode: str = "alone"
    for_s: float = 60.0
    guard: Callable[[], None] = anything_goes
    at: Callable[[str], None] = unhurt
    interrupts: Interrupts = field(default_factory=Interrupts)
    numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)
    unverified: list[Callable[[], None]] | None = None
    adapted: "Callable[[Fault], Fault]" = as_it_is

    @property
    def broker(self) -> Broker:
        """What the cluster says of itself."""
        return Broker(self.cluster)

    def for_episode(self, episode: str, for_s: float) -> "Site":
        """Return this site for one episode; its faults are numbered `<episode>.1` and so on."""
        return replace(self, episode=episode, for_s=for_s, numbers=count(1))


class Fault(Protocol):
    """One thing that can go wrong. Entering breaks it; leaving puts it right."""

    @property
    def kind(self) -> str:
        """Its name: `kill_node`, `isolate` and so on."""

    @property
    def fault_class(self) -> str:
        """The class that checks judge it by: `node_kill`, `partition_silent` and so on."""

    def inject(self, site: Site) -> AbstractContextManager[None]:
        """Break it for as long as the context is open."""


class Breaking(Protocol):
    """What one kind of fault has to say for itself; `steps.carry_out` does the rest."""

    @property
    def kind(self) -> str:
        """Its name."""

    @property
    def fault_class(self) -> str:
        """The class that checks judge it by."""

    @property
    def target(self) -> str:
        """What it strikes."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """How it strikes."""

    @property
    def takes_s(self) -> float:
        """How long it may take to apply beyond a moment; the watchdog allows for it."""

    @property
    def shows_after_s(self) -> float:
        """How long it may be in force before it can be seen; looking goes on for longer."""

    def roles(self, site: Site, /) -> Mapping[str, Any] | None:
        """Return which queues its victim leads and follows now; none where it has no victim."""

    def capture(self, site: Site, /) -> Revert:
        """Return how to undo it, with the original values, before anything is changed."""

    def apply(self, site: Site, /) -> None:
        """Break it; what was done in part when this raises is undone all the same."""

    def observe(self, site: Site, /) -> Seen:
        """Look from outside whether it is in force; asked again until it is or time is up."""


@dataclass(frozen=True)
class Single:
    """What all faults with one target share: the first field is the target."""

    takes_s: ClassVar[float] = 0.0
    shows_after_s: ClassVar[float] = 0.0

    @property
    def target(self) -> str:
        """What it strikes."""
        names = [each.name for each in fields(self)]
        return str(getattr(self, names[0])) if names else ""

    @property
    def parameters(self) -> dict[str, Any]:
        """How it strikes."""
        return {each.name: getattr(self, each.name) for each in fields(self)[1:]}

    def roles(self, _site: Site, /) -> Mapping[str, Any] | None:
        """Return nothing: it strikes no node of its own."""
        return None

    def inject(self: Breaking, site: Site) -> AbstractContextManager[None]:
        """Break it for as long as the context is open."""
        return steps.carry_out(self, site)


@dataclass(frozen=True)
class Nothing:
    """No fault at all: the control run."""

    kind: ClassVar[str] = "nothing"
    fault_class: ClassVar[str] = "control"

    @contextmanager
    def inject(self, site: Site) -> Iterator[None]:
        """Leave everything as it is."""
        site.guard()
        yield


@dataclass(frozen=True)
class Together:
    """Several faults at once or overlapping, healed in reverse order.

    `after_s` says, for each fault, how long after the first one was in force it strikes; without
    it all strike at once. Each is reverted without waiting for the others; only when all are
    reverted is their healing observed, for a node cannot rejoin through a link that is still cut.
    """

    faults: tuple[Fault, ...]
    after_s: tuple[float, ...] = ()
    kind: ClassVar[str] = "together"
    fault_class: ClassVar[str] = "control"

    @contextmanager
    def inject(self, site: Site) -> Iterator[None]:
        """Break everything, in order."""
        outermost = site.unverified is None
        inside = replace(site, unverified=[]) if outermost else site
        assert inside.unverified is not None
        with ExitStack() as stack:
            if outermost:
                stack.callback(steps.verify_all, inside.unverified)
            first_at: float | None = None
            for fault, after_s in zip_longest(self.faults, self.after_s, fillvalue=0.0):
                assert not isinstance(fault, float), "there are more times than faults"
                if first_at is not None and after_s:
                    wait_for_time(first_at + after_s, f"{fault.kind} is due")
                stack.enter_context(site.adapted(fault).inject(inside))
                first_at = first_at or time.monotonic()
            yield


def wait_for_time(at_s: float, what: str) -> None:
    """Wait until a moment on the monotonic clock."""
    left_s = max(0.0, at_s - time.monotonic())
    wait_until(lambda: time.monotonic() >= at_s, left_s + 1, what, poll_ms=20)
