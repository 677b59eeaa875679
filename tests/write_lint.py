"""Write docs/lint.md from the rules: `python -m tests.write_lint`."""

from pathlib import Path

from gameday.contracts.lint.rules import document

if __name__ == "__main__":
    Path("docs/lint.md").write_text(document(), encoding="utf-8")
