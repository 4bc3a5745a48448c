"""Every recipe of the cookbook is run against the server that it names, made short.

Real processes and real time: two at once, so that they need half of it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from loadws.metrics.summary import STALLED_SHARE, from_json
from loadws.terms.errors import ExitCode
from tests.docs.blocks import PAGES, blocks

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
Ran = subprocess.CompletedProcess[str]


def _run(name: str, folder: Path) -> Ran:
    (folder / "recipe.yaml").write_text(RECIPES[name], "utf-8")
    command = [sys.executable, "-m", "loadws", "run", str(folder / "recipe.yaml"), "--out", str(folder), "--quiet"]
    command += ["--seed", "7", "--too-close", "pass", *SHORT.get(name, ("--duration", "1s"))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Path, Future[Ran]]]]:
    """Where each recipe's run goes, and what its command came to."""
    folders = {name: tmp_path_factory.mktemp(name) for name in RECIPES}
    with ThreadPoolExecutor(2) as pool:
        yield {name: (folder, pool.submit(_run, name, folder)) for name, folder in folders.items()}


def test_there_are_ten() -> None:
    assert len(RECIPES) == 10
    assert SHORT.keys() <= RECIPES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_it_runs_and_passes(name: str, runs: dict[str, tuple[Path, Future[Ran]]]) -> None:
    folder, running = runs[name]
    ran = running.result()
    (written,) = folder.glob("*/latest/summary.json")
    summary = from_json(written.read_bytes())
    # A machine that is busy with other tests may stop a process for a moment, which is no fault of the recipe's.
    is_stalled = summary.applied.stalled_share > STALLED_SHARE
    assert ran.returncode == (ExitCode.INCONCLUSIVE if is_stalled else ExitCode.PASSED), ran.stdout + ran.stderr
    assert all(check.holds for check in summary.verdict.checks)
    assert summary.ledger.imbalances() == []
