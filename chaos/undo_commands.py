"""How a fault that an owner's commands applied is undone, and what proves it: by his commands.

The journal holds the commands themselves, filled in, so that undoing needs neither the owner's
file nor the credentials; only the proof asks the cluster. They may run more than once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from chaos import outside, probes
from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.commanded import CommandedCluster
from gameday.clusters.templates import Ready, from_json

WITHIN_S = 120
AGES_S = {"pause": outside.AGE_S}
NEAR = 0.01
"""By how much a limit may differ from what it was: fractions are rounded to bytes."""


def commanded(cluster: Target) -> CommandedCluster:
    """Return the cluster as what it is: only such a one has faults with this recipe."""
    return cast("CommandedCluster", cluster)


def ready(written: Sequence[Mapping[str, Any]]) -> list[Ready]:
    """Return commands that the journal holds."""
    return [from_json(each) for each in written]


def run_commands(cluster: Target, values: Values) -> None:
    """Run every recorded command, whichever of them fails."""
    commanded(cluster).run(ready(values["commands"]))


def run_again(cluster: Target, values: Values) -> None:
    """Run them once more, then restart nodes, where the owner's file says how.

    Those that take no clients are restarted, struck or not, for others may wait for them; where
    all do, and yet the cluster is not whole, those that were struck.
    """
    target = commanded(cluster)
    try:
        target.run(ready(values["commands"]))
    finally:
        shut = [node for node in target.nodes if outside.greet(target, node) != probes.ANSWERED]
        for node in shut or values["nodes"]:
            target.run(ready(values["restart"].get(node, ())))


def healed(cluster: Target, values: Values) -> Seen:
    """See from outside that what was broken is as it was."""
    target, template = commanded(cluster), str(values["template"])
    if template.endswith("_alarm"):
        return _limits_back(target, template.removesuffix("_alarm"), values["limits"])
    if not values.get("links"):
        # A pause may leave a partition noted, which is told seconds later.
        return outside.whole(target, for_s=AGES_S.get(template, outside.BOOTED_S))
    links = [(str(source), str(peer)) for source, peer in values["links"]]
    answers = outside.over_links(target, links, values["vhost"])
    if any(answer != probes.ANSWERED for answer in answers.values()):
        return Seen(yes=False, evidence={"links": answers})
    seen = outside.whole(target, for_s=outside.AGE_S)
    return Seen(seen.yes, {"links": answers, **seen.evidence})


def _limits_back(target: CommandedCluster, kind: str, before: Mapping[str, int]) -> Seen:
    """See no alarm any more, and every limit as it was."""
    seen = outside.quiet(target, kind, tuple(before))
    if not seen:
        return seen
    now = {node: outside.limit_bytes(target, kind, node) for node in before}
    as_before = all(abs(now[node] - was) <= NEAR * was for node, was in before.items())
    return Seen(as_before, {**seen.evidence, "limit_bytes": now})


RECIPES: dict[str, Recipe] = {
    "run_commands": Recipe(run_commands, healed, WITHIN_S, run_again),
}
