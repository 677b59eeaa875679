"""What the report's tests share: judged run folders, and the page's tags without a browser."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from gameday.history.verdict import judge
from reports.render import render
from tests.fakes import simulate


def judged(folder: Path, messages: int = 600, bug: str | None = None) -> Path:
    """Write a fake run into a folder, and judge it."""
    simulate(messages, seed=3, bug=bug).write(folder)
    judge(folder)
    return folder


def page_of(folder: Path) -> str:
    """Render a run folder and return its page."""
    return render(folder).read_text(encoding="utf-8")


def change(path: Path, **fields: Any) -> None:
    """Overwrite fields of a JSON file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**found, **fields}), encoding="utf-8")


class Page(HTMLParser):
    """The tags of a page: their attributes by name, all ids, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count the tag and keep its attributes."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.words.append(data)

    def values(self, name: str) -> list[str]:
        """Return the values of an attribute, in order."""
        return [value for _, own, value in self.attributes if own == name]

    def outside(self, markup: str) -> list[str]:
        """Return what points or loads from outside the page."""
        links = [each for name in ("href", "src", "xlink:href") for each in self.values(name)]
        found = [link for link in links if not link.startswith(("#", "data:,"))]
        found += [name for name in ("script", "img", "iframe") if self.tags[name]]
        return found + re.findall(r"url\((?!#)|@import|https?:", markup)

    def broken_links(self) -> list[str]:
        """Return the fragments that lead nowhere, and the ids that are given twice."""
        ids = Counter(self.values("id"))
        wanted = {link[1:] for link in self.values("href") if link.startswith("#")}
        return sorted(wanted - ids.keys()) + [name for name, times in ids.items() if times > 1]

    @property
    def text(self) -> str:
        """All text, with single blanks."""
        return " ".join(" ".join(self.words).split())
