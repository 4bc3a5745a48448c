"""Three digits, nothing dropped in silence, exact extremes, and merges that lose nothing."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.metrics.frame import HistogramPart
from loadws.metrics.histograms.histogram import (
    OWN_VALUE,
    SESSION_TIME,
    TIME,
    HistogramError,
    LatencyHistogram,
    Span,
    span_of,
)
from loadws.terms.percentiles import rank_of

HOUR_NS = 3_600_000_000_000
times_ns = st.integers(0, HOUR_NS)
many_times_ns = st.lists(st.one_of(times_ns, st.integers(0, 5_000_000)), min_size=1, max_size=60)


def histogram_of(values: list[int] | list[float], span: Span = TIME) -> LatencyHistogram:
    histogram = LatencyHistogram(*span)
    for value in values:
        histogram.record(value)
    return histogram


def close_to(value: float, recorded: float, span: Span) -> bool:
    """Within HdrHistogram's promise of 3 digits, and half a multiple for the rounding."""
    return abs(recorded - value) <= value / 1_000 + span.scale / 2


@pytest.mark.parametrize(
    ("metric", "unit", "span"),
    [
        ("response_time", "ns", TIME),
        ("session_time", "ns", SESSION_TIME),  # a session may last a day
        ("feed_age", "ns", TIME),  # an own trend that is a time
        ("queue length", "1", OWN_VALUE),
        ("session_time", "messages", OWN_VALUE),
    ],
)
def test_a_metric_has_its_span(metric: str, unit: str, span: Span) -> None:
    assert span == span_of(metric, unit)


@pytest.mark.parametrize(
    ("value_ns", "recorded_ns"),
    [
        (0, 0),
        (499, 0),  # most lags are truly 0
        (500, 1_000),
        (1_499, 1_000),
        (2_047_000, 2_047_000),  # the last bucket of one microsecond
        (2_048_000, 2_049_000),  # the first of two: its highest value
        (1_000_000_000, 1_000_447_000),
    ],
)
def test_a_time_is_recorded_in_whole_microseconds(value_ns: int, recorded_ns: int) -> None:
    histogram = histogram_of([0, value_ns, HOUR_NS])
    assert recorded_ns == histogram.value_at_rank(2)


@pytest.mark.slow
@given(many_times_ns)
def test_count_minimum_maximum_and_sum_are_exact(values: list[int]) -> None:
    histogram = histogram_of(values)
    assert (len(values), min(values), max(values), sum(values)) == (
        histogram.count,
        histogram.min,
        histogram.max,
        histogram.sum,
    )
    assert sum(values) / len(values) == histogram.mean


@pytest.mark.slow
@given(many_times_ns, st.sampled_from([1, 25, 50, 75, 90, 99, 99.9, 100]))
def test_a_percentile_of_times_is_right_to_three_digits(values: list[int], percentile: float) -> None:
    expected = sorted(values)[rank_of(percentile, len(values)) - 1]
    [observed] = histogram_of(values).percentiles([percentile])
    assert close_to(expected, observed, TIME)
    assert min(values) <= observed <= max(values)


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=30), st.sampled_from([1, 50, 99, 100]))
def test_a_percentile_of_own_values_is_right_to_three_digits(values: list[float], percentile: float) -> None:
    expected = sorted(values)[rank_of(percentile, len(values)) - 1]
    [observed] = histogram_of(values, OWN_VALUE).percentiles([percentile])
    assert close_to(expected, observed, OWN_VALUE)


@pytest.mark.slow
@given(st.integers(0, 3_600_000_000))
def test_the_buckets_are_those_of_hdrhistogram(microseconds: int) -> None:
    peer = HdrHistogram(1, 3_600_000_000, 3)
    peer.record_value(microseconds)
    histogram = LatencyHistogram()
    histogram.record_counts({microseconds: 1})
    assert list(peer.counts) == list(HdrHistogram.decode(histogram.encode()).counts)


