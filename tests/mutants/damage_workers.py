"""Damages to a run of workers that are asked how they are, and are added when a queue is deep."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Kind
from tests.fake_folder import FakeRun
from tests.fake_telling import ns
from tests.fake_workers import FLOOD, REFUSED, SILENT


def _between(run: FakeRun, begin_s: float, end_s: float) -> list[dict[str, object]]:
    return [each for each in run.probes if ns(begin_s) <= each["time_ns"] <= ns(end_s)]


def say_all_is_well(run: FakeRun) -> None:
    """An endpoint answers 200 whatever happens to its worker: it says that the process runs."""
    for probe in _between(run, REFUSED.begin_s, REFUSED.end_s):
        probe.update(status=200, reason="")


def trust_a_silent_connection(run: FakeRun) -> None:
    """An endpoint looks at whether its connection is open, and a silent one is to the end."""
    for probe in _between(run, SILENT.begin_s, SILENT.end_s):
        probe.update(status=200, reason="")


def cry_wolf(run: FakeRun) -> None:
    """An endpoint says that its worker is cut off while it works."""
    for probe in _between(run, 17, 18):
        probe.update(status=503, reason="no connection to the broker")


def cry_silence(run: FakeRun) -> None:
    """An endpoint says that the broker is silent, though messages come."""
    for probe in _between(run, 6, 7):
        probe.update(status=503, reason="the broker has not answered for 3.2 s")


def forget_its_registration(run: FakeRun) -> None:
    """An endpoint says that the broker does not know its consumer, though messages come."""
    for probe in _between(run, 6, 7):
        probe.update(status=503, reason="not on the broker's books as a consumer")


def answer_nobody(run: FakeRun) -> None:
    """An endpoint stops answering, though its worker works."""
    for probe in _between(run, 48, 55):
        probe.update(status=0, reason="TimeoutError: timed out")


def ask_in_quiet_times_only(run: FakeRun) -> None:
    """Nobody asked while a worker was cut off, so that nothing shows what it would have said."""
    gone = [*_between(run, REFUSED.begin_s - 2, REFUSED.end_s + 2),
            *_between(run, SILENT.begin_s - 2, SILENT.end_s + 2)]  # fmt: skip
    run.probes = [each for each in run.probes if each not in gone]


def add_nobody(run: FakeRun) -> None:
    """The queue is too deep for long, and no worker is added."""
    run.journal.lines = [each for each in run.journal.lines if each["event"] != "scaled"]


def add_without_need(run: FakeRun) -> None:
    """A worker is added while the queue is shallow."""
    run.journal.of("scaled")[0]["depth"] = 5


def add_too_many(run: FakeRun) -> None:
    """There are more workers than there may be."""
    run.journal.of("scaled")[0]["after"] = 3


def add_an_idler(run: FakeRun) -> None:
    """The added worker never takes a message."""
    idler = run.tapes[2]
    kinds = {Kind.DELIVERED, Kind.HANDLED, Kind.ACKED}
    idler.rows = [row for row in idler.rows if row.kind not in kinds]


def keep_the_backlog(run: FakeRun) -> None:
    """The backlog stands long after the flood is over."""
    for sample in run.samples:
        if sample["time_ns"] > ns(FLOOD.begin_s + 5):
            sample["depth"]["work"] = 60


def stay_shallow(run: FakeRun) -> None:
    """The queue never gets deep, so that nothing shows whether anybody would be added."""
    add_nobody(run)
    for sample in run.samples:
        sample["depth"]["work"] = min(20, sample["depth"]["work"])


def stop_looking(run: FakeRun) -> None:
    """Nobody looks at the depth any more, just when the backlog should go."""
    run.samples = [each for each in run.samples if each["time_ns"] < ns(FLOOD.end_s + 2)]
