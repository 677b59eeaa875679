"""Draw docs/network-isolation.svg: `python -m tests.write_badge [reports/network/result.json]`.

The badge is drawn from `docs/network-isolation.json`, the result of the last recorded tests; a
result that is named takes its place. A test holds the two together.
"""

import json
import sys
from pathlib import Path

from reports.badge import badge
from tests.network import LABEL

DOCS = Path(__file__).parent.parent / "docs"
RECORDED = DOCS / "network-isolation.json"
DRAWN = DOCS / "network-isolation.svg"


def drawn() -> str:
    """Return the badge of the recorded result."""
    return badge(LABEL, json.loads(RECORDED.read_text(encoding="utf-8"))["word"])


def main(words: list[str]) -> None:
    """Record a result, if one is named, and draw the badge."""
    if words:
        RECORDED.write_text(Path(words[0]).read_text(encoding="utf-8"), encoding="utf-8")
    DRAWN.write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
