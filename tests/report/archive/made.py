"""Folders with runs that tests make up."""

from __future__ import annotations

from pathlib import Path

import msgspec

from loadws.metrics.summary import Outcome, Summary, to_json
from tests.report import example


def keep(root: Path, scenario: str, day: int, outcome: Outcome = "passed", of: Summary | None = None) -> Path:
    """Write a run of 2026-11-``day`` into a folder of runs, and return its folder."""
    summary = of or example.brief()
    folder = root / scenario / f"202611{day:02}T080000Z"
    folder.mkdir(parents=True)
    run = msgspec.structs.replace(
        summary.run, scenario=scenario, started_at=f"2026-11-{day:02}T08:00:00Z", plan_hash=scenario
    )
    verdict = msgspec.structs.replace(summary.verdict, outcome=outcome)
    whole = msgspec.structs.replace(summary, run=run, verdict=verdict)
    (folder / "summary.json").write_bytes(to_json(whole))
    (folder / "report.html").write_text(f"<!doctype html><title>{scenario} {day}</title>")
    return folder
