from __future__ import annotations

import re
from pathlib import Path

from loadws.report import markdown
from tests.report import example

GOLDEN = Path(__file__).parent / "golden"


def test_the_whole_comment() -> None:
    assert markdown.render(example.summary()) == (GOLDEN / "summary.md").read_text("utf-8")


def test_foreign_text_is_never_markup() -> None:
    text = markdown.render(example.hostile().summary)
    for attack in ("<script", "<img", "<svg", "`c`", "@team", "[link]", "[bold", "{{", "\x1b", "\x00", "\u202e"):
        assert attack not in text


def test_foreign_text_cannot_break_a_table() -> None:
    tables = re.findall(r"(?:^\|.*\n)+", markdown.render(example.hostile().summary), re.MULTILINE)
    assert tables
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_only_the_most_frequent_errors_are_listed() -> None:
    report = example.hostile().summary
    many = type(report.errors[0])("kind", "step", 1)
    text = markdown.render(example.with_errors(report, (many,) * 14))
    assert "… and 4 more kinds" in text


def test_escape_uses_entities() -> None:
    assert markdown.escape("a|b *c* <d>") == "a&#124;b &#42;c&#42; &#60;d&#62;"
