"""``ctrf.json``: one test for the run and one for each check, in the Common Test Report Format.

A check that failed or had no data is failed. What is too close to call, and a run that says nothing of the server, is
``other``: neither passed nor failed.

Source: https://ctrf.io, the schema of the package ``ctrf``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.summary import Check, Summary
from loadws.report import facts as rows
from loadws.report.plain import plain
from loadws.report.series import Series, sentences_of, summary_of
from loadws.terms.errors import ExitCode

SPEC_VERSION = "0.0.0"
_STATUSES = ("passed", "failed", "skipped", "pending", "other")
_STATUS_OF = {"passed": "passed", "failed": "failed", "no_data": "failed"}
_SAYS_NOTHING = ("inconclusive", "invalid", "unreachable", "interrupted")


def render(summary: Summary) -> bytes:
    """Return the whole file."""
    return _file(summary, _tests_of_run(summary))


def render_series(series: Series) -> bytes:
    """Return the whole file of several runs and their comparison: a test for the result of all, and those of each part.

    The first test is not passed where the exit code is not 0, whatever the others say.
    """
    tests = [
        _test(
            "result of all runs", series.scenario, _status(series), series.decided.result.outcome, sentences_of(series)
        )
    ]
    for part in series.parts:
        if part.summary is not None:
            tests += [{**test, "suite": [plain(part.summary.run.scenario)]} for test in _tests_of_run(part.summary)]
        elif part.record is not None:
            tests += _tests_of_comparison(part.record)
    return _file(series.runs[0].summary or summary_of(series), tests)


def _status(series: Series) -> str:
    return {ExitCode.PASSED: "passed", ExitCode.FAILED: "failed"}.get(series.exit_code, "other")


def _tests_of_comparison(record: ComparisonRecord) -> list[dict[str, Any]]:
    """Return a test for each rule, and one for the comparison. Rules that are only shown are skipped."""
    suite = f"{record.scenario} (comparison)"
    tests = [
        _test(
            each.rule,
            suite,
            _STATUS_OF.get(each.outcome, "other") if record.gates else "skipped",
            each.outcome,
            [each.sentence],
        )
        for each in record.rules
    ]
    tests += [
        _test(each.rule, suite, _STATUS_OF.get(each.outcome, "other"), each.outcome, [each.sentence])
        for each in record.checks
    ]
    return [*tests, _test("comparison", suite, _STATUS_OF.get(record.outcome, "other"), record.outcome, record.reasons)]


def _test(name: str, suite: str, status: str, outcome: str, said: Iterable[str]) -> dict[str, Any]:
    return {
        "name": plain(name),
        "status": status,
        "duration": 0,
        "suite": [plain(suite)],
        "rawStatus": outcome,
        "message": "\n".join(plain(each) for each in said),
    }


def _tests_of_run(summary: Summary) -> list[dict[str, Any]]:
    return [
        _run(summary),
        *(_check(check, row) for check, row in zip(summary.verdict.checks, rows.check_rows(summary), strict=True)),
    ]


def _file(summary: Summary, tests: list[dict[str, Any]]) -> bytes:
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
    said = (
        (word, *sentences)
        if status != "passed"
        else (*rows.applied_facts(summary), *rows.failed_without_error(summary))
    )
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
