"""Every recipe of the cookbook is run against the server that it names, made short.

Real processes and real time, which is judged: no other test runs beside these.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.terms.errors import ExitCode
from tests.docs.blocks import PAGES, blocks
from tests.kit.judged import run_undisturbed

RECIPES = {
    text.splitlines()[0].removeprefix("name: "): text for text in blocks((PAGES / "cookbook.md").read_text(), "yaml")
}
#: What makes a recipe short. ``--duration`` is for those with one judged phase.
SHORT = {
    "rush": ("--time-scale", "0.4"),
    "many-connections": ("--time-scale", "0.3"),
    "room": ("--duration", "3s"),
    "restart": ("--duration", "3500ms"),
}


def test_there_are_ten() -> None:
    assert len(RECIPES) == 10
    assert SHORT.keys() <= RECIPES.keys()


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_it_runs_and_passes(name: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPES[name], "utf-8")
    options = ("--seed", "7", "--too-close", "pass", *SHORT.get(name, ("--duration", "1s")))
    ran = run_undisturbed(tmp_path / "recipe.yaml", tmp_path, *options)
    assert ran.exit_code == ExitCode.PASSED, ran.stdout + ran.stderr
    assert all(check.holds for check in ran.summary.verdict.checks)
    assert ran.summary.ledger.imbalances() == []
