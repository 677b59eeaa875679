"""Write docs/outcomes.md from the table: `python -m tests.write_outcomes`."""

from pathlib import Path

from gameday.history.outcomes import document

if __name__ == "__main__":
    Path("docs/outcomes.md").write_text(document(), encoding="utf-8")
