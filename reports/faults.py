"""The faults of a run as the journal holds them: one row a fault, each of its moments apart."""

from dataclasses import dataclass

from reports.material import Json, Material
from reports.words import quantity

STEPS = {
    "intent": "requested_s",
    "applied": "applied_s",
    "observed": "observed_s",
    "reverting": "reverting_s",
    "restored": "restored_s",
}


@dataclass(frozen=True)
class FaultRow:
    """One fault: what, on what, and when it was requested, seen to bite, and seen to be gone."""

    id: str
    episode: str
    kind: str
    fault_class: str
    target: str
    requested_s: float | None = None
    applied_s: float | None = None
    observed_s: float | None = None
    reverting_s: float | None = None
    restored_s: float | None = None
    recovered_s: float | None = None
    effect: str = ""
    control: bool = False

    @property
    def label(self) -> str:
        """How the fault is named beside its lane."""
        return f"{self.id} {self.kind.replace('_', ' ')} {self.target}".strip()


def fault_rows(material: Material) -> tuple[FaultRow, ...]:
    """Return the run's faults in order of their first event."""
    events: dict[str, list[Json]] = {}
    for event in material.events("fault"):
        events.setdefault(str(event.get("fault")), []).append(event)
    ends = {
        str(event.get("episode")): material.at_s(event.get("time_ns"))
        for event in material.events("episode", at="end")
    }
    controls = {
        str(event.get("episode")) for event in material.events("episode") if event.get("control")
    }
    return tuple(_row(material, found, ends, controls) for found in events.values())


def _row(
    material: Material, events: list[Json], ends: dict[str, float | None], controls: set[str]
) -> FaultRow:
    first = events[0]
    moments: dict[str, float | None] = {}
    for event in events:
        field = STEPS.get(str(event.get("step")))
        if field:
            moments.setdefault(field, material.at_s(event.get("time_ns")))
    episode = str(first.get("episode"))
    fault_class = str(first.get("fault_class") or "")
    return FaultRow(
        id=str(first.get("fault")),
        episode=episode,
        kind=str(first.get("kind") or ""),
        fault_class=fault_class,
        target=_target(first.get("target")),
        recovered_s=ends.get(episode),
        effect=_effect(events),
        control=episode in controls or fault_class == "control",
        **moments,
    )


def _target(target: object) -> str:
    if isinstance(target, list):
        return ", ".join(str(one) for one in target)
    return "" if target is None else str(target)


def _effect(events: list[Json]) -> str:
    """Say what proved the fault, in the words of its evidence."""
    for event in events:
        if event.get("step") in ("observed", "not_observed"):
            found = event.get("evidence") or {}
            text = quantity(found) if found else ""
            return text if event["step"] == "observed" else f"not observed {text}".strip()
    return "no proof was recorded"
