"""A run, from the contract to the decision.

    lock the target -> heal what was left -> cluster -> prepare -> steady -> trouble -> heal
        -> drain -> judge -> report

Whatever happens in between, everything that was broken is put right and everything that was
started is ended; what the ledgers hold by then is judged. The harness failing inside the run
makes the verdict unknown; failing before the first message, or to restore, is exit code 4.
"""

import sys
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chaos import heal as healing
from chaos import runs, stop
from chaos.fault import Site
from chaos.guard import allow
from chaos.interrupts import Interrupts
from chaos.journal import FILE_NAME as JOURNAL_NAME
from chaos.journal import Journal
from chaos.lock import target_lock
from chaos.plan import FILE_NAME as PLAN_NAME
from chaos.plan import Plan, load_plan
from chaos.redaction import Redactor
from chaos.revert import NotRestoredError
from chaos.watchdog import guarded
from gameday.clusters.broker import Broker
from gameday.clusters.local import LocalCluster, default_state_dir, start_local
from gameday.clusters.release import find_release
from gameday.contracts.load import load_contract
from gameday.contracts.model import Contract
from gameday.contracts.topology import with_alternative
from gameday.errors import HarnessError, PrepareError
from gameday.history.folder import (
    build_manifest,
    create_run_folder,
    reports_dir,
    write_manifest,
)
from gameday.traffic.link import Target
from scenarios.claims import claims
from scenarios.controls import Controls
from scenarios.crew import Crew
from scenarios.finish import drain, heal
from scenarios.game import Game
from scenarios.observe import Observer
from scenarios.options import Options
from scenarios.prepare import prepare
from scenarios.screen import Screen
from scenarios.settings import broker_settings, settings_used
from scenarios.steady import steady
from scenarios.suites import build_plan
from scenarios.switchboard import Switchboard
from scenarios.trouble import trouble

OVERHEAD_S = 75.0
"""What a run takes besides its plan: cluster, warm-up, baseline, drain, judging."""

INTERRUPTED = 130
NOT_RESTORED = 4


@dataclass(frozen=True)
class Ended:
    """How the playing ended: the run folder, and the exit code if it is settled already."""

    folder: Path
    exit_code: int | None = None


def run(options: Options, screen: Screen) -> Ended:
    """Play one run and leave its folder, ready to be judged."""
    contract = load_contract(options.system)
    if options.alternative:
        contract = with_alternative(contract, options.alternative)
    plan = load_plan(options.plan) if options.plan else build_plan(contract, options)
    screen.expected_s = plan_length_s(plan) + OVERHEAD_S
    state_dir = default_state_dir()
    for sentence in healing.heal_or_refuse(state_dir).sentences:
        screen.say(sentence)
    folder = create_run_folder(reports_dir(options.out), contract.system, options.seed)
    record = runs.begin(folder.name, folder, state_dir, None)
    interrupts = Interrupts()
    try:
        with interrupts.handled(), screen:
            cluster = _start_cluster(contract, options, state_dir, screen)
            try:
                _with_cluster(contract, options, plan, cluster, folder, interrupts, screen)
            finally:
                with interrupts.shielded():
                    screen.step("stopping the cluster")
                    cluster.close()
    except KeyboardInterrupt:
        runs.strike_off(record)
        return Ended(folder, INTERRUPTED)
    except NotRestoredError as error:
        screen.say(f"NOT RESTORED: {error}")
        return Ended(folder, NOT_RESTORED)
    runs.strike_off(record)
    return Ended(folder)


def plan_length_s(plan: Plan) -> float:
    """Return how long a plan takes when nothing delays it, in seconds."""
    if not plan.episodes:
        return 0.0
    last = plan.episodes[-1]
    return last.at_s + last.for_s + last.recover_s


def _start_cluster(
    contract: Contract, options: Options, state_dir: Path, screen: Screen
) -> LocalCluster:
    version = find_release(options.broker).version
    settings = broker_settings(contract, version, options.broker_settings)
    return start_local(
        settings, broker=options.broker, state_dir=state_dir, progress=screen.step
    )


