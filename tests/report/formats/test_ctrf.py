"""``ctrf.json``: by its published schema where that is there, and in any case what a reader counts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from loadws.metrics.summary import Outcome, Summary, Verdict
from loadws.report.formats import ctrf
from tests.kit.tools import missing
from tests.report import example

SUMMARIES = {"long": example.summary(), "brief": example.brief(), "hostile": example.hostile().summary}


def results(summary: Summary) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ctrf.render(summary))["results"]
    return found


@pytest.mark.servers
@pytest.mark.parametrize("summary", SUMMARIES.values(), ids=SUMMARIES)
def test_a_report_keeps_to_the_published_schema(summary: Summary) -> None:
    """The package ``ctrf`` of npm has it: ``npm pack ctrf``, then ``dist/ctrf-schema-0.0.json``."""
    path = os.environ.get("LOADWS_CTRF_SCHEMA")
    if not path:
        missing("the schema of npm's ctrf is not named in LOADWS_CTRF_SCHEMA")
    schema = json.loads(Path(path).read_text("utf-8"))
    jsonschema.validate(json.loads(ctrf.render(summary)), schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("summary", SUMMARIES.values(), ids=SUMMARIES)
def test_the_counts_are_those_of_the_tests(summary: Summary) -> None:
    found = results(summary)
    tests, counts = found["tests"], found["summary"]
    assert counts["tests"] == len(tests) == len(summary.verdict.checks) + 1
    for status in ("passed", "failed", "skipped", "pending", "other"):
        assert counts[status] == sum(test["status"] == status for test in tests)
    assert counts["stop"] - counts["start"] == round(summary.run.duration_s * 1_000)


def test_a_failed_check_has_its_sentence() -> None:
    checks = results(example.summary())["tests"][1:]
    assert [check["status"] for check in checks] == ["failed", "passed", "passed", "failed", "other"]
    assert checks[0]["message"].startswith("response_time{step=join}.p99 was 812 ms")


@pytest.mark.parametrize(
    ("outcome", "reasons", "status"),
    [
        ("passed", (), "passed"),
        ("failed", (), "passed"),  # a check failed, the run did not
        ("failed", ("The run completed nothing.",), "failed"),
        ("aborted", (), "failed"),
        ("invalid", (), "other"),  # says nothing of the server
        ("interrupted", (), "other"),
    ],
)
def test_the_test_of_the_run_itself(outcome: Outcome, reasons: tuple[str, ...], status: str) -> None:
    summary = msgspec.structs.replace(example.brief(), verdict=Verdict(outcome, 0, (), reasons))
    assert results(summary)["tests"][0]["status"] == status
