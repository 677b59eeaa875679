"""A run, from the contract to the last message read out.

    lock the target -> heal what was left -> cluster -> prepare -> steady -> trouble -> heal
        -> drain

Whatever happens in between, everything that was broken is put right and everything that was
started is ended; what the ledgers hold by then is judged (`verdicts.py`). The harness failing
inside the run makes the verdict unknown; failing to prepare, or to restore, is exit code 4.
"""

import sys
import traceback
from contextlib import ExitStack
from dataclasses import replace

from chaos import runs, stop
from chaos.guard import Others, allow, allow_beside
from chaos.journal import FILE_NAME as JOURNAL_NAME
from chaos.journal import Journal
from chaos.lock import target_lock
from chaos.plan import FILE_NAME as PLAN_NAME
from chaos.redaction import Redactor
from chaos.revert import NotRestoredError
from chaos.watchdog import guarded
from gameday.clusters.attached_facts import AttachedFacts
from gameday.clusters.balancer import find_haproxy
from gameday.clusters.clock import required_library
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.compose import UNABLE
from gameday.clusters.compose_images import find_images
from gameday.clusters.release import find_release
from gameday.contracts.load import Loaded, load
from gameday.contracts.model import Contract
from gameday.contracts.topology import for_version, with_alternative
from gameday.errors import HarnessError, PrepareError, UsageError
from scenarios.allowed import allowed, file_of, owned_hosts, refuse_what_is_not, rehearse
from scenarios.assembly import assemble
from scenarios.boots import boot_where_claimed
from scenarios.finish import drain, heal
from scenarios.framing import Ended, Frame, framed
from scenarios.game import Game
from scenarios.isolating import isolate_where_claimed
from scenarios.lacks import refuse_unplayable
from scenarios.needs import needs_of
from scenarios.options import Options, parse_variables
from scenarios.places import aim_controls
from scenarios.prepare import prepare
from scenarios.screen import Screen
from scenarios.stage import VHOST_PREFIX, Stage, on_allowed, open_stage
from scenarios.steady import steady
from scenarios.suites import choose_plan, not_played, plan_length_s, whole_plan
from scenarios.trouble import trouble
from scenarios.writing import write_manifest_of

OVERHEAD_S = 75.0
"""What a run takes besides its plan: cluster, warm-up, baseline, drain, judging."""


def run(options: Options, screen: Screen) -> Ended:
    """Play one run and leave its folder, ready to be judged."""
    loaded = loaded_of(options)
    contract = loaded.contract

    def play(frame: Frame) -> None:
        stage = open_stage(
            frame.stack, contract, options, frame.folder, frame.state_dir, frame.interrupts,
            screen, needs=needs_of(whole_plan(contract, options)),
        )  # fmt: skip
        _on_stage(frame.stack, replace(stage, values=loaded.values), options, screen)

    return framed(contract.system, options.seed, options.out, screen, play)


def contract_of(options: Options) -> Contract:
    """Return what is played, or refuse it before anything is healed, written or started."""
    return loaded_of(options).contract


def loaded_of(options: Options) -> Loaded:
    """Return the same, with what the contract's variables are."""
    loaded = load(options.system, parse_variables(options.variables))
    contract = loaded.contract
    if options.alternative:
        contract = with_alternative(contract, options.alternative)
    clocks = needs_of(whole_plan(contract, options)).clocks
    refuse_what_is_not(contract, options)
    refuse_unplayable(contract, options)
    if options.tls and options.cluster != "local":
        raise UsageError(
            f"--tls: a cluster that is {options.cluster} speaks what it speaks; use it with "
            "--cluster local, or give an attached one amqps:// addresses."
        )
    if options.cluster == "local":
        find_release(options.broker)
        if contract.behind is not None:
            find_haproxy()
        if clocks:
            required_library()
    elif options.cluster == "compose":
        if options.tls:
            raise UsageError(f"--tls: with --cluster compose {UNABLE['tls']}.")
        find_images(options.broker)
    return Loaded(contract, loaded.values)


def _on_stage(stack: ExitStack, stage: Stage, options: Options, screen: Screen) -> None:
    """Lock the target, start the watchdog, and play."""
    file = file_of(options)
    owned = owned_hosts(options, file)
    pinned = allow(stage.targets[0].url, owned)
    if isinstance(stage.broker, AttachedFacts):
        others = Others(stage.broker.cluster_name(), *stage.broker.others(VHOST_PREFIX))
        allow_beside(others, pinned.host, owned)
    record = runs.begin(stage.folder.name, stage.folder, stage.state_dir, stage.port_base)
    contract = for_version(stage.contract, stage.cluster.version)
    plan = choose_plan(contract, options, stage.cluster.powers)
    left_out = not_played(contract, options, stage.cluster.powers, stage.reasons)
    if file is not None:
        found = allowed(contract, options, file)
        plan, stage, left_out = found.plan, on_allowed(stage, found), found.left_out
    for name, reason in left_out:
        screen.say(f"not played: {name}: {reason}")
    screen.expected_s = plan_length_s(plan) + OVERHEAD_S
    write_manifest_of(stage, contract, options, plan, left_out)
    plan.save(stage.folder / PLAN_NAME)
    stack.enter_context(target_lock(stage.state_dir, stage.name, stage.folder.name))
    redactor = Redactor(stage.secrets)
    journal = Journal(stage.folder / JOURNAL_NAME, redactor)
    stack.callback(journal.close)
    watch = stack.enter_context(guarded(record))
    limits = stop.guard([stage.folder], stage.state_dir)

    def guard() -> None:
        watch.check()
        limits()

    game = assemble(stack, stage, contract, options, plan, journal, record, guard, screen)
    if isinstance(stage.cluster, CommandedCluster):
        rehearse(stage.cluster, plan, journal, screen)
    _play(game)


def _play(game: Game) -> None:
    """Go through the phases; a failure of the harness ends the trouble, never the healing."""
    try:
        prepare(game)
        aim_controls(game)
        boot_where_claimed(game)
        isolate_where_claimed(game)
        steady(game)
        trouble(game)
    except (NotRestoredError, PrepareError):
        raise
    except HarnessError as error:
        game.journal.append("harness_failed", reason=str(error))
        game.screen.say(f"the harness failed: {error}")
    except Exception as error:  # noqa: BLE001  # Whatever it was, what is broken must be healed.
        game.journal.append("harness_failed", reason=f"{type(error).__name__}: {error}")
        with (game.folder / "logs" / "runner.log").open("a") as log:
            traceback.print_exc(file=log)
        sys.stderr.write(f"a defect of the harness ({error}): see {log.name}\n")
    heal(game)
    drain(game)
