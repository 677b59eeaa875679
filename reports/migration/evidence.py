"""What the decision rests on: its rules, what was not tested, and how to run it again."""

from reports.document import Block, Cell, Code, Fold, Section, Table, Text, code
from reports.migration.subject import Subject
from reports.sections.provenance import artefacts, artefacts_table, ledgers_digest, pairs
from reports.words import plural, quantity


def rules(subject: Subject) -> Section:
    """Return the rules in words, and each threshold."""
    found = subject.document["rules"]
    blocks: list[Block] = [Text(str(sentence)) for sentence in found["sentences"]]
    rows = tuple((code(str(name)), Cell(quantity(value)))
                 for name, value in sorted(found["thresholds"].items()))  # fmt: skip
    blocks += [Table("Thresholds", ("Name", "Value"), rows)] if rows else []
    lead = "The decision follows from the criteria by these rules alone, the strongest first."
    return Section("rules", "Rules of the decision", lead, tuple(blocks))


def untested(subject: Subject) -> Section:
    """Return what this run says nothing about, why, and how to test it."""
    found = list(subject.document["untested"])
    table = Table(
        "What this run says nothing about", ("Requirement", "Why not", "How to test it"),
        tuple(
            (code(str(row["id"])), Cell(str(row["reason"])),
             Cell(str(row.get("how") or "not by this harness")))
            for row in found
        ),
        cards=True,
    )  # fmt: skip
    lead = (f"This run says nothing about {plural(len(found), 'requirement')}." if found
            else "The manifest names nothing that was left out.")  # fmt: skip
    return Section("untested", "Not tested", lead, (table,) if found else ())


def provenance(subject: Subject) -> Section:
    """Return versions, the commands to run and to judge again, and the artefacts' digests."""
    document = subject.document
    manifest = subject.migration.manifest if subject.migration else {}
    files = artefacts(subject.folder)
    facts: list[tuple[str, object]] = [
        ("Run", document["run"]), ("System", document["system"]), ("Suite", document["suite"]),
        ("Seed", document["seed"]), *sorted(document["versions"].items()),
        ("Git", manifest.get("git")), ("Started (UTC)", manifest.get("started_at")),
        ("Clock", "one monotonic clock for every process of the host"),
        ("Ledgers SHA-256", ledgers_digest(files)),
    ]  # fmt: skip
    blocks: list[Block] = [
        Code("Run it again", str(manifest.get("command") or "the manifest names no command")),
        Code("Judge it again, without a broker", f"gameday check reports/runs/{document['run']}"),
        pairs("What ran", [(name, value) for name, value in facts if value is not None]),
        Fold(f"Artefacts: {plural(len(files), 'file')} with SHA-256", (artefacts_table(files),)),
    ]
    lead = (
        "Everything needed to judge this migration again is in its folder. The schedule replays "
        "from its seed; a run on real brokers never repeats exactly."
    )
    return Section("provenance", "Provenance", lead, tuple(blocks))
