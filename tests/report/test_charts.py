from __future__ import annotations

import msgspec
import pytest

from loadws.metrics.summary import Column, Series, Summary
from loadws.report import charts
from loadws.report.vegalite import Spec
from tests.report import example


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
    names = [chart.name for chart in charts.charts(example.summary())]
    assert names == ["latency", "curve", "messages", "connections", "connect", "errors", "cpu", "lag", "dropped"]


def test_a_run_of_nothing_has_no_chart() -> None:
    nothing = msgspec.structs.replace(example.summary(), metrics=(), series=Series(1.0, (), (), ()))
    assert charts.charts(nothing) == []


@pytest.mark.parametrize("seconds", [1, 5, 600])
def test_columns_are_of_one_length(seconds: int) -> None:
    for chart in charts.charts(example.summary(seconds)):
        assert len({len(values) for values in chart.columns.values()}) == 1, chart.name


def test_latency_is_in_milliseconds_with_four_digits_and_without_zeros() -> None:
    chart = charts.latency_over_time(_with_series(response_time=("p50", (1_234_567.0, None, 0.0, 9.9e12))))
    assert chart
    assert chart.columns["response p50"] == [1.235, None, None, 9_900_000]


def test_a_percentile_that_no_second_could_carry_has_no_line_and_no_legend() -> None:
    columns = {"p50": (1e6, 2e6), "p99": (None, None)}
    series = Series(
        1.0, (0.0, 1.0), ("load",) * 2, tuple(Column("response_time", {}, p, "ns", v) for p, v in columns.items())
    )
    chart = charts.latency_over_time(msgspec.structs.replace(example.brief(), series=series))
    assert chart
    assert list(chart.columns) == ["t", "response p50"]
    assert chart.spec["layer"][-1]["encoding"]["color"]["scale"]["domain"] == ["p50"]


def test_a_counter_becomes_a_rate_whether_the_series_counts_or_rates() -> None:
    rated = charts.messages_over_time(_with_series(messages_sent=("rate", (10.0, 20.0))))
    counted = charts.messages_over_time(_with_series(messages_sent=("count", (10.0, 20.0))))
    assert rated and counted
    assert rated.columns["sent"] == counted.columns["sent"] == [10, 20]


def test_the_percentile_curve_ends_where_its_samples_do() -> None:
    chart = charts.latency_curve(example.brief())
    assert chart
    of_response = [
        p for what, p in zip(*(chart.columns[c] for c in ("time", "percentile")), strict=True) if what == "response"
    ]
    assert 80 < max(float(p) for p in of_response if p is not None) <= 100 * (1 - 10 / 60)


def test_no_foreign_text_is_a_field_or_an_expression() -> None:
    for chart in charts.charts(example.hostile().summary):
        spec = msgspec.json.encode(
            {**chart.live_spec(), "layer": [_without_values(s) for s in chart.live_spec()["layer"]]}
        )
        assert b"owned" not in spec
        assert not any("owned" in column for column in chart.columns)


def _without_values(layer: Spec) -> Spec:
    return {key: value for key, value in layer.items() if key != "data"}


def test_phases_are_marked_only_where_there_are_some_to_tell_apart() -> None:
    several, one = charts.messages_over_time(example.summary()), charts.messages_over_time(example.brief())
    assert several and one
    assert [layer["mark"]["type"] for layer in several.spec["layer"]] == ["rect", "rule", "text", "line"]
    assert [layer["mark"]["type"] for layer in one.spec["layer"]] == ["line"]


def test_the_static_chart_has_its_points_and_the_live_one_its_ruler() -> None:
    chart = charts.messages_over_time(example.brief())
    assert chart
    assert {"t": 0, "sent": chart.columns["sent"][0], "received": chart.columns["received"][0]} == chart.static_spec()[
        "datasets"
    ]["points"][0]
    assert len(chart.static_spec()["layer"]) == 1
    assert len(chart.live_spec()["layer"]) == 2
    assert chart.live_spec()["width"] == "container"


def test_a_storm_is_seen_although_it_was_over_within_a_second() -> None:
    stormy = _with_series(
        disconnects=("rate", (0.0, 50.0)), reconnects=("rate", (0.0, 49.0)), open_connections=("min", (50.0, 1.0))
    )
    open_at_once, losses = charts.users_over_time(stormy), charts.losses_over_time(stormy)
    assert open_at_once and losses
    assert open_at_once.columns["fewest open"] == [50, 1]
    assert losses.columns["ended unasked"] == [0, 50]
    assert losses.columns["opened again"] == [0, 49]
    assert charts.losses_over_time(_with_series(disconnects=("rate", (0.0, 0.0)))) is None
