"""The part of the page that each step has of its own, and the bounds on it."""

from __future__ import annotations

import re

import msgspec
import pytest

from loadws.metrics.summary import Column, ErrorCount, Summary
from loadws.report.charts.charts import MOST_STEP_CHARTS, charts, slowest_steps
from loadws.report.charts.traffic import step_errors
from loadws.report.course.course import Course, step_error
from loadws.report.course.heatmap import HeatMap
from loadws.report.html.step_pages import sparklines, step_pages
from tests.report import example
from tests.report.drawn import page as page_of


def _with_columns(summary: Summary, step: str, values: tuple[float | None, ...]) -> Summary:
    column = Column("response_time", {"step": step}, "p50", "ns", values)
    series = msgspec.structs.replace(summary.series, columns=(*summary.series.columns, column))
    return msgspec.structs.replace(summary, series=series)


def test_the_slowest_step_comes_first_with_its_facts_and_errors() -> None:
    pages = step_pages(example.summary())
    assert [page.number for page in pages] == [0, 1, 2]
    assert [page.step for page in pages] == slowest_steps(example.summary())
    say = next(page for page in pages if page.step == "say")
    facts = dict(say.facts)
    assert (facts["answers"], facts["without an answer"]) == ("4,000", "13")
    assert facts["max"] == "never"
    assert [(row.kind, row.count) for row in say.errors] == [("timeout", 41)]


def test_a_step_says_how_large_the_messages_are_that_it_sent() -> None:
    ledger = msgspec.structs.replace(
        example.summary().ledger, sent_by_step={"say": 4, "join": 0}, bytes_by_step={"say": 4_100}
    )
    facts = {
        page.step: dict(page.facts) for page in step_pages(msgspec.structs.replace(example.summary(), ledger=ledger))
    }
    assert facts["say"]["mean message sent"] == "1 KiB"
    assert [step for step, each in facts.items() if "mean message sent" in each] == ["say"]


def test_a_run_of_one_step_needs_no_part_for_it() -> None:
    assert step_pages(example.brief()) == []


@pytest.mark.slow
def test_of_many_steps_the_slowest_have_parts_and_the_page_says_how_many() -> None:
    many = example.summary(60, 30)
    assert len(step_pages(many)) == MOST_STEP_CHARTS
    page = page_of(example.report(many)).decode()
    assert page.count('<section class="step"') == MOST_STEP_CHARTS
    assert f"of 30 steps the slowest {MOST_STEP_CHARTS} are here" in page


def test_a_step_has_its_percentiles_distribution_answers_and_errors() -> None:
    (step, *_) = slowest_steps(example.summary())
    quick = _with_columns(example.summary(), step, (1e6,) * len(example.summary().series.start_s))
    points = len(quick.series.start_s)
    course = Course(1.0, (1.0,) * points, {step_error("timeout", step): (2,) * points})
    heat = HeatMap(step, float(points), 10, {(1, 40): 5, (2, 44): 3})
    drawn = {chart.name: chart for chart in charts(quick, course, (heat,))}
    assert {"step-0", "spread-0", "heat-0", "errors-0"} <= set(drawn)
    assert drawn["errors-0"].columns["timeout"] == [2] * points
    assert [key.text for key in drawn["errors-0"].keys] == ["timeout"]


def test_errors_of_steps_with_names_in_one_another_stay_apart() -> None:
    course = Course(1.0, (1.0,), {step_error("check", "a in b"): (3,), step_error("check", "b"): (5,)})
    summary = example.summary(1)
    one, other = step_errors(summary, course, "b", 0), step_errors(summary, course, "a in b", 1)
    assert one and other
    assert (one.columns["check"], other.columns["check"]) == ([5], [3])


def test_a_distribution_holds_every_answer_once() -> None:
    drawn = {chart.name: chart for chart in charts(example.summary())}
    for number in range(3):
        shares = drawn[f"spread-{number}"].columns["share of response"]
        assert abs(sum(float(share) for share in shares if share is not None) - 1) < 0.01


def test_a_course_is_drawn_small_with_its_gaps() -> None:
    names = slowest_steps(example.summary())
    points = len(example.summary().series.start_s)
    values = [1e6] * points
    half = tuple(None if points // 4 < at < points // 2 else value for at, value in enumerate(values))
    drawn = sparklines(_with_columns(example.summary(), names[0], half))
    assert list(drawn) == [names[0]]
    (line,) = re.findall(r' d="([^"]+)"', drawn[names[0]])
    assert line.count("M") == 2


@pytest.mark.slow
def test_a_table_of_more_rows_than_a_page_can_hold_is_cut_at_a_number_that_it_says() -> None:
    entry = example.summary().entries("response_time", step="say")[0]
    small = msgspec.structs.replace(entry, histogram=None, missing=0)
    steps = tuple(msgspec.structs.replace(small, labels={"step": f"step {number}"}) for number in range(5_000))
    many = msgspec.structs.replace(
        example.summary(), metrics=steps, errors=(ErrorCount("timeout", "step 1", 3),) * 10_000
    )
    page = page_of(example.report(many)).decode()
    assert "The first 1,000 of 5,000 rows" in page
    assert "The 500 most frequent of 10,000" in page
    assert len(page) < 2_000_000
