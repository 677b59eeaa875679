"""The way from a run folder to its report.

The folder is read once (`material.py`), one document of sections is built from it, and written
twice, as HTML and as Markdown; the same folder gives the same bytes. Nothing is decided here: the
decision is `verdict.json`'s, and a run without one is INCONCLUSIVE.
"""

from pathlib import Path

from gameday.history.sides import UPGRADE
from reports.badge import badge
from reports.document import Document, Section
from reports.files import write_files
from reports.junit import write_junit
from reports.material import Json, Material, load_material
from reports.requirements import claimed
from reports.sections.banner import banner
from reports.sections.comparison import comparison
from reports.sections.controls import controls
from reports.sections.criteria import criteria
from reports.sections.generator import generator
from reports.sections.isolation import isolation, network_banner
from reports.sections.latency import latency
from reports.sections.ledger import ledger
from reports.sections.outages import outages
from reports.sections.played import played
from reports.sections.provenance import provenance
from reports.sections.recovery import recovery
from reports.sections.timeline import timeline_section
from reports.sections.untested import untested
from reports.sections.upgrade import upgrade
from reports.words import quantity

SECTIONS = (
    criteria, upgrade, played, timeline_section, ledger, latency, recovery, outages, comparison,
    isolation, generator, controls, untested, provenance,
)  # fmt: skip


OF_NETWORK = (criteria, isolation, untested, provenance)
"""What there is to say when only the network was looked at."""
BADGE_WORDS = {"GO": "passing", "NO-GO": "failing"}


def write_report(folder: Path) -> Path:
    """Write the report's three files into a run folder, and return the page's path."""
    material = load_material(folder)
    document = build(material)
    junit = write_junit(
        material.name, document.banner.decision, material.criteria, claimed(material)
    )
    page = write_files(folder, document, junit)
    if _only_network(material):
        word = BADGE_WORDS.get(document.banner.decision, "unknown")
        (folder / "badge.svg").write_text(badge("network isolation", word), encoding="utf-8")
    return page


def _only_network(material: Material) -> bool:
    return material.manifest.get("kind") == "isolation"


def build(material: Material) -> Document:
    """Return the whole report before any markup."""
    wanted = OF_NETWORK if _only_network(material) else SECTIONS
    found = [section(material) for section in wanted]
    sections: tuple[Section, ...] = tuple(one for one in found if one is not None)
    top = network_banner(material) if _only_network(material) else banner(material)
    return Document(
        run=material.name,
        title=f"{top.decision}: {material.name} (gameday)",
        facts=_facts(material),
        banner=top,
        sections=sections,
    )


def _facts(material: Material) -> tuple[tuple[str, str], ...]:
    manifest = material.manifest
    cluster: Json = manifest.get("cluster") or {}
    nodes = cluster.get("nodes") or []
    pairs = (
        ("System", manifest.get("system")),
        ("Suite", manifest.get("suite")),
        ("Seed", manifest.get("seed")),
        ("RabbitMQ", _version(manifest)),
        ("Cluster", f"{cluster.get('kind')}, {len(nodes)} nodes" if cluster else None),
        ("Settings", manifest.get("broker_settings")),
        ("Started", manifest.get("started_at")),
        ("Exit code", material.verdict.get("exit_code")),
    )
    return tuple((name, quantity(value)) for name, value in pairs if value is not None)


def _version(manifest: Json) -> str | None:
    """Return the broker's version; of a run that moved, both."""
    version = (manifest.get("cluster") or {}).get("version")
    moved = manifest.get(UPGRADE)
    return f"{version}, then {moved.get('to')}" if isinstance(moved, dict) else version
