from __future__ import annotations

import msgspec
import pytest

from loadws.metrics.summary import Check, Column, PhaseSpan, Series, Summary
from loadws.report.charts.charts import charts
from loadws.report.charts.generator import generator_cpu
from loadws.report.charts.latency import latency_over_time
from loadws.report.charts.ranges import connect_means
from loadws.report.charts.spectrum import spectrum
from loadws.report.charts.traffic import (
    arrivals_over_time,
    errors_over_time,
    losses_over_time,
    messages_over_time,
    reopened_over_time,
    users_over_time,
)
from loadws.report.course.course import Course
from tests.report import example

NO_COURSE = Course()


def _with_series(**columns: tuple[str, tuple[float | None, ...]]) -> Summary:
    points = len(next(iter(columns.values()))[1])
    series = Series(
        1.0,
        tuple(map(float, range(points))),
        ("load",) * points,
        tuple(Column(name, {}, aggregate, "", values) for name, (aggregate, values) in columns.items()),
    )
    return msgspec.structs.replace(example.brief(), series=series)


def test_a_run_has_every_chart_in_the_reports_order() -> None:
    names = [chart.name for chart in charts(example.summary())]
    assert names == [
        *("errors", "latency", "lag", "cpu", "spectrum", "spread-0", "spread-1", "spread-2"),
        *("messages", "connections", "dropped", "connect", "connect-means"),
    ]


def test_a_run_of_nothing_has_no_chart() -> None:
    nothing = msgspec.structs.replace(example.summary(), metrics=(), series=Series(1.0, (), (), ()))
    assert charts(nothing) == []


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1, 5, 600])
def test_columns_are_of_one_length(seconds: int) -> None:
    for chart in charts(example.summary(seconds)):
        assert len({len(values) for values in chart.columns.values()}) == 1, chart.name


def test_no_series_has_more_than_600_points() -> None:
    for chart in charts(example.summary(600, 10)):
        assert all(len(values) <= 600 for values in chart.columns.values())


def test_latency_is_in_milliseconds_with_four_digits_and_without_zeros() -> None:
    chart = latency_over_time(_with_series(response_time=("p50", (1_234_567.0, None, 0.0, 9.9e12))), NO_COURSE)
    assert chart
    assert chart.columns["response p50 (ms)"] == [1.235, None, None, 9_900_000]


def test_a_percentile_that_no_second_could_carry_has_no_line_and_no_legend() -> None:
    columns = {"p50": (1e6, 2e6), "p99": (None, None)}
    series = Series(
        1.0, (0.0, 1.0), ("load",) * 2, tuple(Column("response_time", {}, p, "ns", v) for p, v in columns.items())
    )
    chart = latency_over_time(msgspec.structs.replace(example.brief(), series=series), NO_COURSE)
    assert chart
    assert list(chart.columns) == ["t", "response p50 (ms)"]
    assert [key.text for key in chart.keys] == ["response p50"]


@pytest.mark.parametrize(("last_s", "steps"), [(0.02, 3), (0.19, 3), (0.21, 4), (1.0, 4)])
def test_a_few_milliseconds_at_the_end_are_no_share_of_a_core(last_s: float, steps: int) -> None:
    """The load is over, what is left is work: 100% of 20 ms would look like a busy second."""
    summary = _with_series(cpu_share=("max", (0.1, 0.2, 0.1, 1.0)))
    summary = msgspec.structs.replace(summary, run=msgspec.structs.replace(summary.run, duration_s=3 + last_s))
    chart = generator_cpu(summary)
    assert chart
    line = next(shape for shape in chart.plot.shapes if shape.colour == "users")
    assert line.d.count("H") == steps
    assert chart.columns["share of a core"] == [0.1, 0.2, 0.1, 1.0]


def test_a_missing_second_is_a_gap_in_its_line() -> None:
    chart = latency_over_time(_with_series(response_time=("p50", (1e6, 1e6, None, 1e6, 1e6))), NO_COURSE)
    assert chart
    (line,) = (shape for shape in chart.plot.shapes if shape.width == 1.8)
    assert line.d.count("M") == 2


def test_a_limit_is_drawn_over_the_phase_that_it_judges() -> None:
    quick = _with_series(response_time=("p50", (1e6,) * 4))
    phases = (PhaseSpan("calm", 0.0, 2.0), PhaseSpan("rush", 2.0, 4.0))
    check = Check("response_time{phase=rush}.p99 < 5ms", "failed", 9e6, "ns")
    judged = msgspec.structs.replace(
        quick,
        run=msgspec.structs.replace(quick.run, phases=phases, duration_s=4.0),
        verdict=msgspec.structs.replace(quick.verdict, checks=(check,)),
    )
    chart = latency_over_time(judged, NO_COURSE)
    assert chart
    (limit,) = (shape for shape in chart.plot.shapes if shape.dash == "7 4")
    assert limit.colour == "bad" and limit.d.startswith("M500 ") and limit.d.endswith("H1000")
    assert [label.text for label in chart.plot.labels] == ["calm", "rush", "p99 < 5 ms"]


