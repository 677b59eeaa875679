"""`--dry-run`: each command that a run on an attached cluster would run, and nothing is run.

Nothing is asked of the cluster either. Who leads a queue is known only when an episode begins, so
a fault of a leader is shown for every node that may be struck.
"""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from chaos.plan import Entry
from chaos.proofs import HEALED, PROOFS, peers_of, struck_nodes, template_of
from gameday.clusters.cluster_file import ClusterFile
from gameday.clusters.filling import commands_of
from gameday.clusters.templates import Ready
from gameday.errors import UsageError
from scenarios.allowed import Allowed, allowed, file_of
from scenarios.options import Options
from scenarios.run import contract_of

MEASURED = {
    "disk_free_limit_bytes": "THE-LIMIT-IN-FORCE",
    "beyond_free_bytes": "TEN-GIBIBYTES-MORE-THAN-FREE",
    "memory_limit_bytes": "THE-LIMIT-IN-FORCE",
}


def show(runs: Sequence[Options]) -> int:
    """Print what each run would do to its cluster."""
    console = Console()
    for options in runs:
        file = file_of(options)
        if file is None or options.cluster_file is None:
            raise UsageError("--dry-run: it shows an owner's commands: give --cluster-file, too")
        found = allowed(contract_of(options), options, file)
        for line in lines(options, file, found, options.cluster_file.resolve().parent):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def lines(options: Options, file: ClusterFile, found: Allowed, folder: Path) -> Iterator[str]:
    """Return what is printed of one run."""
    nodes = tuple(each.name for each in file.nodes)
    yield f"{options.system}, on the cluster {file.cluster} ({', '.join(nodes)}); nothing is run."
    yield "Every revert below would first be run once on every node, while nothing is broken."
    yield "Load, queues and what is read of them stay in virtual hosts chaos-…, which are deleted."
    yield "One unsafe client comes by a proxy on this machine, which swallows what it sends."
    for episode in found.plan.episodes:
        yield ""
        yield f"{episode.name}, {episode.at_s:g} s after the baseline, for {episode.lasts_s:g} s"
        for entry in episode.faults:
            yield from _fault(entry, file, folder)
    for name, reason in found.left_out:
        yield f"\n{name}\n  not played: {reason}"
    lacking = sorted(_missing(file, found, folder))
    if lacking:
        yield f"\nnot found on this machine: {', '.join(lacking)}"


def _fault(entry: Entry, file: ClusterFile, folder: Path) -> Iterator[str]:
    """Return what is printed of one fault."""
    template = template_of(entry.kind, entry.parameters)
    if template is None:
        yield f"  {entry.kind}: no command; it is done to the load's own clients, or not at all"
        return
    nodes = tuple(each.name for each in file.nodes)
    target = entry.target or "all nodes"
    symbolic = " of " in target
    struck = nodes if symbolic else struck_nodes(entry.kind, target, nodes)
    yield f"  {entry.kind} of {target}{_whoever(symbolic, nodes)}"
    peer = str(entry.parameters.get("peer", ""))
    for node in struck:
        yield f"    {node} ({file.node(node).erlang_name})"
        for way in ("apply", "revert"):
            for command in _commands(file, folder, template, way, node, peer):
                yield f"      {way:6}  {_shown(command)}"
    yield f"    proof   {PROOFS[template]}"
    yield f"    healed  {HEALED[template]}"


def _whoever(symbolic: bool, nodes: tuple[str, ...]) -> str:
    return f": the one of {', '.join(nodes)} that is so when it strikes" if symbolic else ""


def _commands(
    file: ClusterFile, folder: Path, template: str, way: str, node: str, peer: str
) -> tuple[Ready, ...]:
    nodes = tuple(each.name for each in file.nodes)
    peers = peers_of(template, node, peer, nodes)
    return commands_of(file, folder, template, way, node, peers, MEASURED)


def _shown(command: Ready) -> str:
    """Return a command, its limit, and how much it is given as its input."""
    given = "" if command.input is None else f", {len(command.input.splitlines())} lines of input"
    return f"{command.shown}  (at most {command.within_s:g} s{given})"


def _missing(file: ClusterFile, found: Allowed, folder: Path) -> set[str]:
    """Return the programs of the commands that are not to be found."""
    programs = set()
    for episode in found.plan.episodes:
        for entry in episode.faults:
            template = template_of(entry.kind, entry.parameters)
            if template is None:
                continue
            for node in file.nodes:
                for way in ("apply", "revert"):
                    made = _commands(file, folder, template, way, node.name, "")
                    programs |= {command.argv[0] for command in made}
    return {shlex.quote(each) for each in programs if not _found(each, folder)}


def _found(program: str, folder: Path) -> bool:
    return shutil.which(str(folder / program) if "/" in program else program) is not None
