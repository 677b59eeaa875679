"""The way from a verdict on a migration to its page: a document of sections, written twice.

Nothing is decided here: the decision is the verdict's. The look, the tables and the writers are
those of the game day's report.
"""

from pathlib import Path

from reports.document import Banner, Cell, Document, Tile
from reports.files import write_files
from reports.junit import write_junit
from reports.migration.criteria import criteria, criterion_link
from reports.migration.evidence import provenance, rules, untested
from reports.migration.hardship import faults, rehearsal
from reports.migration.latency import gain, latency, order
from reports.migration.subject import REDIS, Json, Subject, load_subject
from reports.migration.weighing import costs, redis_better, risks, side_by_side, sweep
from reports.words import listed, quantity

PAGE = "migration.html"
SHOWN_MAX = 8
SECTIONS = (
    criteria, side_by_side, gain, latency, order, faults, rehearsal, sweep, redis_better, risks,
    costs, untested, rules, provenance,
)  # fmt: skip
REST = {"fail": "Failed", "unknown": "Unknown", "not_tested": "Not tested"}
WHAT = {
    "GO": "Move: RabbitMQ holds what was asked of it, and gains what was promised.",
    "NO-GO": "Do not move as it is: something that RabbitMQ must hold failed.",
    "STAY": "Stay with Redis: moving would not gain what it promises.",
    "INCONCLUSIVE": "Nobody can say yet: what is missing stands below.",
}


def write_page(folder: Path, document: Json) -> Path:
    """Write the three files, and return the page's path."""
    subject = load_subject(folder, document)
    built = build(subject)
    found = subject.document
    junit = write_junit(built.run, found["decision"], found["criteria"], found["claimed_ids"])
    return write_files(folder, built, junit)


def build(subject: Subject) -> Document:
    """Return the whole report before any markup."""
    found = subject.document
    sections = tuple(one for one in (make(subject) for make in SECTIONS) if one is not None)
    return Document(
        run=str(found["run"]), title=f"{found['decision']}: {found['run']} (gameday migration)",
        facts=_facts(subject), banner=banner(subject), sections=sections, page=PAGE,
    )  # fmt: skip


def banner(subject: Subject) -> Banner:
    """Return the banner: the decision, why, and for how much of what was claimed."""
    found = subject.document
    decision = str(found["decision"])
    deciding = _deciding(found)
    statuses = {name: str(status) for name, status in found["requirements"].items()}
    rest = tuple((word, tuple(sorted(name for name, status in statuses.items() if status == key)))
                 for key, word in REST.items())  # fmt: skip
    return Banner(
        decision=decision, exit_code=str(found["exit_code"]),
        sentence=_sentence(subject, decision),
        coverage=f"{found['passed']} of {found['claimed']} claimed requirements pass.",
        failing=tuple(_failing(one) for one in deciding[:SHOWN_MAX]),
        more_failing=max(0, len(deciding) - SHOWN_MAX), notes=_notes(subject),
        tiles=tuple(_tile(found, name, status) for name, status in sorted(statuses.items())),
        rest=tuple((word, names) for word, names in rest if names),
    )  # fmt: skip


def _sentence(subject: Subject, decision: str) -> str:
    redis = [str(row["label"]) for row in subject.rows if row["broker"] == REDIS]
    about = subject.label(subject.candidate) or "no RabbitMQ row"
    return f"{WHAT[decision]} Decided about {about}, against {listed(redis) or 'no Redis row'}."


def _deciding(found: Json) -> list[Json]:
    """Return the criteria that decided, in the order in which the rules ask."""
    if found["decision"] == "GO":
        return []
    wanted = {"NO-GO": ("fail", "NO-GO"), "STAY": ("fail", "STAY")}.get(found["decision"])
    if wanted:
        return [one for one in found["criteria"]
                if (one["status"], one["when_failed"]) == wanted]  # fmt: skip
    return [one for one in found["criteria"] if one["status"] == "unknown"]


def _failing(one: Json) -> Cell:
    title = f"{one['id']}: {one['statement']}".rstrip(": ")
    return Cell(title, str(one["status"]), criterion_link(one), str(one["reason"]))


def _tile(found: Json, name: str, status: str) -> Tile:
    order = ("fail", "unknown", "not_tested", "pass")
    mine = [one for one in found["criteria"] if one["requirement"] == name]
    worst = min(mine, key=lambda one: order.index(one["status"]))
    return Tile(name, status, criterion_link(worst), str(worst["reason"]))


def _notes(subject: Subject) -> tuple[str, ...]:
    found = subject.document
    notes = []
    if better := found["redis_better"]:
        figures = sorted({str(row["figure"]) for row in better})
        notes.append(f"Redis is better by {listed(figures)}: see Where Redis is better.")
    if others := [str(row["label"]) for row in subject.rows
                  if row["broker"] == "rabbitmq" and row["id"] != subject.candidate]:  # fmt: skip
        notes.append(f"{listed(others)} is shown beside it, and does not decide.")
    if subject.missing:
        notes.append(f"The folder is incomplete: {'; '.join(subject.missing[:5])}.")
    return tuple(notes)


def _facts(subject: Subject) -> tuple[tuple[str, str], ...]:
    found = subject.document
    pairs = [("System", found["system"]), ("Suite", found["suite"]), ("Seed", found["seed"])]
    pairs += [(name.capitalize(), value) for name, value in sorted(found["versions"].items())]
    pairs += [("Exit code", found["exit_code"])]
    return tuple((name, quantity(value)) for name, value in pairs if value not in (None, ""))