@pytest.mark.parametrize(
    "value",
    [
        -1,  # a stamp that is missing
        -0.001,
        HOUR_NS + 1,
        math.inf,
        -math.inf,
        math.nan,
        10**400,  # too large for a float
    ],
)
def test_what_fits_no_bucket_is_counted(value: float) -> None:
    histogram = histogram_of([7_000, value, value])
    assert (histogram.count, histogram.out_of_range) == (1, 2)
    assert (histogram.min, histogram.max, histogram.sum) == (7_000, 7_000, 7_000)


def test_a_value_may_be_recorded_many_times() -> None:
    histogram = LatencyHistogram()
    histogram.record(2_000, count=3)
    histogram.record(-5, count=2)
    assert (histogram.count, histogram.sum, histogram.out_of_range) == (3, 6_000, 2)


def test_an_empty_histogram_has_no_percentile_no_mean_and_no_curve() -> None:
    histogram = LatencyHistogram()
    with pytest.raises(ValueError, match="no rank 1 among 0 values and 0 missing"):
        histogram.percentiles([50])
    with pytest.raises(ValueError, match="no rank 1 among 0 values and 0 missing"):
        histogram.percentile_with_missing(50)
    with pytest.raises(ValueError, match="no mean of nothing"):
        _ = histogram.mean
    assert histogram.curve() == []


@pytest.mark.slow
@given(st.lists(many_times_ns, min_size=2, max_size=4), st.integers(0, 5))
def test_adding_is_recording_into_one(groups: list[list[int]], missing: int) -> None:
    added = LatencyHistogram()
    for group in groups:
        other = histogram_of([*group, -1])
        other.missing = missing
        added.add(other)
    whole = histogram_of([value for group in groups for value in [*group, -1]])
    whole.missing = missing * len(groups)
    assert whole.part("t", {}) == added.part("t", {})


def test_adding_forgets_the_percentiles_of_before() -> None:
    histogram = histogram_of([1_000, 2_000, 3_000])
    assert histogram.percentiles([50]) == [2_000]
    histogram.add(histogram_of([9_000] * 10))
    assert histogram.percentiles([50]) == [9_000]


def test_adding_leaves_the_other_as_it_is() -> None:
    first, second = LatencyHistogram(), histogram_of([1_000])
    first.add(second)
    first.record(2_000)
    assert histogram_of([1_000]).part("t", {}) == second.part("t", {})


def test_a_histogram_is_as_large_as_what_was_measured() -> None:
    histogram = histogram_of([1_000, 1_000, 2_047_000, HOUR_NS])
    assert histogram.buckets == 3


@pytest.mark.slow
@given(
    st.lists(times_ns, max_size=30),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([TIME, SESSION_TIME, OWN_VALUE]),
)
def test_a_part_decodes_to_what_it_came_from(values: list[int], missing: int, out: int, span: Span) -> None:
    histogram = histogram_of(values, span)
    histogram.missing, histogram.out_of_range = missing, histogram.out_of_range + out
    part = histogram.part("response_time", {"step": "a", "phase": "b"})
    decoded = LatencyHistogram.decode(part)
    assert part == decoded.part("response_time", {"step": "a", "phase": "b"})
    assert (span, histogram.curve()) == (decoded.span, decoded.curve())
    decoded.add(histogram)  # a decoded one can be added to
    assert 2 * histogram.count == decoded.count


def test_histograms_of_different_spans_are_not_added() -> None:
    with pytest.raises(HistogramError, match="cannot be added"):
        LatencyHistogram(*TIME).add(LatencyHistogram(*SESSION_TIME))


def part_with(payload: str, count: int = 1) -> HistogramPart:
    return HistogramPart("response_time", {}, payload, count, 1, 1, 1)


WHOLE = histogram_of([1_000]).encode()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("", "this is not a histogram: "),
        ("HIST", "this is not a histogram: "),
        ("é", "this is not a histogram: "),
        (WHOLE[:-4], "this is not a histogram: "),  # a line that was cut
        ("AAAAAAAAAAAA", "this is not a histogram: it does not begin as HdrHistogram's V2 format does"),
        (HdrHistogram(1, 3_600_000_000, 2).encode().decode(), "this histogram does not have 3 digits from 1 on"),
        (LatencyHistogram().encode(), "the histogram of 'response_time' has 0 values, not 1"),  # another part's payload
    ],
)
def test_what_is_no_histogram_of_ours_is_refused(payload: str, message: str) -> None:
    with pytest.raises(HistogramError) as caught:
        LatencyHistogram.decode(part_with(payload))
    assert str(caught.value).startswith(message)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.data())
