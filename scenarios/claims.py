"""What a run claims to decide: the suite's list in the contract, less what it cannot test.

What is left out is named with its reason, so that no requirement disappears in silence.
"""

from collections.abc import Collection, Iterable, Mapping

from gameday.contracts.model import Contract
from scenarios.options import Options


def claims(
    contract: Contract,
    options: Options,
    powers: Iterable[str],
    reasons: Mapping[str, str] | None = None,
) -> tuple[tuple[str, ...], tuple[dict[str, str], ...]]:
    """Return the ids that this run claims, and those that it drops with the reason of each.

    `reasons` says of a power why this cluster lacks it, where more is known than that it does.
    """
    wanted = [each for each in contract.requirements if options.suite in each.suites]
    if options.scenario is not None or options.plan is not None:
        reason = "this run plays a part of the suite only — run with: gameday run " + options.system
        return (), tuple({"id": each.id, "reason": reason} for each in wanted)
    able = set(powers)
    dropped = tuple(
        {"id": each.id, "reason": why_unable(missing, options, reasons or {})}
        for each in wanted
        if (missing := set(each.needs) - able)
    )
    left_out = {each["id"] for each in dropped}
    return tuple(each.id for each in wanted if each.id not in left_out), dropped


def why_unable(missing: Collection[str], options: Options, reasons: Mapping[str, str]) -> str:
    """Say what the cluster cannot do and, where it is known, why, or what gives it the power."""
    if set(missing) == {"tls"} and options.cluster == "local":
        return f"this cluster speaks no TLS — run with: gameday run {options.system} --tls"
    known = [reasons[power] for power in sorted(missing) if power in reasons]
    return "; ".join(dict.fromkeys(known)) or f"the cluster cannot do {', '.join(sorted(missing))}"
