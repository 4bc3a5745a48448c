"""The documents recommend as many runs as can decide, computed by the code that decides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadws.cli.app import app
from loadws.gate.comparing.reach import least_to_decide
from loadws.gate.statistics.outcome import ALPHA
from loadws.gate.statistics.shares import Share, difference_interval
from loadws.terms.comparisons import DEFAULT_POINTS, HEADLINES, default_rules
from loadws.terms.metrics import TABLE

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    *sorted((ROOT / "loadws" / "docs").rglob("*.*")),
    *sorted((ROOT / "loadws/cli").rglob("*.py")),
)
_RECIPE = re.compile(r"--repeat (\d+) --(?:save-)?baseline")
_ROW = re.compile(r"^\| (\d+)(?: to (\d+))?(?:,[^|]*)? \| (\d+) \|$", re.MULTILINE)
#: The default rules of a scenario without deliveries.
WITHOUT_DELIVERIES = sum(rule.selection.metric != "delivery" for rule in default_rules(set(TABLE)))


def test_every_recipe_has_the_least_number_of_runs_that_can_decide() -> None:
    found = {
        (str(page.relative_to(ROOT)), int(runs)) for page in PAGES for runs in _RECIPE.findall(page.read_text("utf-8"))
    }
    least = least_to_decide(WITHOUT_DELIVERIES)
    assert least == least_to_decide(2)
    assert found == {("README.md", least), ("loadws/docs/compare.md", least)}
    assert app.registered_commands  # their help texts are in the files above


def test_the_table_of_runs_is_what_the_code_computes() -> None:
    text = (ROOT / "loadws/docs/compare.md").read_text("utf-8")
    rows = [(int(first), int(last or first), int(runs)) for first, last, runs in _ROW.findall(text)]
    assert [(first, last) for first, last, _ in rows] == [(1, 1), (2, 4), (5, len(HEADLINES))]
    for first, last, runs in rows:
        assert {least_to_decide(rules) for rules in range(first, last + 1)} == {runs}


def test_the_number_of_tries_without_an_error_is_what_the_code_computes() -> None:
    text = (ROOT / "loadws/docs/compare.md").read_text("utf-8")
    [said] = re.findall(r"takes about ([\d,]+) tries on each side", text)
    limit = float(DEFAULT_POINTS.removesuffix("pp")) / 100
    tries = int(said.replace(",", ""))
    assert difference_interval([Share(0, tries)], [Share(0, tries)], ALPHA)[1] == pytest.approx(limit, rel=0.01)
