"""What was lost, in one place: the ledger's failing verdicts and what the loss checks counted.

Where copies could not be told, zero losses mean nothing, and every sentence must say so.
"""

from dataclasses import dataclass

from reports.examples import BAD
from reports.material import Material
from reports.words import plural


@dataclass(frozen=True)
class Losses:
    """Messages by what is wrong with them, and how many copies nobody can tell."""

    counts: dict[str, int]
    untold: int


def losses(material: Material) -> Losses | None:
    """Return what was lost or spoilt; None where no ledger was judged."""
    overall = (material.verdict.get("ledger") or {}).get("overall")
    if not isinstance(overall, dict):
        return None
    counts = {name: int(value) for name, value in overall.items() if name in BAD and value}
    for criterion in material.criteria:
        if criterion.get("status") == "fail":
            for name, value in (criterion.get("details") or {}).items():
                if name in BAD and isinstance(value, int) and value:
                    counts[name] = max(value, counts.get(name, 0))
    return Losses(counts, int(overall.get("unknown") or 0))


def sentence(found: Losses) -> str:
    """Say what was lost; never that nothing was where somebody could not look."""
    named = [f"{amount:,} {name.replace('_', ' ')}" for name, amount in found.counts.items()]
    if found.untold:
        copies = plural(found.untold, "copy", "copies")
        named.append(f"{copies} of which nobody can tell, for the drain did not finish")
    if not named:
        return "no confirmed message was lost, and none appeared from nowhere."
    return f"{', '.join(named)}."
