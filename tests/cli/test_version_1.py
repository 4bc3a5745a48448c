"""Folders that loadws 0.1 wrote (schema_version 1): shown as they were judged then, and never judged anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from loadws.cli.report import Wanted, rebuild, report_command
from loadws.metrics.summary import from_json

WRITTEN_BY_0_1 = Path(__file__).parents[1] / "report" / "version_1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(WRITTEN_BY_0_1, tmp_path / "run")


def test_it_is_shown_with_the_verdict_of_then(folder: Path) -> None:
    before = (folder / "summary.json").read_bytes()
    report_command(folder, Wanted())

    assert (folder / "summary.json").read_bytes() == before
    assert from_json(before).schema_version == 1
    for name in ("report.html", "summary.md"):
        assert "judged by the rules of loadws 0.1" in (folder / name).read_text()
    assert "response_time{step=hello}.p95" in (folder / "summary.md").read_text()


def test_one_that_was_killed_is_summed_up_and_not_judged(folder: Path) -> None:
    (folder / "summary.json").unlink()
    summary = rebuild(folder)

    assert summary.ledger.imbalances() == []
    assert summary.ledger.turns.due > 0
    assert (summary.verdict.outcome, summary.verdict.checks) == ("inconclusive", ())
    assert "loadws 0.1" in summary.verdict.reasons[0]


def test_a_newer_schema_is_refused() -> None:
    newer = (WRITTEN_BY_0_1 / "summary.json").read_bytes().replace(b'"schema_version": 1', b'"schema_version": 3')
    with pytest.raises(msgspec.ValidationError, match="the newest known is 2"):
        from_json(newer)
