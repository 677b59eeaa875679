"""`advanced.config` as text: entries of one application brought together.

RabbitMQ takes the last `{rabbit, […]}` of a file and forgets those before it, without a word. So
what a contract sets and what the harness needs must stand in one entry. Nothing here knows what
the settings mean.
"""

import re
from collections.abc import Iterator

OPEN, CLOSE = "{[<(", "}]>)"
ENTRY = re.compile(r"\{\s*(?P<application>[a-z]\w*)\s*,\s*\[(?P<body>.*)\]\s*\}", re.DOTALL)


def merged(entries: str) -> str:
    """Return the entries with one for each application, in the order of the first of each."""
    bodies: dict[str, list[str]] = {}
    terms = [term.strip() for term in _terms(entries) if term.strip()]
    for term in terms:
        match = ENTRY.fullmatch(term)
        if match is None:
            return entries  # Not what we know how to join: the broker says what is wrong with it.
        bodies.setdefault(match["application"], []).append(match["body"].strip())
    if len(bodies) == len(terms):
        return entries
    return ",\n".join(
        f"{{{name}, [{', '.join(filter(None, each))}]}}" for name, each in bodies.items()
    )


def _terms(text: str) -> Iterator[str]:
    """Yield what stands between the commas outside of all brackets and strings."""
    depth, begun, quoted = 0, 0, ""
    for place, character in enumerate(text):
        if quoted:
            if character == quoted and text[place - 1] != "\\":
                quoted = ""
        elif character in "\"'":
            quoted = character
        elif character in OPEN:
            depth += 1
        elif character in CLOSE:
            depth -= 1
        elif character == "," and depth == 0:
            yield text[begun:place]
            begun = place + 1
    yield text[begun:]