def _with_cluster(
    contract: Contract,
    options: Options,
    plan: Plan,
    cluster: LocalCluster,
    folder: Path,
    interrupts: Interrupts,
    screen: Screen,
) -> None:
    state_dir = default_state_dir()
    allow(cluster.amqp_url("r1", "/"))
    base = cluster.record.ports.base
    record = runs.begin(folder.name, folder, state_dir, base)
    _write_manifest(contract, options, plan, cluster, folder)
    plan.save(folder / PLAN_NAME)
    with ExitStack() as stack:
        stack.enter_context(target_lock(state_dir, f"local-{base}", folder.name))
        journal = Journal(folder / JOURNAL_NAME, Redactor(frozenset({cluster.password})))
        stack.callback(journal.close)
        watch = stack.enter_context(guarded(record))
        game = _assemble(
            stack, contract, options, plan, cluster, folder, journal, interrupts, screen, record
        )
        limits = stop.guard([folder, cluster.record.folder], state_dir)

        def guard() -> None:
            watch.check()
            limits()

        game.site = _site(game, guard, interrupts)
        game.controls.site = game.site
        _play(game)


def _assemble(
    stack: ExitStack,
    contract: Contract,
    options: Options,
    plan: Plan,
    cluster: LocalCluster,
    folder: Path,
    journal: Journal,
    interrupts: Interrupts,
    screen: Screen,
    record: runs.RunRecord,
) -> Game:
    """Put together what the phases hold in common."""
    broker = Broker(cluster)
    vhost = f"chaos-{folder.name}"
    targets = tuple(Target(node, cluster.amqp_url(node, vhost)) for node in cluster.nodes)
    crew = Crew(folder, contract, targets, options.seed, journal, record.client_environment())
    stack.callback(crew.kill_all)
    board = Switchboard(folder, crew.add_workers)
    stack.callback(board.close)
    observer = stack.enter_context(Observer(folder, broker, vhost, board))
    screen.figures = observer
    site = Site(cluster, journal, broker, board, vhost, interrupts=interrupts)
    node = _transient_node(plan, cluster)
    controls = Controls(
        cluster, broker, f"{vhost}-controls", journal, site, crew, board, transient_node=node
    )
    return Game(
        folder, contract, cluster, broker, vhost, journal, site, crew, board, plan, screen, controls
    )


def _site(game: Game, guard: object, interrupts: Interrupts) -> Site:
    return Site(
        game.cluster,
        game.journal,
        game.broker,
        game.board,
        game.vhost,
        guard=guard,  # type: ignore[arg-type]
        interrupts=interrupts,
    )


def _transient_node(plan: Plan, cluster: LocalCluster) -> str:
    """Return the node that the plan's kill will strike: the transient control lives there."""
    order = [each.id for each in plan.episodes]
    place = order.index("kill-leader") if "kill-leader" in order else 0
    return cluster.nodes[place % len(cluster.nodes)]


def _play(game: Game) -> None:
    """Go through the phases; a failure of the harness ends the trouble, never the healing."""
    try:
        prepare(game)
        steady(game)
        trouble(game)
    except NotRestoredError:
        raise
    except HarnessError as error:
        if isinstance(error, PrepareError):
            raise
        game.journal.append("harness_failed", reason=str(error))
        game.screen.say(f"the harness failed: {error}")
    except Exception as error:
        game.journal.append("harness_failed", reason=f"{type(error).__name__}: {error}")
        log = (game.folder / "logs" / "runner.log").open("a")
        traceback.print_exc(file=log)
        log.close()
        sys.stderr.write(f"a defect of the harness ({error}); see logs/runner.log in the run\n")
    heal(game)
    drain(game)


def _write_manifest(
    contract: Contract, options: Options, plan: Plan, cluster: LocalCluster, folder: Path
) -> None:
    claimed, dropped = claims(contract, options, cluster.powers)
    version = cluster.version
    facts = {
        "kind": "local",
        "version": version,
        "erlang": cluster.evaluate("r1", "erlang:system_info(otp_release)").strip('"'),
        "nodes": list(cluster.nodes),
        "powers": sorted(cluster.powers),
    }
    manifest = build_manifest(
        folder,
        contract,
        seed=options.seed,
        suite=options.suite,
        cluster=facts,
        claimed=claimed,
        dropped_claims=dropped,
        alternative=options.alternative,
        broker_settings=options.broker_settings,
        settings_used=settings_used(contract, version, options.broker_settings),
    )
    write_manifest(folder, {**manifest, "episodes": len(plan.episodes)})
