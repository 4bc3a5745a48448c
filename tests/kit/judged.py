"""Runs of ``loadws run`` in a process of its own, whose verdict a test believes: on a machine that let it work.

A machine that is busy with something else stops a process for a moment, and loadws then says that it stood still or had
no core. Such a run tells nothing about its scenario, so that it is run again.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from loadws.metrics.summary import STALLED_SHARE, Summary, from_json

ATTEMPTS = 5


class Judged(NamedTuple):
    """A run that had the machine to itself: its exit code, its output and its summary."""

    exit_code: int
    stdout: str
    stderr: str
    summary: Summary


def run_undisturbed(scenario: Path, out: Path, *options: str, environment: dict[str, str] | None = None) -> Judged:
    """Run a scenario below ``out`` until nothing else had the run's core, and return that run.

    A run that was disturbed must not have passed. After five of them the test is skipped, which no other cause does.
    """
    for attempt in range(ATTEMPTS):
        folder = out / str(attempt)
        command = [sys.executable, "-m", "loadws", "run", str(scenario), "--out", str(folder), "--quiet", *options]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
        summaries = list(folder.glob("*/latest/summary.json"))
        assert summaries, ran.stdout + ran.stderr
        summary = from_json(summaries[0].read_bytes())
        if not was_disturbed(summary):
            return Judged(ran.returncode, ran.stdout, ran.stderr, summary)
        assert summary.ledger.imbalances() == []
        assert not _stood_still(summary) or ran.returncode != 0, ran.stdout
    pytest.skip(f"in {ATTEMPTS} runs of {ATTEMPTS} something else had this machine's cores: {ran.stdout[:400]}")


def was_disturbed(summary: Summary) -> bool:
    """Return whether a run says that it stood still, or that something else had its core."""
    return _stood_still(summary) or any("Something else had its core" in line for line in summary.generator.warnings)


def _stood_still(summary: Summary) -> bool:
    return summary.applied.stalled_share > STALLED_SHARE
