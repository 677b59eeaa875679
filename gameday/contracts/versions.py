"""What depends on the broker's version: settings, priorities, criteria.

Pure questions about a contract and a version such as "3.10.8". Release candidates count as the
release they lead to, since they already behave like it. What a version does in general is told in
docs; here is only what a contract's meaning hangs on.
"""

import re
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from gameday.contracts.model import BrokerSetting, Contract, Requirement
from gameday.contracts.parts import Queue, Topology
from gameday.errors import UsageError

Expectation = Literal["classic", "fifo", "two_classes", "strict"]
"""What a queue makes of priorities: `min(p, N)`; nothing; up to 4 and above; 0 to 31."""

Where = Literal["rabbitmq.conf", "advanced.config", "erlang"]

NONE_GIVEN = 255
"""A priority of the ledger that says that the message carried none."""

STRICT_DEFAULT = 4
STRICT_MOST = 31
TWO_CLASSES_ABOVE = 4


def release(version: str) -> Version:
    """Return the release that a broker's version names, whatever a package adds to it."""
    found = re.match(r"\s*v?(\d+(?:\.\d+)*)", version)
    if found is None:
        raise UsageError(f'"{version}" is no broker version: give one such as "3.10.8" or "4.3"')
    return Version(found[1])


def applies(versions: str, version: str) -> bool:
    """Whether a specifier such as ">=3.12,<4" takes in this version; an empty one takes all."""
    return SpecifierSet(versions).contains(release(version), prereleases=True)


def reached(until: str | None, version: str) -> bool:
    """Whether `version` is the one that `until` names, or a later one."""
    return until is not None and release(version) >= release(until)


def settings_for(
    contract: Contract,
    version: str,
    choice: Literal["tuned", "stock"],
) -> dict[Where, list[BrokerSetting]]:
    """Return the settings for this version by the place they go to, in the contract's order."""
    chosen: dict[Where, list[BrokerSetting]] = {}
    for setting in contract.broker_settings:
        if applies(setting.versions, version) and (setting.stock or choice == "tuned"):
            chosen.setdefault(setting.where, []).append(setting)
    return chosen


def for_version(contract: Contract, version: str) -> Contract:
    """Return the contract with only the criteria that this version is judged by."""
    return contract.model_copy(
        update={
            "requirements": tuple(_judged_on(row, version) for row in contract.requirements),
        },
    )


def _judged_on(requirement: Requirement, version: str) -> Requirement:
    criteria = tuple(c for c in requirement.criteria if applies(c.versions, version))
    return requirement.model_copy(update={"criteria": criteria})


def expectations(topology: Topology, version: str) -> dict[str, Expectation]:
    """Return what each queue makes of priorities on this version."""
    return {queue.name: _expectation(queue, version) for queue in topology.queues}


def _expectation(queue: Queue, version: str) -> Expectation:
    if queue.type == "classic":
        return "classic" if queue.max_priority else "fifo"
    if reached("4.3", version):
        return "strict"
    return "two_classes" if reached("4.0", version) else "fifo"


def effective_priority(
    expectation: Expectation,
    priority: npt.NDArray[Any],
    max_priority: int | None = None,
) -> npt.NDArray[np.int16]:
    """Return the priorities that the queue goes by, elementwise; 255 says that none was given."""
    sent = np.asarray(priority, dtype=np.int16)
    given = sent != NONE_GIVEN
    if expectation == "classic":
        return np.where(given, np.minimum(sent, max_priority or 0), 0).astype(np.int16)
    if expectation == "strict":
        return np.where(given, np.minimum(sent, STRICT_MOST), STRICT_DEFAULT).astype(np.int16)
    if expectation == "two_classes":
        return np.where(given & (sent > TWO_CLASSES_ABOVE), 1, 0).astype(np.int16)
    return np.zeros_like(sent)
