"""The real runs that the pictures show: made by the command, one after another, on loopback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCENARIOS = Path(__file__).parent / "scenarios"
#: The runs with a report of their own, each by its scenario's file.
RUNS = ("stall", "gate", "storm", "fan-out", "short")
_PATIENCE_S = 300
_SLOWER = "builtin:json?delay=7ms&jitter=2ms"


def make_runs(folder: Path) -> None:
    """Make every run, and what compares them, below ``folder/runs``. Raises ``RuntimeError`` where a command fails."""
    for name in RUNS:
        _loadws("run", str(SCENARIOS / f"{name}.yaml"), "--seed", "1", "--quiet", "--out", str(folder / "runs"))
    sides = str(SCENARIOS / "sides.yaml")
    for seed in (1, 2, 3, 4):
        options = ("--target", _SLOWER) if seed > 2 else ()
        _loadws("run", sides, "--seed", str(seed), "--quiet", "--out", str(folder / "runs"), *options)
    _loadws("ab", sides, "--b", f"target={_SLOWER}", "--slices", "4", "--slice", "2s", "--seed", "1",
            "--out", str(folder / "ab"))  # fmt: skip


def draw_again(folder: Path) -> None:
    """Make the report of every run again, from its folder."""
    for summary in sorted((folder / "runs").glob("*/*/summary.json")):
        _loadws("report", str(summary.parent))


def run_of(folder: Path, name: str) -> Path:
    """Return the newest run of a scenario's file."""
    text = (SCENARIOS / f"{name}.yaml").read_text("utf-8")
    scenario = next(line.removeprefix("name: ") for line in text.splitlines() if line.startswith("name: "))
    return sorted((folder / "runs" / scenario.replace(" ", "-")).glob("2*/"))[-1]


def make_overviews(folder: Path) -> None:
    """Compare runs, follow them over time, and export the list of all of them, as pages."""
    sides = sorted((folder / "runs" / "orders").glob("2*/"))
    half = len(sides) // 2
    _loadws("compare", *map(str, sides[:half]), "--", *map(str, sides[half:]), "--html", str(folder / "compare.html"))
    _loadws("history", str(folder / "runs"), "--html", str(folder / "history.html"))
    _loadws("view", str(folder / "runs"), "--export", str(folder / "site"))


def _loadws(*words: str) -> None:
    """Run a command. The verdict of a run does not matter; a wrong command line and a defect do."""
    done = subprocess.run([sys.executable, "-m", "loadws", *words], timeout=_PATIENCE_S, capture_output=True, text=True)
    if done.returncode in (2, 70) or done.returncode < 0:
        raise RuntimeError(f"loadws {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
