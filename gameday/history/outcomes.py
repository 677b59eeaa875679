"""The outcome of an attempt: every way that AMQP ends a publish, in one table.

`ENDINGS` is that table; `docs/outcomes.md` is generated from it by `document()`. Whatever is not
listed is *info*: it may have happened once, more than once, or never. `attempts.py` finds which
ending an attempt had; nobody else decides what it means.
"""

from dataclasses import dataclass
from enum import IntEnum


class Outcome(IntEnum):
    """What is known of an attempt when the run is over."""

    OK = 0
    RETURNED = 1
    NACK = 2
    INFO = 3
    FAIL = 4


MEANINGS = {
    Outcome.OK: "must survive",
    Outcome.RETURNED: "was not routed; must not be seen",
    Outcome.NACK: "may be present: one of several queues may have kept it",
    Outcome.INFO: "may appear once, more than once, or never",
    Outcome.FAIL: "must never be seen",
}


@dataclass(frozen=True)
class Ending:
    """One way for a publish to end; `codes` are the broker's reply codes, if it needs them."""

    name: str
    outcome: Outcome
    reason: str
    codes: tuple[int, ...] = ()


_OK, _INFO, _FAIL = Outcome.OK, Outcome.INFO, Outcome.FAIL

ENDINGS = (
    Ending("open", _INFO, "No answer until the ledger ends: a process was killed, say."),
    Ending("confirmed", _OK, "basic.ack on its channel, and no basic.return before it."),
    Ending("confirmed late", _OK, "basic.ack after the client gave up: late, but proof is proof."),
    Ending("unsafe write", _OK, "A control without confirms takes the socket write for success."),
    Ending("returned", Outcome.RETURNED, "basic.return 312: no queue took it.", (312,)),
    Ending("returned otherwise", Outcome.RETURNED, "basic.return with any other code."),
    Ending("nacked", Outcome.NACK, "basic.nack: the broker did not take it on, wholly or in part."),
    Ending("unknown", _INFO, "The client gave up for a reason that this table does not list."),
    Ending("no confirm in time", _INFO, "The confirm timeout passed; the broker may hold it."),
    Ending("blocked at the deadline", _INFO, "The connection was blocked; the bytes wait unread."),
    Ending("process killed", _INFO, "The publishing process ended before the answer was read."),
    Ending("exception", _INFO, "An exception after a byte may have left."),
    Ending("connection lost", _INFO, "The connection broke without a close of the broker's.", (0,)),
    Ending("connection closed", _INFO, "The broker closed the connection: all its channels' tags."),
    Ending("connection forced", _INFO, "The node shut down or an operator closed it.", (320,)),
    Ending("connection internal error", _INFO, "The broker failed, or is in a minority.", (541,)),
    Ending("channel closed", _INFO, "A channel error: every unconfirmed tag of the channel."),
    Ending("channel not found", _INFO, "The exchange is not there, or its node is down.", (404,)),
    Ending("channel precondition failed", _INFO, "A rule was broken, or an ack came late.", (406,)),
    Ending("failed", _FAIL, "An error that came before any byte was written."),
    Ending("gave up reconnecting", _FAIL, "It waited for a connection until the last try failed."),
    Ending("no connection", _FAIL, "No connection of the pool was open, so nothing was written."),
)  # fmt: skip

NUMBER = {ending.name: number for number, ending in enumerate(ENDINGS)}
"""The number of each ending, as `Attempts.ending` holds it."""

REASONS = {
    "no confirm in time": "no confirm in time",
    "confirm timed out": "no confirm in time",
    "connection lost": "connection lost",
    "blocked at the deadline": "blocked at the deadline",
    "process killed": "process killed",
    "exception": "exception",
    "no connection of the pool is open": "no connection",
    "gave up reconnecting": "gave up reconnecting",
}
"""The reasons that clients write down, and the ending that each is."""


def by_reason(reason: str, otherwise: str) -> int:
    """Return the number of the ending that a client's written reason is."""
    name = REASONS.get(reason, otherwise)
    listed = ENDINGS[NUMBER[name]].outcome
    return NUMBER[name if listed is ENDINGS[NUMBER[otherwise]].outcome else otherwise]


def by_code(family: str, code: int) -> int:
    """Return the number of the ending of a family (returned, connection, channel) by its code."""
    for number, ending in enumerate(ENDINGS):
        if ending.name.startswith(family) and code in ending.codes:
            return number
    general = {"returned": "returned otherwise"}.get(family, f"{family} closed")
    return NUMBER[general]


def document() -> str:
    """Return `docs/outcomes.md`."""
    lines = [
        "# How a publish can end, and what that means",
        "",
        "Generated from `gameday/history/outcomes.py`, the one table that decides. Whatever is not",
        "listed is *info*.",
        "",
        "| outcome | means |",
        "|---|---|",
        *(f"| **{outcome.name.lower()}** | {text} |" for outcome, text in MEANINGS.items()),
        "",
        "| ending | reply code | outcome | why |",
        "|---|---|---|---|",
    ]
    for ending in ENDINGS:
        codes = ", ".join(map(str, ending.codes))
        lines.append(
            f"| {ending.name} | {codes} | {ending.outcome.name.lower()} | {ending.reason} |"
        )
    return "\n".join(lines) + "\n"
