"""Every document that a source file or another document names exists, and so does the part of it that is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import DOCUMENTS, ROOT

SOURCES = sorted([*ROOT.glob("loadws/**/*.py"), *DOCUMENTS])
#: A document's name, and the heading that may be quoted behind it.
_CITATION = re.compile(r'(?<![\w{}/*<>.-])((?:[\w-]+/)*[A-Za-z][\w-]*\.md)\b`*(?:,\s"([^"]+)")?')
#: Files that loadws or its users write, and documents of other projects.
_OTHERS = {"summary.md", "comment.md", "page.md", "notes.md", "all-runs.md"}


def _citations(text: str) -> Iterator[tuple[str, str]]:
    for name, heading in _CITATION.findall(re.sub(r"\n\s*(?:#:? )?", " ", text)):
        if name not in _OTHERS:
            yield name, heading


def _document(name: str, source: Path) -> Path | None:
    places = (source.parent / name, ROOT / name, ROOT / "loadws" / name, ROOT / "loadws" / "docs" / name)
    return next((place for place in places if place.exists()), None)


@pytest.mark.slow
def test_what_is_named_exists() -> None:
    missing = []
    for source in SOURCES:
        for name, heading in _citations(source.read_text("utf-8")):
            document = _document(name, source)
            if document is None:
                missing.append(f"{source.relative_to(ROOT)}: {name}")
            elif heading and not re.search(rf"^#+ {re.escape(heading)}$", document.read_text("utf-8"), re.MULTILINE):
                missing.append(f"{source.relative_to(ROOT)}: {name} has no heading {heading!r}")
    assert missing == []


def test_a_citation_is_read_across_lines() -> None:
    assert list(_citations('a (measurement.md, "What\n#: failed") and language.md, or summary.md')) == [
        ("measurement.md", "What failed"),
        ("language.md", ""),
    ]
