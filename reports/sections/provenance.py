"""Provenance: what ran on what, how to run it again, and the digests of all that was judged."""

import hashlib
import json
from pathlib import Path

from reports.document import Block, Cell, Code, Fold, Section, Table, code, number
from reports.material import Json, Material
from reports.words import DASH, count, plural, quantity

WRITTEN_HERE = {"report.html", "migration.html", "summary.md", "junit.xml"}
FILES_MAX = 400
READ_BYTES = 1 << 20


def provenance(material: Material) -> Section:
    """Return versions, topology, the command to run it again, and the artefacts' digests."""
    manifest = material.manifest
    files = artefacts(material.folder)
    blocks: list[Block] = [
        Code("Run it again", str(manifest.get("command") or "the manifest names no command")),
        Code("Judge it again, without a broker", f"gameday check reports/runs/{material.name}"),
        pairs("What ran", _facts(material, files)),
    ]
    blocks += [
        Fold(title, (pairs(title, list(found.items())),))
        for title, found in (
            ("Host", manifest.get("host") or {}), ("Libraries", manifest.get("libraries") or {}),
        )
        if isinstance(found, dict) and found
    ]  # fmt: skip
    if topology := material.contract.get("topology"):
        text = json.dumps(topology, indent=1, sort_keys=True)
        blocks.append(Fold("Topology that was declared", (Code("Secrets are removed", text),)))
    blocks.append(
        Fold(f"Artefacts: {plural(len(files), 'file')} with SHA-256", (artefacts_table(files),))
    )
    lead = (
        "Everything needed to judge this run again is in its folder. The plan replays from its "
        "seed; a run on real brokers never repeats exactly."
    )
    return Section("provenance", "Provenance", lead, tuple(blocks))


def _facts(material: Material, files: list[tuple[str, int, str]]) -> list[tuple[str, object]]:
    manifest = material.manifest
    cluster: Json = manifest.get("cluster") or {}
    return [
        ("Run", material.name),
        ("System", manifest.get("system")),
        ("Suite", manifest.get("suite")),
        ("Seed", manifest.get("seed")),
        ("RabbitMQ", cluster.get("version")),
        ("Erlang", cluster.get("erlang")),
        ("Cluster", f"{cluster.get('kind') or DASH}: {quantity(cluster.get('nodes'))}"),
        ("Broker settings", manifest.get("broker_settings")),
        ("Settings used", manifest.get("settings_used")),
        ("Alternative", manifest.get("alternative") or "none"),
        ("Variables", _variables(manifest)),
        ("Python", manifest.get("python")),
        ("Git", manifest.get("git")),
        ("Started (UTC)", manifest.get("started_at")),
        ("Clock", "one monotonic clock for every process of the host; times count from the start"),
        ("Configuration SHA-256", manifest.get("configuration_sha256")),
        ("Ledgers SHA-256", ledgers_digest(files)),
    ]


def _variables(manifest: Json) -> str:
    """Return each of the contract's variables with its value and where that came from."""
    rows = manifest.get("variables") or []
    said = [f"{row['name']} = {row['value']} (from {row['origin']})" for row in rows]
    return "; ".join(said) or "none"


def pairs(caption: str, found: list[tuple[str, object]]) -> Table:
    """Return names and values as a table."""
    rows = tuple((Cell(name), Cell(quantity(value))) for name, value in found)
    return Table(caption, ("What", "Value"), rows)


def ledgers_digest(files: list[tuple[str, int, str]]) -> str:
    """Return one digest over every ledger's and side file's own, in order of name."""
    rows = [f"{digest}  {name}\n" for name, _, digest in files if name.startswith("history/")]
    return hashlib.sha256("".join(rows).encode()).hexdigest() if rows else "no ledger"


def artefacts(folder: Path) -> list[tuple[str, int, str]]:
    """Return (name, size, SHA-256) of all files of the run but those that this report writes."""
    found = sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    return [
        (name, path.stat().st_size, _digest(path))
        for name, path in found
        if name not in WRITTEN_HERE
    ]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def artefacts_table(files: list[tuple[str, int, str]]) -> Table:
    """Return the artefacts with their digests, the first of many."""
    return Table(
        "Artefacts" if len(files) <= FILES_MAX else f"The first {FILES_MAX} artefacts",
        ("File", "Bytes", "SHA-256"),
        tuple(
            (code(name), number(count(size)), code(digest))
            for name, size, digest in files[:FILES_MAX]
        ),
    )
