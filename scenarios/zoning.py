"""`gameday isolation`: zones, a broker, every path probed; a decision and a report."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from chaos import heal as healing
from chaos.journal import FILE_NAME as JOURNAL_NAME
from chaos.journal import Journal
from gameday.clusters.local import default_state_dir
from gameday.clusters.release import Release, find_release
from gameday.clusters.zones.able import why_not
from gameday.clusters.zones.layout import layout
from gameday.clusters.zones.observe import Wanted
from gameday.clusters.zones.policies import rules_of_policies
from gameday.contracts.isolation import Isolation
from gameday.contracts.load import load
from gameday.contracts.model import Contract
from gameday.contracts.topology import for_version
from gameday.errors import PrepareError, UsageError
from gameday.history.folder import build_manifest, create_run_folder, reports_dir, write_manifest
from gameday.history.isolated import KIND
from scenarios.isolating import isolate, rows_of
from scenarios.options import parse_variables
from scenarios.verdicts import announce, judge_and_render


@dataclass(frozen=True)
class Asked:
    """What the command line asked for."""

    system: str
    broker: str | None = None
    rules: Path | None = None
    policy: Path | None = None
    out: Path | None = None
    variables: tuple[str, ...] = ()


def isolate_and_judge(asked: Asked) -> int:
    """Look at the network, and decide; return the exit code."""
    contract, declared, release = _ready(asked)
    rules, source = _rules(asked, declared)
    console = Console(stderr=True)

    def say(sentence: str) -> None:
        console.print(sentence, highlight=False, soft_wrap=True)

    state_dir = default_state_dir()
    for sentence in healing.heal_or_refuse(state_dir).sentences:
        say(sentence)
    folder = create_run_folder(reports_dir(asked.out), f"{contract.system}-{KIND}", 1)
    _write_manifest(folder, contract, release)
    journal = Journal(folder / JOURNAL_NAME)
    try:
        isolate(Wanted(declared, release, rules, source), journal, state_dir, say)
    finally:
        journal.close()
    verdict = judge_and_render(folder)
    announce(Console(), verdict, folder)
    return verdict.exit_code


def _ready(asked: Asked) -> tuple[Contract, Isolation, Release]:
    """Return contract, zones and broker, or refuse before anything is started."""
    contract = load(asked.system, parse_variables(asked.variables)).contract
    if contract.isolation is None:
        raise UsageError(
            f"{contract.system}: its contract says nothing of who reaches the broker: give it a "
            "section `isolation` (docs/isolation.md)."
        )
    release = find_release(asked.broker)
    obstacle = why_not()
    if obstacle is not None:
        raise PrepareError(f"no network zones can be opened here: {obstacle}.")
    return for_version(contract, release.version), contract.isolation, release


def _rules(asked: Asked, declared: Isolation) -> tuple[str | None, str]:
    """Return the rules to try, none for the contract's own, and where they are from."""
    if asked.rules is not None and asked.policy is not None:
        raise UsageError("--rules and --policy: give one of them; each is the whole of the rules.")
    path = asked.rules or asked.policy
    if path is None:
        return None, "the contract"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: it cannot be read ({error}).") from error
    if asked.policy is not None:
        return rules_of_policies(text, declared, layout(declared), str(path)), str(path)
    return text, str(path)


def _write_manifest(folder: Path, contract: Contract, release: Release) -> None:
    cluster = {"kind": "zones", "version": release.version, "nodes": ["broker"],
               "powers": ["open_zones"]}  # fmt: skip
    claimed = tuple(rows_of(contract))
    manifest = build_manifest(
        folder, contract, seed=1, suite=KIND, cluster=cluster, claimed=claimed
    )
    write_manifest(folder, {**manifest, "kind": KIND})
