"""Parts into entries."""

import pytest

from loadws.metrics.frame import CounterPart, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.totals import LEAST_OPEN_BUCKETS, MOST_OPEN_BUCKETS, Totals
from loadws.terms.metrics import own_counter, own_trend
from tests.kit.plain import MS
from tests.metrics.made_up import counted, times


def totals(*parts: CounterPart | HistogramPart) -> Totals:
    made = Totals({"feed_age": own_trend("feed_age", "ns"), "greeted": own_counter("greeted")})
    for part in parts:
        if isinstance(part, CounterPart):
            made.add_counter(part)
        else:
            made.add_histogram(part, LatencyHistogram.decode(part))
    return made


def test_the_whole_stands_beside_the_steps() -> None:
    made = totals(
        times("response_time", [1, 2], step="a"),
        times("response_time", [10], step="b", missing=2),
        times("response_time", [3], step="a"),
    )
    entries = made.entries({"steady"}, 2.0, {"response_time"})
    assert [(entry.labels, entry.count, entry.missing, entry.min, entry.max, entry.per_s) for entry in entries] == [
        ({}, 4, 2, 1 * MS, 10 * MS, 2.0),
        ({"step": "a"}, 3, 0, 1 * MS, 3 * MS, 1.5),
        ({"step": "b"}, 1, 2, 10 * MS, 10 * MS, 0.5),
    ]


def test_one_set_of_labels_is_its_own_whole() -> None:
    made = totals(times("connect_time", [5], step="connect"))
    assert [entry.labels for entry in made.entries({"steady"}, 1.0, {"connect_time"})] == [{"step": "connect"}]


def test_a_percentile_that_its_samples_cannot_carry_is_none() -> None:
    """A hundred samples carry p90 (ten lie beyond it) and no more."""
    (entry,) = totals(times("session_time", range(1, 101))).entries({"steady"}, 1.0, {"session_time"})
    assert [entry.p50, entry.p90] == pytest.approx([50 * MS, 90 * MS], rel=1e-3)
    assert (entry.p95, entry.p99, entry.p999, entry.p9999) == (None, None, None, None)


def test_only_the_phases_that_are_asked_for_count() -> None:
    made = totals(
        times("response_time", [1], "warm-up", step="a"),
        times("response_time", [2, 3], "steady", step="a"),
        counted("iterations", 5, "warm-up"),
        counted("iterations", 7, "steady"),
    )
    judged = made.entries({"steady"}, 1.0, {"response_time", "iterations"})
    assert [(entry.name, entry.labels, entry.count) for entry in judged] == [
        ("response_time", {"step": "a"}, 2),
        ("iterations", {}, 7),
    ]
    warmup = made.entries({"warm-up"}, 1.0, {"iterations"}, phase="warm-up")
    assert [(entry.labels, entry.count) for entry in warmup] == [({"phase": "warm-up"}, 5)]
    both = made.entries({"warm-up", "steady"}, 1.0, {"response_time"})
    assert [entry.count for entry in both] == [3]


def test_a_rate_has_what_was_tried_and_what_failed() -> None:
    made = totals(
        counted("error_rate", 90, failed=9, kind="request", step="a"),
        counted("error_rate", 10, kind="connect", step="connect"),
    )
    entries = made.entries({"steady"}, 10.0, {"error_rate"})
    assert [(entry.labels, entry.count, entry.failed, entry.value) for entry in entries] == [
        ({}, 100, 9, 0.09),
        ({"kind": "connect", "step": "connect"}, 10, 0, 0.0),
        ({"kind": "request", "step": "a"}, 90, 9, 0.1),
    ]


def test_a_counter_that_never_counted_is_zero_and_a_metric_that_never_measured_is_not_there() -> None:
    names = {"errors", "greeted", "response_time", "error_rate"}
    assert [(e.name, e.labels, e.count) for e in totals().entries({"steady"}, 1.0, names)] == [
        ("errors", {}, 0),
        ("greeted", {}, 0),
    ]


def test_nothing_is_zero_where_no_time_was_judged() -> None:
    assert totals().entries({"steady"}, 0.0) == []


def test_metrics_stand_in_the_order_of_the_table() -> None:
    made = totals(
        counted("errors", 1, kind="timeout", step="a"),
        times("feed_age", [1], step="a"),
        times("service_time", [1], step="a"),
        times("response_time", [1], step="a"),
    )
    names = [entry.name for entry in made.entries({"steady"}, 1.0)]
    assert list(dict.fromkeys(names)) == [
        "response_time", "service_time", "messages_sent", "messages_received", "values_received", "bytes_sent",
            "bytes_received",
        "wire_bytes_sent", "wire_bytes_received", "reconnects", "disconnects", "tls_resumed", "iterations",
        "sessions", "sessions_failed", "arrivals", "arrivals_dropped", "turns", "turns_skipped", "turns_not_begun",
        "tries_not_begun", "stray_messages",
        "measures_cut_off", "generator_failures", "errors", "feed_age", "greeted",
    ]  # fmt: skip


def test_closing_the_values_of_past_phases_loses_nothing() -> None:
    """A late sample of a past phase opens its values again."""
    made = totals(times("response_time", [1, 2], "early", step="a"), times("response_time", [3], "early", step="a"))
    before = made.entries({"early"}, 1.0)
    assert [*made.beginning_phase("early"), *made.beginning_phase("late"), *made.beginning_phase("late")] == [None]
    assert made.entries({"early"}, 1.0) == before
    late = times("response_time", [4], "early", step="a")
    made.add_histogram(late, LatencyHistogram.decode(late))
    (entry,) = made.entries({"early"}, 1.0, {"response_time"})
    assert (entry.count, entry.max) == (4, 4 * MS)


@pytest.mark.slow
def test_many_steps_share_the_room_that_there_is_for_open_histograms() -> None:
    """Every histogram may hold its share in memory; what grows beyond it is encoded, and nothing is lost."""
    made = totals()
    steps = MOST_OPEN_BUCKETS // LEAST_OPEN_BUCKETS + 1
    for number in range(steps):
        part = times("response_time", [1], step=f"step {number}")
        made.add_histogram(part, LatencyHistogram.decode(part))
    large = times("response_time", range(1, LEAST_OPEN_BUCKETS + 2), step="step 0")
    made.add_histogram(large, LatencyHistogram.decode(large))
    assert len(list(made.tidying())) > 0
    assert list(made.tidying()) == []
    [entry] = [entry for entry in made.entries({"steady"}, 1.0) if entry.labels == {"step": "step 0"}]
    assert entry.count == LEAST_OPEN_BUCKETS + 2
