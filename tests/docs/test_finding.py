"""``loadws docs WORD``: a key of the language leads to what explains it, and not only to its row in a table."""

from __future__ import annotations

import pytest

from tests.cli.commands import run


@pytest.mark.parametrize(
    ("word", "heading", "key"),
    [
        ("measure", "## Times between events", "`within`"),
        ("unpack", "### Unpacking", "`gunzip`"),
        ("data", "## Data", "`when_exhausted`"),
        ("secrets", "## Secrets", ""),
        ("load", "## Load", "`arrivals`"),
        ("on", "### Handlers", "`message`"),
        ("max_message_size", "### Messages that are too much", ""),
    ],
)
def test_a_key_leads_to_its_section(word: str, heading: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", word)
    assert found.code == 0
    assert found.out.startswith(f"{heading}\n")
    assert key in found.out
    assert f"| `{word}` |" in found.out  # and to its row too


def test_a_key_that_is_a_kind_of_error_too_shows_both(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "docs", "unpack").out
    assert out.index("### Unpacking\n") < out.index("### unpack\n") < out.index("| `unpack.too_many`")


def test_a_section_that_explains_is_shown_without_those_inside_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "docs", "name").out
    assert "## Steps" in out
    assert "### connect" not in out
