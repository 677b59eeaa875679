"""Putting a game together: crew, switchboard, observer, controls and the site of the faults."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from chaos.fault import Site
from chaos.journal import Journal
from chaos.plan import Plan, service_alone
from chaos.runs import RunRecord
from gameday.contracts.model import Contract
from scenarios.allowed import adapted_to
from scenarios.controls import Controls
from scenarios.crew import Crew
from scenarios.game import Game
from scenarios.harming import transient_node, wanted_by
from scenarios.observe import Observer
from scenarios.options import Options
from scenarios.probing import Prober
from scenarios.scaling import Scaler
from scenarios.screen import Screen
from scenarios.stage import Stage
from scenarios.switchboard import Switchboard

if TYPE_CHECKING:
    from chaos.revert import Target as Breakable


def assemble(
    stack: ExitStack,
    stage: Stage,
    contract: Contract,
    options: Options,
    plan: Plan,
    journal: Journal,
    record: RunRecord,
    guard: Callable[[], None],
    screen: Screen,
) -> Game:
    """Return everything that the phases hold in common; the stack ends what was started."""
    crew = Crew(
        stage.folder, contract, stage.targets, options.seed, journal, record.client_environment(),
        doors=stage.doors, alone=service_alone(plan),
    )  # fmt: skip
    stack.callback(crew.kill_all)
    board = Switchboard(stage.folder, crew.add_workers)
    stack.callback(board.close)
    crew.number_of = board.number_of
    board.start_herd = crew.start_herd
    scaler = Scaler(contract, crew, board, journal)
    observer = Observer(stage.folder, stage.broker, stage.vhost, board, scaler.look)
    screen.figures = stack.enter_context(observer)
    stack.enter_context(Prober(stage.folder, board))
    site = Site(
        cast("Breakable", stage.cluster),  # An attached one is only asked for what its powers say.
        journal,
        board,
        stage.vhost,
        guard=guard,
        interrupts=stage.interrupts,
        adapted=adapted_to(stage.cluster),
    )
    controls = Controls(
        stage.cluster, stage.broker, f"{stage.vhost}-controls", journal, site, crew, board,
        transient_node=transient_node(plan, stage.cluster.nodes), wanted=wanted_by(plan),
    )  # fmt: skip
    return Game(
        stage.folder, contract, stage.cluster, stage.broker, stage.vhost, journal, site, crew,
        board, plan, screen, controls, scaler, stage.clients,
    )  # fmt: skip
