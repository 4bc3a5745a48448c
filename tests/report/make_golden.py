"""``python -m tests.report.make_golden`` writes the golden files anew: look at what changed before you commit it."""

from __future__ import annotations

from pathlib import Path

from loadws.report import junit, markdown
from tests.report import example
from tests.report.test_console import screen, without_padding

GOLDEN = Path(__file__).parent / "golden"

if __name__ == "__main__":
    (GOLDEN / "console.txt").write_text(without_padding(screen(example.summary())), "utf-8")
    (GOLDEN / "console-brief.txt").write_text(without_padding(screen(example.brief())), "utf-8")
    (GOLDEN / "summary.md").write_text(markdown.render(example.summary()), "utf-8")
    (GOLDEN / "junit.xml").write_bytes(junit.render(example.summary()))
