"""Reports of long runs are bounded, however much happened: the fullest heat maps, errors of every kind in every second."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from loadws.metrics.summary import Column, ErrorCount, Summary
from loadws.report.charts.charts import charts, slowest_steps
from loadws.report.course.course import CLOSED, ERROR, REFUSED, Course, step_error
from loadws.report.course.heatmap import MOST_COLUMNS, MOST_ROWS, HeatMap
from loadws.report.drawing.draw import Artist
from loadws.report.drawing.drawing import Drawing, Drawn
from loadws.report.folder import read_run, write_page
from loadws.report.html.page import render
from loadws.report.runreport import RunReport
from tests.report import example
from tests.report.long_run import make_long_run

POINTS = 600
KINDS = tuple(f"kind.{number}" for number in range(8))


def _fullest(steps: int) -> tuple[RunReport, Drawing]:
    """Return a report with as much in it as a run of so many steps can have, and its charts."""
    summary = _with_columns(example.summary(POINTS, steps))
    slowest = slowest_steps(summary)
    errors = tuple(ErrorCount(kind, step, 5, "x" * 200) for kind in KINDS for step in slowest)
    summary = msgspec.structs.replace(summary, errors=errors)
    every = (3,) * POINTS
    counts = {f"{of}{kind}": every for kind in KINDS for of in (ERROR, CLOSED, REFUSED)}
    counts |= {step_error(kind, step): every for kind in KINDS for step in slowest}
    course = Course(1.0, (1.0,) * POINTS, {"answered": every, **counts})
    maps = tuple(HeatMap(step, float(POINTS), MOST_COLUMNS, _full()) for step in ("", *slowest[:5]))
    report = example.report(summary)
    whole = RunReport(summary, report.info, report.errors, report.scenario_text, report.logs, course)
    return whole, Drawing(tuple(Drawn.of(chart) for chart in charts(summary, course, maps)))


def _full() -> dict[tuple[int, int], int]:
    return {(at, 30 + row): 1 + (at * 7 + row * 13) % 999 for at in range(MOST_COLUMNS) for row in range(MOST_ROWS)}


def _with_columns(summary: Summary) -> Summary:
    """Add the percentiles of each step in each second, as a run with many answers has them."""
    columns = [
        Column("response_time", {"step": step}, field, "ns",
               tuple(1e6 * (1.234567 + (at * 37 % 101) / 7) for at in range(POINTS)))
        for step in slowest_steps(summary)
        for field in ("p50", "p99", "max")
    ]  # fmt: skip
    series = msgspec.structs.replace(summary.series, columns=(*summary.series.columns, *columns))
    return msgspec.structs.replace(summary, series=series)


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "most_bytes"), [(10, 2_000_000), (50, 4_000_000)])
def test_the_fullest_report_is_small_enough_to_mail(steps: int, most_bytes: int) -> None:
    report, drawing = _fullest(steps)
    names = {chart.name for chart in drawing.charts}
    assert {"heat", "heat-0", "heat-4", "errors-0", "errors-9", "step-9", "spread-9"} <= names
    assert len(render(report, drawing)) <= most_bytes


@pytest.mark.slow
def test_no_chart_has_more_points_than_a_screen_shows() -> None:
    _, drawing = _fullest(50)
    for chart in drawing.charts:
        most = MOST_COLUMNS * MOST_ROWS if chart.name.startswith("heat") else POINTS
        assert all(len(values) <= most for values in chart.columns.values()), chart.name


@pytest.mark.slow
def test_the_folder_of_a_made_up_run_has_a_whole_report(tmp_path: Path) -> None:
    """The bench measures reports of such folders: they must not be of runs that lack something."""
    folder, summary = make_long_run(tmp_path, 45, 3)
    report = read_run(folder)
    drawing = Artist().draw(summary, folder, report.course)
    assert (drawing.problem, write_page(folder, summary, drawing, report=report)) == ("", [])
    names = {chart.name for chart in drawing.charts}
    assert {"latency", "errors", "losses", "heat", "heat-0", "step-0", "spread-2", "spectrum"} <= names
    assert summary.ledger.messages.answered == 45_000
