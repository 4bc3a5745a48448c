"""``loadws docs``: the page as it is where it is piped, and set where a person looks."""

from __future__ import annotations

import pytest
from rich.console import Console

from loadws.cli import docs
from loadws.scenario.reference import page
from tests.cli.commands import run


@pytest.mark.parametrize("arguments", [(), ("language",)])
def test_it_prints_the_page(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", *arguments)
    assert (found.code, found.err) == (0, "")
    assert found.out == page()


def test_on_a_terminal_it_is_set(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "Console", lambda: Console(force_terminal=True, width=100))
    found = run(capsys, "docs")
    assert "The scenario language" in found.out
    assert "| --- |" not in found.out
    assert "<!--" not in found.out
