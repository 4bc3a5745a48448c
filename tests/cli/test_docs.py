"""``loadws docs``: the page as it is where it is piped, and set where a person looks; and what it says of a word."""

from __future__ import annotations

import pytest
from rich.console import Console

from loadws.cli import docs
from loadws.scenario.docs.reference import page
from loadws.scenario.model.steps import STEPS
from loadws.terms.failures import KINDS
from loadws.terms.metrics import TABLE
from tests.cli.commands import run
from tests.scenario.models import models, written_fields


@pytest.mark.parametrize("arguments", [(), ("language",)])
def test_it_prints_the_page(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", *arguments)
    assert (found.code, found.err) == (0, "")
    assert found.out == page()


def test_on_a_terminal_it_is_set_and_goes_through_a_pager(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "Console", lambda: Console(force_terminal=True, width=100, height=40))
    monkeypatch.setenv("PAGER", "cat")
    monkeypatch.setattr("pydoc.pager", print)
    found = run(capsys, "docs")
    assert "The scenario language" in found.out
    assert "| --- |" not in found.out
    assert "<!--" not in found.out


def test_a_part_that_fits_needs_no_pager(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "Console", lambda: Console(force_terminal=True, width=100, height=40))
    monkeypatch.setattr("pydoc.pager", lambda _: pytest.fail("a pager for a few lines"))
    assert "Pause." in run(capsys, "docs", "think").out


def test_a_verb_has_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in STEPS:
        found = run(capsys, "docs", verb)
        assert (found.code, found.err) == (0, "")
        assert found.out.startswith(f"### {verb}\n")
        assert found.out.count("\n### ") == 0


def test_every_key_metric_and_kind_is_found() -> None:
    keys = {key for model in models() for key, _ in written_fields(model)} - {"least", "most"}
    for word in (*keys, *TABLE, *KINDS):
        assert docs.about(word, page())


@pytest.mark.parametrize(
    ("word", "begins"),
    [
        ("thresholds", "## Thresholds"),
        ("metrics", "## Thresholds"),
        ("kinds", "### Kinds of errors"),
        ("exit", "## Exit codes"),
        (
            "WITHIN",
            "In Probes:\n\n| key | what it is | unless said | meaning |\n| --- | --- | --- | --- |\n| `within` |",
        ),
        ("exponential", "### think"),  # is only mentioned
        ("tls.expired", "In Kinds of errors:\n\n| kind |"),
    ],
)
def test_what_a_word_finds(word: str, begins: str) -> None:
    assert docs.about(word, page()).startswith(begins)


def test_a_word_that_is_not_there_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", "reqest")
    assert (found.code, found.out) == (2, "")
    assert found.err == "loadws: the reference has nothing under 'reqest'\n  did you mean 'request'?\n"
