"""Rolling upgrades: the same cluster, node after node, on another version."""

from collections.abc import Mapping
from typing import Any

from gameday.history.checks.upgrades import NO_UPGRADE
from gameday.history.finding import Finding, Status, unknown
from gameday.history.run import Run
from gameday.history.sides import UPGRADE, steps_of


def rolled(run: Run, _: Mapping[str, Any]) -> Finding:
    """Rolled-Through: one node after another came back as another process, on the new version."""
    steps = steps_of(run)
    if steps is None:
        return unknown(NO_UPGRADE)
    if left := steps.open():
        return unknown(f"the step {left} was not completed")
    wanted, nodes = str(run.manifest[UPGRADE]["to"]), list(run.manifest["cluster"]["nodes"])
    lines = {str(line["node"]): line for line in steps.lines
             if line["at"] == "end" and "node" in line}  # fmt: skip
    if missing := sorted(set(nodes) - lines.keys()):
        return unknown(f"{', '.join(missing)} never rolled")
    lengths = steps.lengths_s()
    figures: dict[str, Any] = {
        "measured": max(lengths[f"roll_{node}"] for node in nodes), "unit": "s", "n": len(nodes),
        "details": {f"{name}_s": each for name, each in lengths.items()},
    }  # fmt: skip
    for node in nodes:
        line = lines[node]
        if line["after"] != wanted:
            text = f"broke Rolled-Through: {node} runs {line['after']} after its step, not {wanted}"
            return Finding(Status.FAIL, text, **figures)
        if line["pid_before"] == line["pid_after"]:
            text = f"broke Rolled-Through: {node} is the same process after its step as before"
            return Finding(Status.FAIL, text, **figures)
    return Finding(
        Status.PASS,
        f"{', '.join(nodes)} run {wanted}, the slowest after {figures['measured']:.1f} s",
        **figures,
    )
