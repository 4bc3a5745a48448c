"""Tries that failed and have no error: every report says how many they are and why they failed."""

from __future__ import annotations

import io
from collections.abc import Callable

import msgspec
import pytest
from rich.console import Console

from loadws.metrics.summary import Applied, ErrorCount, MetricEntry, Summary
from loadws.report import console, junit, markdown
from loadws.report.course.course import Course
from loadws.report.course.story import sentences
from loadws.report.facts import applied_facts
from loadws.report.formats import ctrf
from loadws.report.html import page
from loadws.report.without_error import failed_without_error
from tests.report import example

NEVER_BEGAN = (
    "420 turns never began: the turn before took longer than the interval of 200 ms; "
    "they count as failed in error_rate."
)


def counted(name: str, count: int, failed: int = 0, **labels: str) -> MetricEntry:
    if name == "error_rate":
        return MetricEntry(name, labels, "rate", "ratio", count, failed=failed, value=failed / count)
    return MetricEntry(name, labels, "counter", "1", count)


def with_counts(*entries: MetricEntry, **applied: int) -> Summary:
    brief = example.brief()
    return msgspec.structs.replace(brief, metrics=(*brief.metrics, *entries), applied=Applied(**applied))


BEHIND = with_counts(
    counted("error_rate", 500, 420, kind="request", step="hello"),
    counted("turns_not_begun", 420, every="200 ms"),
    counted("tries_not_begun", 420, kind="request", step="hello"),
    turns_due=500,
    turns_kept=500,
    turns_not_begun=420,
)
CUT_OFF = with_counts(counted("error_rate", 500, 7, kind="request", step="hello"))


def on_a_terminal(summary: Summary) -> str:
    text = io.StringIO()
    console.render(summary, Console(file=text, width=400))
    return text.getvalue()


def as_markdown(summary: Summary) -> str:
    return markdown.render(summary).replace("&#95;", "_")


REPORTS: dict[str, Callable[[Summary], str]] = {
    "terminal": on_a_terminal,
    "markdown": as_markdown,
    "junit": lambda summary: junit.render(summary).decode(),
    "ctrf": lambda summary: ctrf.render(summary).decode(),
    "html": lambda summary: page.render(example.report(summary)).decode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("render", REPORTS.values(), ids=REPORTS)
def test_every_report_says_that_turns_never_began(render: Callable[[Summary], str]) -> None:
    said = render(BEHIND)
    assert NEVER_BEGAN.removesuffix(".") in said.replace("<code>error_rate</code>", "error_rate")
    assert "turns not skipped 500 of 500 (100%), but 420 of them never began" in said


@pytest.mark.parametrize("summary", [BEHIND, CUT_OFF], ids=["turns behind", "cut off by the end"])
def test_nothing_went_wrong_is_never_said_beside_an_error_rate_above_0(summary: Summary) -> None:
    assert b"Nothing went wrong" not in page.render(example.report(summary))
    told = [each.text for each in sentences(summary, Course(1.0, (1.0,) * 5, {"answered": (12,) * 5}))]
    assert any("in error_rate" in text for text in told)
    assert not any("o errors" in text for text in told)


def test_what_the_end_of_the_load_cut_off_is_told_where_no_error_is() -> None:
    said = "7 tries were still without an answer when the load ended; they count as failed in error_rate."
    assert failed_without_error(CUT_OFF) == [said]
    assert failed_without_error(msgspec.structs.replace(CUT_OFF, errors=example.summary().errors)) == []


def test_turns_that_try_nothing_are_not_said_to_count() -> None:
    some = [counted("turns_not_begun", count, every=every) for every, count in (("1 s", 1), ("2 s", 0), ("4 s", 2))]
    summary = with_counts(*some, turns_not_begun=3)
    said = "3 turns never began: the turn before took longer than the interval of 1 s or 4 s."
    assert failed_without_error(summary) == [said]


@pytest.mark.slow
def test_every_list_of_errors_says_how_many_are_not_judged() -> None:
    errors = (ErrorCount("http.429", "connect", 18, "HTTP/1.1 429", 18), ErrorCount("timeout", "hello", 3, "late"))
    summary = msgspec.structs.replace(example.brief(), errors=errors)
    assert "18 × http.429 in connect (18 in warm-up, not judged): HTTP/1.1 429" in on_a_terminal(summary)
    assert "| 18 (18 in warm-up, not judged) | http.429 |" in as_markdown(summary)
    assert "18 in warm-up, not judged" in REPORTS["html"](summary)
    assert "3 × timeout in hello: late" in on_a_terminal(summary)


def test_a_run_in_which_everything_began_says_nothing() -> None:
    assert failed_without_error(example.summary()) == failed_without_error(example.brief()) == []
    assert not any("never began" in fact for fact in applied_facts(example.summary()))
