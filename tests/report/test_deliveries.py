"""Delivery times between machines: below what their clocks can tell, only that bound is shown."""

from __future__ import annotations

import msgspec
import pytest

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report.deliveries import delivery_rows
from loadws.terms.units import NS_PER_MS
from tests.report import example


def entry(name: str, p50_ms: float, p99_ms: float) -> MetricEntry:
    return MetricEntry(
        name, {"probe": "talk"}, "histogram", "ns", count=2000, p50=p50_ms * NS_PER_MS, p99=p99_ms * NS_PER_MS,
        max=9 * NS_PER_MS,
    )  # fmt: skip


@pytest.fixture
def summary() -> Summary:
    metrics = (entry("delivery", 1.5, 4), entry("delivery_same_machine", 0.5, 1))
    return msgspec.structs.replace(example.brief(), metrics=metrics)


def with_bound(summary: Summary, bound_ns: float | None) -> Summary:
    return msgspec.structs.replace(summary, run=msgspec.structs.replace(summary.run, clock_bound_ns=bound_ns))


def test_what_is_below_the_bound_is_shown_as_the_bound(summary: Summary) -> None:
    [row] = delivery_rows(with_bound(summary, 2 * NS_PER_MS))
    assert row.spreads == (
        ("every receiver", ("< 2 ms", "4 ms", "9 ms")),
        ("on its machine", ("500 µs", "1 ms", "9 ms")),  # one clock measured these
    )
    assert row.aside == "the clocks of two machines agree within 2 ms"


def test_without_a_bound_every_value_is_shown(summary: Summary) -> None:
    [row] = delivery_rows(with_bound(summary, None))
    assert row.spreads[0] == ("every receiver", ("1.5 ms", "4 ms", "9 ms"))
    assert row.aside == ""
