"""``ctrf.json``: one test for the run and one for each check, in the Common Test Report Format.

A check that failed or had no data is failed. What is too close to call, and a run that says nothing of the server, is
``other``: neither passed nor failed.

Source: https://ctrf.io, the schema of the package ``ctrf``.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec

from loadws.metrics.summary import Check, Summary
from loadws.report import facts as rows
from loadws.report.plain import plain

SPEC_VERSION = "0.0.0"
_STATUSES = ("passed", "failed", "skipped", "pending", "other")
_SAYS_NOTHING = ("inconclusive", "invalid", "unreachable", "interrupted")


def render(summary: Summary) -> bytes:
    """Return the whole file."""
    tests = [
        _run(summary),
        *(_check(check, row) for check, row in zip(summary.verdict.checks, rows.check_rows(summary), strict=True)),
    ]
    content = {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "generatedBy": "loadws",
        "results": {
            "tool": {"name": "loadws", "version": plain(summary.run.loadws_version)},
            "summary": _counts(summary, tests),
            "tests": tests,
        },
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _counts(summary: Summary, tests: list[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(test["status"] for test in tests)
    start = _start_ms(summary)
    return {
        "tests": len(tests),
        **{status: counts[status] for status in _STATUSES},
        "start": start,
        "stop": start + round(summary.run.duration_s * 1_000),
    }


def _start_ms(summary: Summary) -> int:
    """Return when the run began, in milliseconds since 1970; 0 where the summary does not say."""
    try:
        return round(datetime.fromisoformat(summary.run.started_at).timestamp() * 1_000)
    except ValueError:
        return 0


def _run(summary: Summary) -> dict[str, Any]:
    word, _, sentences = rows.headline(summary)
    verdict = summary.verdict
    failed_itself = verdict.outcome in ("aborted", "no_data") or (verdict.outcome == "failed" and verdict.reasons)
    status = "other" if verdict.outcome in _SAYS_NOTHING else "failed" if failed_itself else "passed"
    said = (word, *sentences) if status != "passed" else rows.applied_facts(summary)
    return {
        "name": "run completed",
        "status": status,
        "duration": round(summary.run.duration_s * 1_000),
        "suite": [plain(summary.run.scenario)],
        "rawStatus": verdict.outcome,
        "message": "\n".join(said),
    }


def _check(check: Check, row: rows.CheckRow) -> dict[str, Any]:
    status = "passed" if check.holds else "other" if check.outcome == "too_close" else "failed"
    said = (row.sentence, f"observed: {row.observed}", row.interval, row.note)
    return {
        "name": row.rule,
        "status": status,
        "duration": 0,
        "rawStatus": check.outcome,
        "message": "\n".join(part for part in said if part),
    }