def test_a_counter_becomes_a_rate_whether_the_series_counts_or_rates() -> None:
    rated = messages_over_time(_with_series(messages_sent=("rate", (10.0, 20.0))))
    counted = messages_over_time(_with_series(messages_sent=("count", (10.0, 20.0))))
    assert rated and counted
    assert rated.columns["sent"] == counted.columns["sent"] == [10, 20]


def test_the_percentile_curve_ends_where_its_samples_do() -> None:
    chart = spectrum(example.brief())
    assert chart
    of_response = [
        p for what, p in zip(*(chart.columns[c] for c in ("time", "percentile")), strict=True) if what == "response"
    ]
    assert 80 < max(float(p) for p in of_response if p is not None) <= 100 * (1 - 10 / 60)


def test_a_percentile_lies_within_its_band() -> None:
    chart = spectrum(example.summary())
    assert chart
    for value, lower, upper in zip(*(chart.columns[f"{c} (ms)"] for c in ("value", "lower", "upper")), strict=True):
        assert isinstance(value, int | float)
        assert lower is None or float(lower) <= value
        assert upper is None or value <= float(upper)


def test_no_foreign_text_is_markup() -> None:
    for chart in charts(example.hostile().summary):
        drawn = str(chart.plot.axis()) + str(chart.plot.view())
        assert not any(attack in drawn for attack in ("<script", "<img", "<svg onload"))


def test_phases_are_marked_only_where_there_are_some_to_tell_apart() -> None:
    several, one = messages_over_time(example.summary()), messages_over_time(example.brief())
    assert several and one
    assert [label.text for label in several.plot.labels] == ["warm-up", "steady", "rush"]
    assert [label.text for label in one.plot.labels] == []


def test_a_storm_is_seen_although_it_was_over_within_a_second() -> None:
    stormy = _with_series(
        disconnects=("rate", (0.0, 50.0)), reconnects=("rate", (0.0, 49.0)), open_connections=("min", (50.0, 1.0))
    )
    open_at_once, losses = users_over_time(stormy), losses_over_time(stormy, NO_COURSE)
    reopened = reopened_over_time(stormy)
    assert open_at_once and losses and reopened
    assert open_at_once.columns["fewest open"] == [None, 1]
    gone = users_over_time(
        _with_series(
            disconnects=("rate", (0.0, 50.0)), users=("max", (50.0, 50.0)), open_connections=("min", (50.0, 0.0))
        )
    )
    assert gone and gone.columns["fewest open"] == [None, 0]  # none at all is a value like another
    assert losses.columns["lost"] == [0, 50]
    assert reopened.columns["reopened"] == [0, 49]
    assert losses_over_time(_with_series(disconnects=("rate", (0.0, 0.0))), NO_COURSE) is None


def test_errors_are_stacked_by_kind_and_the_rarest_are_one() -> None:
    kinds = {f"error kind {number}": (number + 1, 0) for number in range(9)}
    chart = errors_over_time(_with_series(errors=("rate", (45.0, 0.0))), Course(1.0, (1.0, 1.0), kinds))
    assert chart
    assert [key.text for key in chart.keys] == ["kind 8", "kind 7", "kind 6", "kind 5", "kind 4", "others"]
    assert chart.columns["others"] == [1 + 2 + 3 + 4, 0]


def test_arrivals_are_told_apart_by_whether_they_were_started() -> None:
    summary = _with_series(arrivals_dropped=("rate", (0.0, 4.0)))
    course = Course(1.0, (1.0, 1.0), {"arrivals": (10, 12), "dropped": (0, 4)})
    chart = arrivals_over_time(summary, course)
    assert chart and (chart.columns["started"], chart.columns["dropped"]) == ([10, 8], [0, 4])
    alone = arrivals_over_time(summary, NO_COURSE)
    assert alone and list(alone.columns) == ["t", "dropped"]
    assert arrivals_over_time(_with_series(arrivals_dropped=("rate", (0.0, 0.0))), NO_COURSE) is None


def test_the_means_of_the_parts_of_connecting_add_up_to_the_whole() -> None:
    chart = connect_means(example.summary())
    assert chart
    assert chart.columns[""] == ["DNS", "TCP", "upgrade"]
    means = [value for value in chart.columns["mean (ms)"] if isinstance(value, int | float)]
    parts = [example.summary().entries(name)[0].mean or 0 for name in ("dns_time", "tcp_time", "upgrade_time")]
    assert sum(means) == pytest.approx(sum(parts) / 1e6, rel=1e-3)
    assert connect_means(msgspec.structs.replace(example.summary(), metrics=())) is None
