"""The steps of a blue-green upgrade, one function each, in the order in which they are played.

    green started -> design declared there -> the way back rehearsed -> a backlog on blue
        -> publishers move -> blue read empty, or shovelled -> consumers move -> blue given up

Until the consumers move all can go back as rehearsed: publishers to blue, and shovelled there what
green holds. From then on going back is a move of its own, in the other direction.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote

from gameday.clusters import connections
from gameday.clusters.wait import NotYet
from gameday.errors import HarnessError
from gameday.history.harm import PURGED
from gameday.history.roles import Roles
from gameday.traffic.session import OWN_CONTRACT
from scenarios.upgrade.declaring import declare_on_green
from scenarios.upgrade.move import Move, with_number
from scenarios.upgrade.options import SHOVEL_PLUGIN
from scenarios.upgrade.rolling import ROLLED
from scenarios.upgrade.shovels import shovel
from scenarios.upgrade.sides import Side, side_of, start_cluster

REHEARSED_S = 1.5
ALONE_S = 5.0
MOVES_WITHIN_S = 60.0
BACKLOG_WITHIN_S = 8.0
STILL_S = 1.0
"""For how long a queue must be empty before its consumers may leave it."""


def start_green(move: Move) -> None:
    """Start the new cluster beside the old one, which serves meanwhile."""
    ready, start = move.ready, move.start
    with move.step("start_green") as found:
        shape = ready.shape
        cluster = start_cluster(
            start, "green", ready.new, shape, beside=move.blue.base, plugins=(SHOVEL_PLUGIN,)
        )
        contract = start.folder / "green.json"
        contract.write_text(shape.model_dump_json(by_alias=True), encoding="utf-8")
        marker = {**start.marker, OWN_CONTRACT: str(contract)}
        side = side_of(replace(start, marker=marker), "green", cluster, shape)
        with_number(side.crew, move.game)
        move.green_ = side
        found["version"] = side.version


def declare_green(move: Move) -> None:
    """Declare the design there, and have everybody connect and wait."""
    with move.step("declare_green") as found:
        found.update(declare_on_green(move.blue, move.green))
    move.seen.go_on(move.green)
    move.staff_green()


def rehearse_way_back(move: Move) -> None:
    """Let publishers go to green and come back, and shovel back what they left there."""
    with move.step("rehearse_way_back") as found:
        move.hand_over(move.blue, move.green)
        move.wait(REHEARSED_S, "publishers on green")
        move.hand_over(move.green, move.blue)
        queues = [each.name for each in move.green.contract.topology.queues]
        found["shovelled_back"] = shovel(
            move.green, move.green, move.blue, queues, MOVES_WITHIN_S
        )  # fmt: skip


def harm_control(move: Move) -> None:
    """Empty a queue unread that belongs to a control: a cut-over that forgot it."""
    with move.step("harm_control"):
        move.game.controls.harm(PURGED)


def make_backlog(move: Move) -> None:
    """Let a surge fall due, so that something waits on blue when its publishers leave."""
    publishers = move.blue.processes("publisher")
    consumed = Roles(move.blue.contract).consumed
    wanted = sum(each.surge for each in move.blue.contract.producers) // 2
    with move.step("make_backlog") as found:
        move.game.board.tell_processes(publishers, "surge", factor=1.0)

        def stands() -> bool | NotYet:
            held = sum(count for name, count in move.blue.held().items() if name in consumed)
            return held >= wanted or NotYet(f"{held} of {wanted}")

        try:
            move.until(stands, BACKLOG_WITHIN_S, "a backlog stood")
        except HarnessError as error:
            move.game.journal.append("note", text=str(error))  # `cut_over` judges what was there.
        found["held"] = {name: move.blue.held()[name] for name in sorted(consumed)}


def move_publishers(move: Move) -> None:
    """Let the producers go to green."""
    with move.step("move_publishers"):
        move.hand_over(move.blue, move.green)
        move.moved = True


def drain_blue(move: Move) -> None:
    """Let blue's consumers read what is left there to its end."""
    roles = Roles(move.blue.contract)
    names = {*roles.consumed, *roles.passing}
    with move.step("drain_blue"):
        since: list[float] = []

        def empty() -> bool | NotYet:
            held, now = move.blue.held(), move.game.screen.now()
            left = {name: held[name] for name in names if held[name]}
            if left:
                since.clear()
                return NotYet(left)
            since[:] = since or [now]
            return now - since[0] >= STILL_S or NotYet("empty, and not for long")

        move.until(empty, MOVES_WITHIN_S + roles.passing_s, "blue read empty")


def move_consumers(move: Move) -> None:
    """Let green's consumers begin, and blue's end in good order: there is no way back from here."""
    with move.step("move_consumers"):
        move.wake_green()
        move.dismiss(move.blue, "worker")


def move_rest(move: Move) -> None:
    """Shovel what nobody reads, such as dead letters, from blue to green."""
    consumed = Roles(move.blue.contract).consumed
    names = [q.name for q in move.blue.contract.topology.queues if q.name not in consumed]
    with move.step("move_rest") as found:
        found["shovelled"] = shovel(move.green, move.blue, move.green, names, MOVES_WITHIN_S)


def shovel_blue(move: Move) -> None:
    """Shovel all that blue holds to green, whose consumers handle it."""
    names = [each.name for each in move.blue.contract.topology.queues]
    with move.step("shovel_blue") as found:
        found["shovelled"] = shovel(move.green, move.blue, move.green, names, MOVES_WITHIN_S)


def drop_blue(move: Move) -> None:
    """Empty blue's queues unread: the mistake that this harness must see."""
    api = move.blue.cluster.management(move.blue.broker.serving_node())
    vhost = quote(move.blue.vhost, safe="")
    with move.step("drop_blue") as found:
        found["held"] = sum(move.blue.held().values())
        for each in move.blue.contract.topology.queues:
            api.delete(f"/api/queues/{vhost}/{quote(each.name, safe='')}/contents")


def retire_blue(move: Move) -> None:
    """Let blue's publishers end, see that it is empty and alone, and let green carry on alone."""
    blue = move.blue
    with move.step("retire_blue") as found:
        move.dismiss(blue, "publisher")

        def alone() -> bool | NotYet:
            standing = _standing(blue)
            return not standing or NotYet(standing)

        try:
            move.until(alone, MOVES_WITHIN_S, "nobody connected to blue")
        except HarnessError as error:
            move.game.journal.append("note", text=str(error))  # `retired` judges who stood there.
        found.update(messages=blue.held(), connections=_standing(blue))
    move.wait(ALONE_S, "green carries on alone")


def _standing(side: Side) -> list[str]:
    """Return the connections that stand on a side, each with its node."""
    found = connections.connections(side.cluster, side.vhost)
    return [f"{pid} on {node}" for node, pids in found.items() for pid in pids]


PLAYED: Mapping[str, Callable[[Move], None]] = {**ROLLED} | {
    each.__name__: each
    for each in (
        start_green, declare_green, rehearse_way_back, harm_control, make_backlog, move_publishers,
        drain_blue, move_consumers, move_rest, shovel_blue, drop_blue, retire_blue,
    )
}  # fmt: skip
"""Every step by its name."""
