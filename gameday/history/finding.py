"""What a check found: a status of three, a sentence, a figure with its uncertainty, examples.

PASS < UNKNOWN < FAIL, and the worst wins. A check that raised, or that saw nothing, is UNKNOWN:
nobody looked is not a pass.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

EXAMPLES = 10


class Status(IntEnum):
    """How a criterion ended, worse upwards."""

    PASS = 0
    UNKNOWN = 1
    FAIL = 2


@dataclass(frozen=True)
class Finding:
    """The answer of one check. `examples` are messages' keys; `details` are figures by name.

    `timed` says that it rests on when a client acted, which a generator behind its schedule spoils.
    """

    status: Status
    reason: str
    measured: float | None = None
    unit: str = ""
    n: int = 0
    interval: tuple[float, float] | None = None
    threshold: float | None = None
    examples: tuple[int, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    timed: bool = False


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst status; of nothing it is UNKNOWN."""
    return max(statuses, default=Status.UNKNOWN)


def unknown(reason: str, **more: Any) -> Finding:
    """Return the finding of somebody who could not tell."""
    return Finding(Status.UNKNOWN, reason, **more)


def name_of(message: int) -> str:
    """Return a message's name as people write it: producer:sequence."""
    return f"{message >> 32}:{message & 0xFFFFFFFF}"


def examples_of(messages: npt.NDArray[Any]) -> tuple[int, ...]:
    """Return up to ten different messages, the first in order."""
    return tuple(int(each) for each in np.unique(messages)[:EXAMPLES])
