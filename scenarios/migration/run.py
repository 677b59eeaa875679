"""A migration, from an empty machine to its run folder: `gameday migrate`.

    heal what was left -> RabbitMQ and the Redis servers -> each batch of legs -> each step of the
        rehearsal -> everything ended

The same register, watchdog and leftovers as for a game day, so that nothing outlives the command,
not even a kill -9 of it. A failure of ours in a leg or step leaves that one unknown and goes on.
"""

from functools import partial

from chaos import runs, stop
from chaos.journal import FILE_NAME as JOURNAL_NAME
from chaos.journal import Journal
from chaos.redaction import Redactor
from chaos.watchdog import guarded
from gameday.errors import HarnessError
from scenarios.framing import Ended, Frame, framed
from scenarios.migration.brokers import Brokers, sides_of, start_cluster, start_servers
from scenarios.migration.crew import Crew
from scenarios.migration.legs import play_leg
from scenarios.migration.options import Ready
from scenarios.migration.rehearsal import play_step
from scenarios.migration.stand import Stand
from scenarios.migration.writing import Manifest
from scenarios.screen import Screen

OVERHEAD_S = 35.0
"""What a migration takes besides its legs and steps: brokers, and judging."""


def migrate(ready: Ready, screen: Screen) -> Ended:
    """Play a migration and leave its folder, ready to be judged."""
    asked, name = ready.asked, f"migrate-{ready.system}"
    return framed(name, asked.seed, asked.out, screen, lambda frame: _play(frame, ready, screen))


def _play(frame: Frame, ready: Ready, screen: Screen) -> None:
    stack, folder, state_dir = frame.stack, frame.folder, frame.state_dir
    screen.expected_s = ready.suite.expected_s + OVERHEAD_S
    screen.phase("prepare")
    cluster = start_cluster(stack, ready, folder, state_dir, frame.interrupts, screen)
    base = cluster.record.ports.base
    record = runs.begin(folder.name, folder, state_dir, base)
    watch = stack.enter_context(guarded(record))
    limits = stop.guard([folder], state_dir)
    servers = start_servers(stack, ready, base, state_dir, frame.interrupts)
    brokers = Brokers(cluster, servers)
    journal = Journal(folder / JOURNAL_NAME, Redactor(brokers.secrets))
    stack.callback(journal.close)
    crew = Crew(folder, record.client_environment())
    stack.callback(crew.close)

    def guard() -> None:
        watch.check()
        limits()

    stand = Stand(folder, sides_of(ready, brokers), crew, journal, screen, guard, own=ready.own)
    manifest = Manifest.begin(ready, stand, brokers)
    try:
        _legs(stand, ready, manifest)
        _rehearse(stand, ready, manifest)
    except HarnessError as error:  # It ends the playing, not the judging.
        journal.append("harness_failed", reason=str(error))
        screen.say(f"the harness failed: {error}")


def _legs(stand: Stand, ready: Ready, manifest: Manifest) -> None:
    """Play every batch of legs, one after another."""
    stand.screen.phase("side by side")
    for batch in ready.suite.batches:
        what = ", ".join(each.id for each in batch)
        parts = [partial(play_leg, stand, each) for each in batch]
        manifest.add("legs", *stand.together(what, parts))


def _rehearse(stand: Stand, ready: Ready, manifest: Manifest) -> None:
    """Play every step of the rehearsal, one after another."""
    stand.screen.phase("rehearsal")
    for plan in ready.suite.steps:
        part = partial(play_step, stand, plan, ready.redis.id, ready.candidate.id)
        manifest.add("rehearsal", *stand.together(plan.scope, [part]))
