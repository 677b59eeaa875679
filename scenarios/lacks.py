"""What a kind of cluster lacks, with the reason of each, known before one is started."""

from collections.abc import Mapping

from gameday.clusters.cluster import ALL_POWERS
from gameday.clusters.compose import UNABLE
from gameday.contracts.model import Contract
from gameday.errors import UsageError
from scenarios.options import Options
from scenarios.suites import lacking_of, whole_plan

NO_NETWORK = "its nodes share their machine's network: use --cluster compose"
NO_BALANCER = "this contract has no balancer before its nodes: see docs/balancer.md"
BY_ADDRESS = (
    "a cluster that is attached to by its address alone is not broken: give --cluster-file, too "
    "(docs/attached.md)"
)


def lacks(contract: Contract, options: Options) -> Mapping[str, str]:
    """Return by power why the cluster that is asked for will lack it, where that is certain.

    What an attached cluster's owner allows is read in his file (`allowed.py`).
    """
    if options.cluster == "compose":
        return UNABLE
    if options.cluster == "attached":
        return {} if options.cluster_file else dict.fromkeys(ALL_POWERS, BY_ADDRESS)
    return {"disconnect": NO_NETWORK} | ({} if contract.behind else {"balancer": NO_BALANCER})


def refuse_unplayable(contract: Contract, options: Options) -> None:
    """Refuse a scenario or a plan of which the cluster that is asked for cannot play a part.

    A suite leaves out what a cluster cannot do; what is asked for by name is meant.
    """
    if not (options.plan or options.scenario):
        return
    known = lacks(contract, options)
    for episode in whole_plan(contract, options).episodes:
        for power in sorted(lacking_of(episode, {None, *(ALL_POWERS - known.keys())})):
            where = options.plan or "--scenario"
            raise UsageError(f"{where}: {episode.name}: {options.cluster}: {known[power]}")
