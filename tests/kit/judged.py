"""What a test may believe of the verdict of a real run, on a machine that has other work too.

A machine that is busy with something else stops a process for a moment, and loadws then says that it stood still or had
no core. A test that looks at what a run wrote takes each code of ``RAN_WHOLE``. A test that believes the verdict runs
its scenario again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import pytest

from loadws.metrics.summary import STALLED_SHARE, Summary, from_json

ATTEMPTS = 5
#: Exit codes of a run that went through and broke no threshold: passed, and, where the machine had other work, inconclusive
#: (loadws stood still) or invalid (a latency may be loadws's own).
RAN_WHOLE = (0, 3, 4)
#: What the printed verdict of a disturbed run has, with its line breaks taken away.
DISTURBED = ("stood still for", "Something else had its core")


class _Ran(Protocol):
    """A command that ended, with what it printed."""

    @property
    def stdout(self) -> object: ...


Printed = TypeVar("Printed", bound=_Ran)


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


def undisturbed(command: Callable[[], Printed]) -> Printed:
    """Call a command that runs a load again while its output reports a disturbance, at most five times.

    Returns what the last call returned.
    """
    for _ in range(ATTEMPTS):
        ran = command()
        printed = " ".join(str(ran.stdout).split())
        if not any(mark in printed for mark in DISTURBED):
            break
    return ran


def was_disturbed(summary: Summary) -> bool:
    """Return whether a run says that it stood still, or that something else had its core."""
    return _stood_still(summary) or any(DISTURBED[1] in line for line in summary.generator.warnings)


def _stood_still(summary: Summary) -> bool:
    return summary.applied.stalled_share > STALLED_SHARE
