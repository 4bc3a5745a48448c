"""What a scenario records and counts by itself is in every report."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report import markdown
from loadws.report.console import render
from loadws.report.html import page as html
from loadws.report.runreport import RunReport
from loadws.report.timings import counter_rows, other_rows, own_rows
from tests.report.example import summary as example_summary

OWN: tuple[dict[str, Any], ...] = (
    {
        "name": "feed_age",
        "labels": {},
        "kind": "histogram",
        "unit": "ns",
        "count": 2000,
        "p50": 12_500_000.0,
        "max": 9e7,
    },
    {
        "name": "feed_age",
        "labels": {"step": "a"},
        "kind": "histogram",
        "unit": "ns",
        "count": 9,
        "p50": 1.0,
        "max": 1.0,
    },
    {"name": "basket <b>", "labels": {}, "kind": "histogram", "unit": "items", "count": 50, "p50": 3.0, "max": 7.0},
    {"name": "send_lag", "labels": {}, "kind": "histogram", "unit": "ns", "count": 50, "p50": 1000.0, "max": 7000.0},
    {"name": "greeted", "labels": {}, "kind": "counter", "unit": "1", "count": 1234, "per_s": 123.4},
    {"name": "messages_sent", "labels": {}, "kind": "counter", "unit": "1", "count": 9, "per_s": 1.0},
)


@pytest.fixture
def summary() -> Summary:
    entries = tuple(MetricEntry(**entry) for entry in OWN)
    return msgspec.structs.replace(example_summary(), metrics=entries)


def test_own_trends_are_rows_over_all_their_steps(summary: Summary) -> None:
    rows = [(row.step, row.count, row.cells) for row in own_rows(summary, ("p50", "max"))]
    assert rows == [("feed_age", "2,000", ("12.5 ms", "90 ms")), ("basket <b>", "50", ("3 items", "7 items"))]


def test_lags_stand_beside_them_where_there_is_room(summary: Summary) -> None:
    assert [row.step for row in other_rows(summary, ("p50",))] == ["feed_age", "basket <b>", "send_lag"]


def test_own_counters_are_rows_and_ours_are_not(summary: Summary) -> None:
    assert counter_rows(summary) == [("greeted", "1,234", "123/s")]


def test_every_report_has_them(summary: Summary) -> None:
    screen = io.StringIO()
    render(summary, Console(file=screen, width=80))
    text_of_page = html.render(RunReport(summary)).decode()
    comment = markdown.render(summary)
    for text in (screen.getvalue(), text_of_page, comment):
        assert "feed_age" in text.replace("&#95;", "_")
        assert "greeted" in text
    assert "basket <b>" not in text_of_page


def test_a_time_that_never_ended_is_told_in_every_report(summary: Summary) -> None:
    """Also where none ever did: a row without a value is not left out."""
    never = MetricEntry(name="first", labels={}, kind="histogram", unit="ns", count=0, missing=30)
    summary = msgspec.structs.replace(summary, metrics=(*summary.metrics, never))
    assert [row.step for row in own_rows(summary, ("p50",))] == ["feed_age", "basket <b>", "first"]
    screen = io.StringIO()
    render(summary, Console(file=screen, width=80))
    for text in (screen.getvalue(), html.render(RunReport(summary)).decode(), markdown.render(summary)):
        assert "Never came: 30 of first." in text
