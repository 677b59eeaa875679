"""The document as one HTML file that needs nothing else: no script, no font, no request.

Jinja escapes everything; only the drawings, which we made ourselves, and the style sheet pass
as they are. The page forbids its own browser to load anything (Content-Security-Policy).
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.document import STATUS_WORDS, Document
from reports.words import DASH

TEMPLATES = Path(__file__).parent / "templates"


def write_html(document: Document) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["drawing"] = _drawing
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    template = environment.get_template("report.html.j2")
    return template.render(
        document=document,
        style=Markup(style),  # noqa: S704  It is our own file.
        status_words=STATUS_WORDS,
        dash=DASH,
    )


def _drawing(text: str) -> Markup:
    return Markup(text)  # noqa: S704  matplotlib has escaped what came from outside.
