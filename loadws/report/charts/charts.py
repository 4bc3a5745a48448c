"""Every chart that a run has data for, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterator

from loadws.metrics.summary import Summary
from loadws.report import timings
from loadws.report.charts.chart import Chart
from loadws.report.charts.distribution import step_distribution
from loadws.report.charts.fan_out import fan_out_charts
from loadws.report.charts.generator import generator_cpu, generator_lag
from loadws.report.charts.heat import heat_charts, step_heat
from loadws.report.charts.latency import latency_over_time, step_over_time
from loadws.report.charts.ranges import connect_means, connect_parts, delivery_spreads
from loadws.report.charts.spectrum import spectrum
from loadws.report.charts.traffic import (
    arrivals_over_time,
    errors_over_time,
    losses_over_time,
    messages_over_time,
    reopened_over_time,
    step_errors,
    users_over_time,
)
from loadws.report.course.course import Course
from loadws.report.course.heatmap import HeatMap

#: How many steps have a chart of their own, the slowest first; the others are in the tables.
MOST_STEP_CHARTS = 12


def charts(summary: Summary, course: Course | None = None, heat: tuple[HeatMap, ...] = ()) -> list[Chart]:
    """Return the charts. Without a course, only those that the summary has the data for."""
    return list(_charts(summary, course or Course(), heat))


def _charts(summary: Summary, course: Course, heat: tuple[HeatMap, ...]) -> Iterator[Chart]:
    if summary.series.start_s:
        over_time = (
            errors_over_time(summary, course),
            latency_over_time(summary, course),
            generator_lag(summary),
            generator_cpu(summary),
        )
        yield from (chart for chart in over_time if chart)
        yield from heat_charts(summary, heat)
    if (curve := spectrum(summary)) is not None:
        yield curve
    for number, step in enumerate(slowest_steps(summary)):
        yield from _of_step(summary, course, heat, step, number)
    if (spreads := delivery_spreads(summary)) is not None:
        yield spreads
    if summary.series.start_s:
        yield from fan_out_charts(summary)
    if summary.series.start_s:
        traffic = (
            messages_over_time(summary),
            users_over_time(summary),
            losses_over_time(summary, course),
            reopened_over_time(summary),
            arrivals_over_time(summary, course),
        )
        yield from (chart for chart in traffic if chart)
    yield from (chart for chart in (connect_parts(summary), connect_means(summary)) if chart)


def _of_step(summary: Summary, course: Course, heat: tuple[HeatMap, ...], step: str, number: int) -> Iterator[Chart]:
    """Yield the charts of one step: the distribution beside the percentiles over time, the answers, the errors."""
    found = [step_distribution(summary, step, number)]
    if summary.series.start_s:
        found = [
            step_over_time(summary, step, number),
            *found,
            step_heat(summary, heat, step, number),
            step_errors(summary, course, step, number),
        ]
    yield from (chart for chart in found if chart)


def slowest_steps(summary: Summary) -> list[str]:
    """Return the steps that have a chart, the slowest first, where there are several."""
    steps = timings.by_step(summary, "response_time")
    if len(steps) < 2:
        return []

    def slowness(step: str) -> tuple[float, float]:
        entry = steps[step]
        worst = next((v for f in ("p99", "p90", "p50") if (v := timings.judged_value(entry, f)) is not None), 0.0)
        return -worst, -(entry.max or 0.0)

    return sorted(steps, key=slowness)[:MOST_STEP_CHARTS]
