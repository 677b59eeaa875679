"""Damages to a run that moves from one cluster to another."""
# ruff: noqa: D401  # The docstring of a damage says what has gone wrong.

from gameday.history.records import Kind
from gameday.history.sides import UPGRADE
from tests.fake_folder import FakeRun
from tests.fake_tape import Row
from tests.fake_telling import ns
from tests.fake_upgrade import BLUE_HAND, GREEN_HAND


def _line(run: FakeRun, step: str, at: str) -> dict[str, object]:
    return run.journal.of(UPGRADE, step=step, at=at)[0]


def _copy(row: Row, time_ns: int, tag: int) -> Row:
    fields = {name: getattr(row, name) for name in Row.__slots__}
    return Row(**{**fields, "time_ns": time_ns, "tag": tag})


def stop_half_way(run: FakeRun) -> None:
    """The consumers never came to the new cluster."""
    run.journal.lines.remove(_line(run, "move_consumers", "end"))


def hurry_the_consumers(run: FakeRun) -> None:
    """The consumers were moved before the old cluster had been read empty."""
    _line(run, "move_consumers", "end")["time_ns"] = ns(22)


def take_an_age(run: FakeRun) -> None:
    """The old cluster stood for half a minute before it could be given up."""
    _line(run, "retire_blue", "end")["time_ns"] = ns(33)


def move_in_a_quiet_hour(run: FakeRun) -> None:
    """Nothing waited on the old cluster, so that nothing could have been lost there."""
    for row in run.tapes[BLUE_HAND - 1].rows:
        if row.time_ns >= ns(20):
            row.time_ns = ns(19) + (row.time_ns - ns(20)) // 10


def declare_another_design(run: FakeRun) -> None:
    """The new cluster holds a queue of another type."""
    _line(run, "declare_green", "end")["difference"] = ["queue work: type is quorum"]


def drop_a_policy_unasked(run: FakeRun) -> None:
    """A policy was left out although the new cluster never refused it."""
    _line(run, "declare_green", "end")["refused"] = []


def declare_nothing(run: FakeRun) -> None:
    """Nobody noted what the new cluster took."""
    run.journal.lines.remove(_line(run, "declare_green", "end"))


def leave_them_on_green(run: FakeRun) -> None:
    """What the rehearsal left on the new cluster was handled there, not brought back."""
    blue, green = run.tapes[BLUE_HAND - 1], run.tapes[GREEN_HAND - 1]
    rehearsed = {row.tag for row in blue.of(Kind.DELIVERED) if row.producer == 2}
    moved = [row for row in blue.rows if row.tag in rehearsed and row.kind in {
        Kind.DELIVERED, Kind.HANDLED, Kind.ACKED}]  # fmt: skip
    blue.rows = [row for row in blue.rows if row not in moved]
    for row in moved:
        row.tag += 5000
    green.rows += moved


def lose_one_on_the_way_back(run: FakeRun) -> None:
    """A message that the new cluster had taken was lost on its way back."""
    blue = run.tapes[BLUE_HAND - 1]
    first = next(row for row in blue.of(Kind.DELIVERED) if row.producer == 2)
    blue.rows = [row for row in blue.rows if row.tag != first.tag]


def rehearse_with_nobody(run: FakeRun) -> None:
    """Nothing was published while the way back was rehearsed."""
    gone = {(row.producer, row.sequence) for row in run.tapes[1].of(Kind.INVOKE)
            if row.time_ns < ns(16)}  # fmt: skip
    tags = {row.tag for row in run.tapes[1].of(Kind.INVOKE) if row.time_ns < ns(16)}
    run.tapes[1].rows = [row for row in run.tapes[1].rows
                         if not (row.tag in tags and row.time_ns > ns(1))]  # fmt: skip
    blue = run.tapes[BLUE_HAND - 1]
    mine = {row.tag for row in blue.of(Kind.DELIVERED) if row.message in gone}
    blue.rows = [row for row in blue.rows if row.tag not in mine]


