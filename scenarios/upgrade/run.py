"""An upgrade, from an empty machine to its run folder: `gameday upgrade`.

    heal what was left -> blue -> prepare -> steady -> each step, under load -> heal -> drain both

It is a game day's run in all but its trouble: the same folder, ledgers, drain and checks, so that
`gameday check` judges it again. Both clusters are the run's own: the watchdog and `gameday heal`
end both when it is killed.
"""

from dataclasses import replace

from chaos import runs, stop
from chaos.fault import Site
from chaos.journal import FILE_NAME as JOURNAL_NAME
from chaos.journal import Journal
from chaos.lock import target_lock
from chaos.plan import FILE_NAME as PLAN_NAME
from chaos.plan import Plan
from chaos.redaction import Redactor
from chaos.watchdog import guarded
from gameday.errors import HarnessError
from gameday.history.harm import PURGED
from gameday.history.sides import UPGRADE
from scenarios.controls import Controls
from scenarios.crew import start_drain
from scenarios.finish import DRAIN_WITHIN_S, WINDOW_S, drain, heal
from scenarios.framing import Ended, Frame, framed
from scenarios.game import Game
from scenarios.observe import Observer
from scenarios.prepare import prepare
from scenarios.scaling import Scaler
from scenarios.screen import Screen
from scenarios.stage import VHOST_PREFIX
from scenarios.steady import steady
from scenarios.switchboard import Switchboard
from scenarios.upgrade.move import Move, with_number
from scenarios.upgrade.options import Ready
from scenarios.upgrade.requirements import with_requirements
from scenarios.upgrade.sides import Both, Side, Start, side_of, start_cluster
from scenarios.upgrade.steps import PLAYED
from scenarios.upgrade.writing import write_upgrade_manifest

EXPECTED_S = 60.0
BASELINE_S = 6.0


def upgrade(ready: Ready, screen: Screen) -> Ended:
    """Play an upgrade and leave its folder, ready to be judged."""
    asked, name = ready.asked, f"{UPGRADE}-{ready.contract.system}"
    return framed(name, asked.seed, asked.out, screen, lambda frame: _play(frame, ready, screen))


def _play(frame: Frame, ready: Ready, screen: Screen) -> None:
    stack, folder, state_dir = frame.stack, frame.folder, frame.state_dir
    screen.expected_s = EXPECTED_S
    screen.phase("prepare")
    journals: list[Journal] = []
    start = Start(
        stack, folder, state_dir, f"{VHOST_PREFIX}{folder.name}", ready.asked.seed,
        lambda: journals[0], {}, frame.interrupts, screen,
    )  # fmt: skip
    contract = with_requirements(ready)
    cluster = start_cluster(start, "blue", ready.old, contract)
    base = cluster.record.ports.base
    record = runs.begin(folder.name, folder, state_dir, base)
    write_upgrade_manifest(ready, contract, folder, cluster)
    plan = Plan(seed=ready.asked.seed, episodes=())
    plan.save(folder / PLAN_NAME)
    stack.enter_context(target_lock(state_dir, f"local-{base}", folder.name))
    journals.append(Journal(folder / JOURNAL_NAME, Redactor(frozenset({cluster.password}))))
    stack.callback(journals[0].close)
    watch = stack.enter_context(guarded(record))
    limits = stop.guard([folder], state_dir)

    def guard() -> None:
        watch.check()
        limits()

    start = replace(start, marker=record.client_environment())
    blue = side_of(start, "blue", cluster, contract)
    move = _assemble(start, ready, blue, plan, journals[0], Site(
        cluster, journals[0], vhost=blue.vhost, guard=guard, interrupts=frame.interrupts,
    ))  # fmt: skip
    _through(move)


def _assemble(
    start: Start, ready: Ready, blue: Side, plan: Plan, journal: Journal, site: Site
) -> Move:
    """Return everything that the steps hold in common; the stack ends what was started."""
    board = Switchboard(start.folder, blue.crew.add_workers)
    start.stack.callback(board.close)
    site = replace(site, traffic=board)
    scaler = Scaler(blue.contract, blue.crew, board, journal)
    seen = Both(blue)
    observer = Observer(start.folder, seen, blue.vhost, board, scaler.look)
    start.screen.figures = start.stack.enter_context(observer)
    controls = Controls(
        blue.cluster, blue.broker, f"{blue.vhost}-controls", journal, site, blue.crew, board,
        transient_node=None, wanted=frozenset({PURGED}),
    )  # fmt: skip
    game = Game(
        start.folder, blue.contract, blue.cluster, blue.broker, blue.vhost, journal, site,
        blue.crew, board, plan, start.screen, controls, scaler,
    )  # fmt: skip
    with_number(blue.crew, game)
    return Move(ready, start, game, blue, seen)


def _through(move: Move) -> None:
    """Go through phases and steps; a failure of the harness ends the steps, never the healing."""
    game = move.game
    try:
        prepare(game)
        steady(game, BASELINE_S)
        game.phase("trouble", "begin")
        for step in move.ready.steps:
            PLAYED[step](move)
        game.phase("trouble", "end")
    except HarnessError as error:
        game.journal.append("harness_failed", reason=str(error))
        game.screen.say(f"the harness failed: {error}")
    _end(move)


def _end(move: Move) -> None:
    """Heal and drain the side that the system is on, and read the other to its end as well."""
    on, other = (move.green, move.blue) if move.moved else (move.blue, move.green_)
    game = replace(
        move.game, cluster=on.cluster, broker=on.broker, crew=on.crew, contract=on.contract
    )
    for side in filter(None, (other,)):
        side.crew.stop("publisher")
        side.crew.stop("worker")
    heal(game)
    drain(game)
    if other is not None and other.held():
        _read_out(game, other, on)


def _read_out(game: Game, other: Side, on: Side) -> None:
    """Read what the other side still holds, and note what both hold then."""
    game.screen.step(f"reading {other.name} out")
    member = start_drain(other.crew, WINDOW_S, DRAIN_WITHIN_S)
    game.screen.until(
        lambda: member.process.poll() is not None, DRAIN_WITHIN_S + 30, f"{other.name} read out"
    )
    member.ended = True
    held, left = on.held(), other.held()
    messages = {name: held.get(name, 0) + left.get(name, 0) for name in {*held, *left}}
    game.journal.append("counts", messages=messages)
