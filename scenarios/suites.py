"""What strikes when: the suites, as plans made from a contract.

A suite is one run. Times are offsets from the beginning of the trouble; an episode waits until
the cluster is healthy again, so a slow recovery delays what follows, and the journal has when it
really began. A contract says which scenarios its suites play; one that does not gets the common
ones.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from chaos.catalogue import POWERS
from chaos.plan import Episode, Plan, load_plan, service_alone
from gameday.clusters.cluster import ALL_POWERS
from gameday.contracts.model import Contract, Play
from gameday.errors import UsageError
from scenarios.claims import why_unable
from scenarios.library import BY_NAME, SCENARIOS
from scenarios.options import Options

PREPARE_S = 6.0
"""What clients and leaders take to return to their places, and the surge to stand, per episode."""

SMOKE = ("control", "kill-leader", "partition-reset", "partition-silent", "disk-alarm", "poison")
"""One scenario of each class of fault, and the control without any."""

FULL = (*SMOKE, *SMOKE[1:-1], "clients-refused", "worker-sigterm", "kill-all", "off-the-network")
"""Everything of smoke, twice, and what takes longer; the last where a machine has its network."""

BY_ENGINE = ("stop-leader", "pause-leader")
"""What a full suite plays in containers alone, where their engine does it."""

COMMON = {
    "smoke": tuple(Play(scenario=name) for name in SMOKE),
    "full": (
        *(Play(scenario=name) for name in FULL),
        *(Play(scenario=name, cluster="compose") for name in BY_ENGINE),
    ),
}


def build_plan(contract: Contract, options: Options, powers: Iterable[str]) -> Plan:
    """Return the plan of the suite that was asked for, as far as the cluster can play it."""
    able = {None, *powers}
    wanted = [
        episode
        for play, episode in zip(*_suite(contract, options), strict=True)
        if is_played_on(play, options) and not lacking_of(episode, able)
    ]
    return Plan(seed=options.seed, episodes=lay_out(wanted))


def not_played(
    contract: Contract, options: Options, powers: Iterable[str], reasons: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the suite's episodes that this cluster does not play, each with the reason.

    `reasons` says of a power why the cluster lacks it.
    """
    if options.plan:
        return ()
    able, found = {None, *powers}, []
    for play, episode in zip(*_suite(contract, options), strict=True):
        if not is_played_on(play, options):
            again = f"gameday run {options.system} --suite {options.suite} --cluster {play.cluster}"
            found.append((episode.id, f"the suite plays it on {play.cluster} — run with: {again}"))
        elif missing := lacking_of(episode, able):
            found.append((episode.id, why_unable(missing, options, reasons)))
    return tuple(found)


def is_played_on(play: Play, options: Options) -> bool:
    """Whether the contract has a play for this kind of cluster."""
    return play.cluster in {None, options.cluster}


def lacking_of(episode: Episode, able: Container[str | None]) -> set[str]:
    """Return the powers that an episode needs and that are not among those."""
    needed = {POWERS[fault.kind] for fault in episode.faults}
    return {str(power) for power in needed if power not in able}


def _suite(contract: Contract, options: Options) -> tuple[tuple[Play, ...], list[Episode]]:
    """Return what is to be played, and each as an episode."""
    plays = plays_of(contract, options)
    return plays, episodes(contract, plays)


def choose_plan(contract: Contract, options: Options, powers: Iterable[str]) -> Plan:
    """Return the plan that was given, or the suite's."""
    plan = load_plan(options.plan) if options.plan else build_plan(contract, options, powers)
    service = service_alone(plan)
    known = [*(each.name for each in contract.producers), *(e.name for e in contract.consumers)]
    if service is not None and service not in known:
        raise UsageError(
            f"plan: whom: {contract.system} has no service {service!r}; there are "
            f"{', '.join(dict.fromkeys(known))}."
        )
    return plan


def whole_plan(contract: Contract, options: Options) -> Plan:
    """Return what is asked for, before any cluster is known: as one with every power plays it."""
    return choose_plan(contract, options, ALL_POWERS)


def plan_length_s(plan: Plan) -> float:
    """Return how long a plan takes when nothing delays it, in seconds."""
    if not plan.episodes:
        return 0.0
    last = plan.episodes[-1]
    return last.at_s + last.lasts_s + last.recover_s


def scenario_names() -> tuple[str, ...]:
    """Return the names that `--scenario` takes."""
    return tuple(scenario.name for scenario in SCENARIOS)


def suite_plays(contract: Contract, suite: str) -> tuple[Play, ...]:
    """Return what a contract's suite plays, in order."""
    own = dict(contract.suites)
    return own.get(suite) or COMMON[suite]  # type: ignore[call-overload]


def plays_of(contract: Contract, options: Options) -> tuple[Play, ...]:
    """Return what is to be played: the suite, or the control and one scenario of any suite."""
    if options.scenario is None:
        return suite_plays(contract, options.suite)
    _known(options.scenario, "--scenario")
    own = [
        play
        for suite in (options.suite, *COMMON)
        for play in suite_plays(contract, suite)
        if play.scenario == options.scenario
    ]
    # Named, it is played wherever it can be.
    chosen = own[0].model_copy(update={"cluster": None}) if own else Play(scenario=options.scenario)
    control = Play(scenario="control")
    return (control,) if options.scenario == "control" else (control, chosen)


def episodes(contract: Contract, plays: Sequence[Play]) -> list[Episode]:
    """Return the plays as episodes; one that is played again has its number in its name."""
    count: Counter[str] = Counter()
    found = []
    for play in plays:
        _known(play.scenario, f"{contract.system}: suites")
        count[play.scenario] += 1
        found.append(BY_NAME[play.scenario].episode(contract, play, count[play.scenario]))
    return found


def _known(name: str, where: str) -> None:
    if name not in BY_NAME:
        raise UsageError(
            f"{where}: there is no scenario {name!r}; there are {', '.join(scenario_names())}."
        )


def lay_out(wanted: list[Episode]) -> tuple[Episode, ...]:
    """Give each episode its offset: after the one before has had its time to recover."""
    placed, at_s = [], PREPARE_S
    for episode in wanted:
        placed.append(episode.model_copy(update={"at_s": at_s}))
        at_s += episode.lasts_s + episode.recover_s + PREPARE_S
    return tuple(placed)
