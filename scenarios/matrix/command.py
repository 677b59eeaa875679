"""`gameday matrix SYSTEM`: a suite on every broker of this machine, and what differs and why."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from gameday.contracts.lint.linting import lint_file
from gameday.history.folder import reports_dir
from gameday.history.journal import events
from gameday.history.run import load_run
from scenarios.matrix.choosing import chosen
from scenarios.matrix.figures import Column, column, latency_by_priority, met_on_some
from scenarios.matrix.tables import markdown, sheets, show
from scenarios.options import Options, parse_variables
from scenarios.play import Played
from scenarios.run import contract_of
from scenarios.scenario import main_queue
from scenarios.several import INTERRUPTED, play_one, worst

NOT_JUDGED = "not judged"
WIDE = 160
"""How wide the tables are where no terminal says how wide it is, in characters."""


def matrix(asked: Options, brokers: Sequence[str], alternatives: Sequence[str] = ()) -> int:
    """Play a suite on several brokers, write matrix.md and matrix.json; return the exit code.

    Alternatives of the contract are played beside its own design, each on every broker.
    """
    choices = chosen(asked, brokers)
    runs = [(broker, design) for broker in choices for design in (None, *alternatives)]
    wanted = [replace(asked, broker=broker.named, alternative=design) for broker, design in runs]
    # A mistake in the last one is told before the first one begins.
    contract, *_ = [contract_of(options) for options in wanted]
    console, columns, codes = Console(stderr=True), list[Column](), list[int]()
    for number, ((broker, design), options) in enumerate(zip(runs, wanted, strict=True), start=1):
        name = f"{contract.system} {asked.suite} on RabbitMQ {broker.version} {design or ''}"
        console.rule(f"run {number} of {len(runs)}: {name.rstrip()}")
        done = play_one(options, console)
        columns.append(_column(broker.version, design, done, main_queue(contract)))
        codes.append(done.exit_code)
        if done.exit_code == INTERRUPTED:
            break
    _write(asked, contract.system, columns)
    return worst(codes)


def _column(version: str, design: str | None, done: Played, queue: str) -> Column:
    if done.verdict is None or done.folder is None:
        folder, why = str(done.folder) if done.folder else None, done.failure[:200]
        return Column(version, NOT_JUDGED, done.took_s, folder, why, design)
    run = load_run(done.folder)
    found = column(version, done.verdict, done.took_s, str(done.folder),
                   latency_by_priority(run, queue), design)  # fmt: skip
    answers = events(run.journal, "refused")
    if not answers:
        return found
    return replace(found, refused=tuple(answers[-1]["said"]),
                   standing=tuple(answers[-1]["standing"]))  # fmt: skip


def _write(asked: Options, system: str, columns: Sequence[Column]) -> None:
    given = parse_variables(asked.variables)
    linted = {each.broker: lint_file(asked.system, each.broker, None, given) for each in columns}
    found = sheets(columns, met_on_some(linted))
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    show(found, console)
    folder = reports_dir(asked.out) / f"matrix-{system}"
    folder.mkdir(parents=True, exist_ok=True)
    count = len({each.broker for each in columns})
    where = " in containers" if asked.cluster == "compose" else ""
    heading = f"{system}, suite {asked.suite}, on {count} versions of RabbitMQ{where}"
    (folder / "matrix.md").write_text(markdown(heading, found), encoding="utf-8")
    _write_json(folder, asked, columns)
    console.print(f"the same as Markdown: {folder}/matrix.md", highlight=False, soft_wrap=True)
    for each in columns:
        if each.folder is not None:
            text = f"report of {each.name}: {each.folder}/report.html"
            console.print(text, highlight=False, soft_wrap=True)


def _write_json(folder: Path, asked: Options, columns: Sequence[Column]) -> None:
    document = {
        "system": asked.system, "suite": asked.suite, "seed": asked.seed,
        "cluster": asked.cluster,
        "brokers": [asdict(each) for each in columns],
    }  # fmt: skip
    (folder / "matrix.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