def test_a_damaged_payload_is_refused_or_read_but_never_a_defect(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    damaged = WHOLE[:at] + data.draw(st.sampled_from("AbZ09+/= é")) + WHOLE[at + 1 :]
    try:
        decoded = LatencyHistogram.decode(part_with(damaged))
    except HistogramError:
        return
    assert decoded.count == 1


@pytest.mark.slow
@given(st.lists(st.integers(0, 10**9), max_size=30), st.integers(0, 30), st.sampled_from([1, 50, 90, 99, 99.9, 100]))
def test_a_judged_percentile_ranks_the_missing_above_every_value(
    values: list[int], missing: int, percentile: float
) -> None:
    histogram = histogram_of(values)
    histogram.missing = missing
    ranked = [*sorted(values), *[math.inf] * missing]
    if not ranked:
        return
    expected = ranked[math.ceil(Fraction(str(percentile)) * len(ranked) / 100) - 1]
    observed = histogram.percentile_with_missing(percentile)
    assert observed == expected == math.inf or close_to(expected, observed, TIME)


def test_the_ranks_that_there_are() -> None:
    histogram = histogram_of([1_000, 2_000])
    histogram.missing = 1
    assert [1_000, 2_000, math.inf] == [histogram.value_at_rank(rank) for rank in (1, 2, 3)]
    for rank in (0, 4):
        with pytest.raises(ValueError, match=f"no rank {rank} among 2 values and 1 missing"):
            histogram.value_at_rank(rank)


def test_the_curve_has_ever_finer_ticks_up_to_the_maximum() -> None:
    histogram = histogram_of([1_000 * n for n in range(1, 41)])
    assert histogram.curve() == [
        (0, 1_000),
        (10, 4_000),
        (20, 8_000),
        (30, 12_000),
        (40, 16_000),
        (50, 20_000),  # half as far apart from here
        (55, 22_000),
        (60, 24_000),
        (65, 26_000),
        (70, 28_000),
        (75, 30_000),
        (77.5, 31_000),
        (80, 32_000),
        (82.5, 33_000),
        (85, 34_000),
        (87.5, 35_000),
        (88.75, 36_000),
        (90, 36_000),
        (91.25, 37_000),
        (92.5, 37_000),
        (93.75, 38_000),
        (94.375, 38_000),
        (95, 38_000),
        (95.625, 39_000),
        (96.25, 39_000),
        (96.875, 39_000),
        (97.1875, 39_000),
        (97.5, 39_000),
        (100, 40_000),
    ]


@pytest.mark.slow
@given(many_times_ns)
def test_the_curve_rises_to_the_maximum(values: list[int]) -> None:
    curve = histogram_of(values).curve()
    assert sorted(curve) == curve
    assert (100, max(values)) == curve[-1]


@pytest.mark.slow
@given(many_times_ns)
def test_a_rough_histogram_is_within_two_percent_and_small(values: list[int]) -> None:
    whole = histogram_of(values)
    rough = whole.rough()
    assert (rough.count, rough.min, rough.max, rough.sum) == (whole.count, whole.min, whole.max, whole.sum)
    for rank in range(1, len(values) + 1):
        exact = whole.value_at_rank(rank)
        assert exact <= rough.value_at_rank(rank) <= exact * (1 + 1 / 64) + whole.span.scale
    assert rough.rough().percentiles([50, 99]) == rough.percentiles([50, 99])


def test_a_rough_histogram_keeps_what_is_missing() -> None:
    whole = histogram_of([1_000])
    whole.missing, whole.out_of_range = 3, 2
    assert (whole.rough().missing, whole.rough().out_of_range) == (3, 2)


def test_a_rough_histogram_has_at_most_64_buckets_a_doubling() -> None:
    every = LatencyHistogram()
    every.record_counts(dict.fromkeys(range(64, 1 << 16), 1))
    assert every.rough().buckets == 64 * 10
