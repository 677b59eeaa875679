"""`gameday definitions`: the file that a node boots with; and `gameday schema`."""

import json
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from gameday.clusters.file_schema import PUBLISHED as FILE_PUBLISHED
from gameday.clusters.release import find_release
from gameday.contracts.definitions import to_definitions, with_user
from gameday.contracts.load import load_contract
from gameday.contracts.schema import PUBLISHED
from scenarios.importing import write_out
from scenarios.options import parse_variables

PASSWORD = "GAMEDAY_DEFINITIONS_PASSWORD"  # noqa: S105  # The variable's name.
NO_USER = (
    "a node that loads this file makes no user of its own, not even guest, so nobody can log in: "
    "--with-user NAME adds one, or add it later by `rabbitmqctl add_user`"
)


def write_definitions(
    system: str,
    variables: Sequence[str],
    broker: str | None,
    vhost: str,
    output: Path | None,
    user: str | None,
) -> None:
    """Write or print the definitions; say on stderr what else a node needs."""
    contract = load_contract(system, parse_variables(variables))
    found = to_definitions(contract, vhost, version_of(broker))
    if user is None:
        said = NO_USER
    else:
        given = os.environ.get(PASSWORD)
        password = given or secrets.token_urlsafe(18)
        found = with_user(found, user, password)
        shown = f"the one in {PASSWORD}" if given else password
        said = f"the password of {user} is {shown}; the file holds its hash only"
    write_out(json.dumps(found, indent=2, ensure_ascii=False) + "\n", output)
    sys.stderr.write(f"gameday: {said}\n")
    if output:
        sys.stderr.write(f"gameday: in rabbitmq.conf: load_definitions = {output.resolve()}\n")


def version_of(broker: str | None) -> str:
    """Return the version to write for: the one that is named, else the installed broker's."""
    if broker is not None and re.fullmatch(r"\d+(\.\d+)*", broker):
        return broker
    return find_release(broker).version


def show_schema() -> None:
    """Print the schema's path; on stderr, how an editor takes it."""
    sys.stdout.write(f"{PUBLISHED}\n")
    line = f"# yaml-language-server: $schema={PUBLISHED}"
    sys.stderr.write(f"gameday: the first line of a contract names it to an editor: {line}\n")
    sys.stderr.write(f"gameday: and that of a cluster file names {FILE_PUBLISHED}\n")
