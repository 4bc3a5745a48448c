"""Reads the code blocks and links of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "loadws" / "docs"
#: Every Markdown file that a user or a developer reads.
DOCUMENTS = sorted([*PAGES.glob("*.md"), ROOT / "README.md", ROOT / "loadws" / "ARCHITECTURE.md"])


def blocks(text: str, language: str) -> list[str]:
    """Return the contents of a page's fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def without_code(text: str) -> str:
    """Return the prose of a page: its fenced blocks and its code in backticks are taken out."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(text: str) -> set[str]:
    """Return the anchors that a forge gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> list[str]:
    """Return the targets of a page's links."""
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_code(text))
