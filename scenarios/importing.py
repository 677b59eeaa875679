"""`gameday import`: a contract begun from a broker's exported definitions."""

import json
import sys
from pathlib import Path
from typing import Any

from gameday.contracts.beginning import begin_contract, slug
from gameday.contracts.importing import choose_vhost, import_topology
from gameday.errors import UsageError


def import_definitions(path: Path, vhost: str | None, output: Path | None) -> None:
    """Write or print the contract; say on stderr, a line each, what is not in it as exported."""
    found = read_definitions(path)
    chosen = choose_vhost(found, vhost)
    imported = import_topology(found, chosen)
    system = slug(output.stem if output else chosen, "imported")
    text = begin_contract(imported, system, f"{path.name}, virtual host {chosen}")
    write_out(text, output)
    for note in imported.notes:
        sys.stderr.write(f"gameday: {note}\n")
    if output:
        sys.stderr.write(f"gameday: next: gameday run {output} --scenario control\n")


def read_definitions(path: Path) -> dict[str, Any]:
    """Return an export's data."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: is no JSON: {error}; export it again") from error
    if not isinstance(found, dict) or not isinstance(found.get("queues"), list):
        raise UsageError(
            f"{path}: holds no queues, so it is no export; make one by `rabbitmqctl "
            "export_definitions FILE`, or from the management page"
        )
    return found


def write_out(text: str, output: Path | None) -> None:
    """Write a text to a file that is not there yet, or to stdout."""
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output}: is there already; name another, or remove it") from None
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from error
