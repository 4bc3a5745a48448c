from __future__ import annotations

import msgspec

from loadws.metrics.summary import Column, Series, Summary
from loadws.report.charts.fan_out import fan_out_charts
from tests.report import example


def _with(*columns: Column) -> Summary:
    series = Series(1.0, (0.0, 1.0, 2.0), ("load",) * 3, columns)
    return msgspec.structs.replace(example.brief(), series=series)


def _probe(name: str, aggregate: str, *values: float | None, unit: str = "ns") -> Column:
    return Column(name, {"probe": "talk"}, aggregate, unit, values)


def test_the_spread_of_a_probe_has_a_line_for_each_receiver() -> None:
    (chart,) = fan_out_charts(
        _with(
            _probe("delivery_first", "p50", 1e6, None, 2e6),
            _probe("delivery_last", "p50", 5e6, None, 9e6),
            _probe("delivery_last", "max", 8e6, None, 3e9),
        )
    )
    assert chart.name == "fan-out-0"
    assert list(chart.columns) == ["t", "first receiver (ms)", "last receiver (ms)", "slowest of all (ms)"]
    assert chart.columns["slowest of all (ms)"] == [8, None, 3000]


def test_deliveries_that_went_wrong_are_stacked_by_what_was_wrong() -> None:
    (chart,) = fan_out_charts(
        _with(
            _probe("deliveries_missing", "rate", 0.0, 3.0, 0.0, unit="/s"),
            Column("deliveries_duplicate", {}, "rate", "/s", (1.0, 1.0, 1.0)),
            Column("deliveries_out_of_order", {}, "rate", "/s", (0.0, 0.0, 0.0)),
        )
    )
    assert (chart.name, [key.text for key in chart.keys]) == ("undelivered", ["duplicate", "missing"])
    assert chart.columns["missing"] == [0, 3, 0]


def test_a_run_without_probes_has_none_of_these() -> None:
    assert list(fan_out_charts(example.summary())) == []