def forget_the_rehearsal(run: FakeRun) -> None:
    """The way back was not walked at all."""
    run.journal.lines = [each for each in run.journal.lines
                         if each.get("step") != "rehearse_way_back"]  # fmt: skip


def leave_a_rest(run: FakeRun) -> None:
    """The old cluster was given up with a message in it."""
    _line(run, "retire_blue", "end")["messages"] = {"work": 1}


def leave_somebody(run: FakeRun) -> None:
    """A client was still connected to the old cluster when it was given up."""
    _line(run, "retire_blue", "end")["connections"] = ["<0.1.0> on r1"]


def publish_to_the_old_one(run: FakeRun) -> None:
    """A producer that nobody had moved wrote to the old cluster after the move."""
    for row in run.tapes[0].of(Kind.INVOKE, Kind.CONFIRMED)[-2:]:
        row.time_ns += ns(22) - ns(18.6)


def stop_with_the_old_one(run: FakeRun) -> None:
    """Nothing was handled after the old cluster's end: nothing shows that the new one suffices."""
    late = {row.tag for row in run.tapes[1].of(Kind.INVOKE) if row.time_ns > ns(24.8)}
    run.tapes[1].rows = [row for row in run.tapes[1].rows
                         if row.tag not in late or row.time_ns < ns(1)]  # fmt: skip
    green = run.tapes[GREEN_HAND - 1]
    mine = {row.tag for row in green.of(Kind.DELIVERED) if row.sequence in late}
    green.rows = [row for row in green.rows if row.tag not in mine or row.time_ns < ns(1)]


def let_nobody_confirm(run: FakeRun) -> None:
    """For four seconds no publish was confirmed."""
    tags = {row.tag for row in run.tapes[1].of(Kind.INVOKE) if ns(26) < row.time_ns < ns(30)}
    run.tapes[1].rows = [row for row in run.tapes[1].rows if row.tag not in tags]
    green = run.tapes[GREEN_HAND - 1]
    mine = {row.tag for row in green.of(Kind.DELIVERED) if row.sequence in tags}
    green.rows = [row for row in green.rows if row.tag not in mine]


def let_nobody_take(run: FakeRun) -> None:
    """For four seconds no consumer took anything of what waited."""
    for row in run.tapes[GREEN_HAND - 1].rows:
        if ns(26) < row.time_ns < ns(30.2):
            row.time_ns = ns(30.2) + (row.time_ns - ns(26)) // 100


def measure_no_baseline(run: FakeRun) -> None:
    """Nobody knows what service was before the move."""
    run.journal.lines = [each for each in run.journal.lines if each["event"] != "phase"]


def overtake(run: FakeRun) -> None:
    """A new message was taken on the new cluster while old ones waited on the old one."""
    green = run.tapes[GREEN_HAND - 1]
    first = next(row for row in green.of(Kind.DELIVERED) if row.producer == 2)
    for row in green.rows:
        if row.tag == first.tag and row.kind in {Kind.DELIVERED, Kind.HANDLED, Kind.ACKED}:
            row.time_ns -= ns(23.3) - ns(21)


def move_before_anything(run: FakeRun) -> None:
    """The publishers never moved, so nothing new could overtake anything old."""
    run.journal.lines = [each for each in run.journal.lines
                         if each.get("step") != "move_publishers"]  # fmt: skip


def shovel_one_twice(run: FakeRun) -> None:
    """A message was handled on the old cluster, and once more on the new one."""
    blue, green = run.tapes[BLUE_HAND - 1], run.tapes[GREEN_HAND - 1]
    last = blue.of(Kind.DELIVERED)[-1]
    queue = green.name("queue", "work")
    for row in [row for row in blue.rows if row.tag == last.tag]:
        again = _copy(row, row.time_ns + ns(27) - ns(23), 9000)
        again.queue = queue
        green.rows.append(again)
