"""``loadws docs``: the page as it is where it is piped, and set where a person looks; and what it says of a word."""

from __future__ import annotations

import pytest
from rich.console import Console

from loadws.cli import docs
from loadws.cli.manual import find
from loadws.cli.manual.pages import Page, all_pages
from loadws.scenario.docs.reference import page
from loadws.scenario.model.steps import STEPS
from loadws.terms.failures import KINDS
from loadws.terms.metrics import TABLE
from tests.cli.commands import run
from tests.scenario.models import models, written_fields


def test_it_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", "language")
    assert (found.code, found.err) == (0, "")
    assert found.out == page()


@pytest.mark.slow
def test_on_a_terminal_it_is_set_and_goes_through_a_pager(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "OwnConsole", lambda: Console(force_terminal=True, width=100, height=40))
    monkeypatch.setenv("PAGER", "cat")
    monkeypatch.setattr("pydoc.pager", print)
    found = run(capsys, "docs", "language")
    assert "The scenario language" in found.out
    assert "| --- |" not in found.out
    assert "<!--" not in found.out


def test_a_part_that_fits_needs_no_pager(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "OwnConsole", lambda: Console(force_terminal=True, width=100, height=40))
    monkeypatch.setattr("pydoc.pager", lambda _: pytest.fail("a pager for a few lines"))
    assert "Pause." in run(capsys, "docs", "think").out


@pytest.mark.slow
def test_a_verb_has_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in STEPS:
        found = run(capsys, "docs", verb)
        assert (found.code, found.err) == (0, "")
        assert found.out.startswith(f"### {verb}\n")
        assert found.out.count("\n### ") == 0


@pytest.mark.slow
def test_every_key_metric_and_kind_is_found() -> None:
    keys = {key for model in models() for key, _ in written_fields(model)} - {"least", "most"}
    for word in (*keys, *TABLE, *KINDS):
        assert find.answer(word, all_pages())


@pytest.mark.parametrize(
    ("word", "begins"),
    [
        ("thresholds", "## Thresholds"),
        ("metrics", "## Thresholds"),
        ("kinds", "### Kinds of errors"),
        ("exit", "## Exit codes"),
        ("exit codes", "## Exit codes"),
        (
            "WITHIN",
            "In language, Probes:\n\n| key | what it is | unless said | meaning |\n| --- | --- | --- | --- |\n| `within` |",
        ),
        ("tls.expired", "In language, Kinds of errors:\n\n| kind |"),
        ("reply", "### Replies"),
        ("open model", "In glossary, Glossary:\n\n| word |"),
        ("every kind", "## Every kind"),
    ],
)
def test_what_a_word_finds(word: str, begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "docs", *word.split()).out.startswith(begins)


def test_a_section_is_followed_by_the_rows_of_the_same_word() -> None:
    found = find.about("timeout", all_pages())
    assert found.startswith("### timeout\n")
    assert "| `timeout` | time | 10 s |" in found


def test_a_word_that_is_only_mentioned_is_listed_with_page_line_and_heading() -> None:
    pages = (
        Page("one", "# One\n\nNothing here.\n\n## Part\n\n```sh\n# a comment with a Word\n```\n<!-- word -->\n"),
        Page("two", "# Two\n\nPasswords are no words, but a word is.\n"),
    )
    expected = """\
'word' is mentioned here:

    one:8  Part
        # a comment with a Word
    two:3  Two
        Passwords are no words, but a word is.
"""
    assert find.answer("Word", pages) == expected


def test_of_many_lines_only_the_first_are_listed() -> None:
    found = find.answer("word", (Page("long", "# Long\n\n" + "a word\n" * 100),))
    assert found.count("    long:") == 30
    assert found.endswith("    … and 70 more lines\n")


def test_a_word_that_is_not_there_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", "reqest")
    assert (found.code, found.out) == (2, "")
    assert (
        found.err
        == "loadws: no page has anything under 'reqest'\n  did you mean 'request' or 'repeat' or 'http.request'?\n"
    )


def test_a_word_that_is_like_no_other_gets_the_list_of_pages(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", "xylophone")
    assert (found.code, found.out) == (2, "")
    assert "pages are start, cookbook, language, protocols, " in found.err
