"""Words that make a sentence a riddle are in no docstring, document, help text or message: who and whom for things, and
"a second" for "per second"."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

_ENDINGS = {".py", ".md", ".j2", ".html", ".yaml"}
_FILES = [
    *(path for path in ROOT.glob("loadws/**/*") if path.suffix in _ENDINGS),
    *ROOT.glob("scenarios/*.*"),
    ROOT / "README.md",
]
_QUANTITIES = (
    "messages|arrivals|requests|bytes|events|errors|turns|frames?|times?|users|connections|ticks|once|twice|many|each"
)
_RIDDLES = re.compile(
    rf"\b(?:whoever|whomever|whom|nobody)\b|\b(?:{_QUANTITIES}|\d+) a second\b(?! signal)", re.IGNORECASE
)


def riddles(text: str) -> list[str]:
    """Return the lines that have such a word; a quantity may stand at the end of the line before."""
    return [line for line in re.sub(r"\n\s*(?:#:? )?", "\n", text).splitlines() if _RIDDLES.search(line)]


@pytest.mark.parametrize("folder", sorted({path.relative_to(ROOT).parent for path in _FILES}), ids=str)
def test_no_riddles(folder: Path) -> None:
    found = [
        f"{path.name}: {line}" for path in _FILES if path.parent == ROOT / folder for line in riddles(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nobody waits here any more.", 1),
        ("whom to trust", 1),
        ("20 messages a second", 1),
        ("looked at once a second", 1),
        ("10 a second", 1),
        ("a second opinion, within a second, a tenth of a second", 0),
        ("20 messages per second", 0),
    ],
)
def test_what_is_a_riddle(text: str, expected: int) -> None:
    assert len(riddles(text)) == expected
