"""Counting first and filling buckets later gives what recording each value would."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.metrics.frame import HistogramPart
from loadws.metrics.histograms.histogram import OWN_VALUE, TIME, LatencyHistogram, Span
from loadws.metrics.recording.value_counts import Tally
from tests.metrics.driven import driven


def part_of(tally: Tally) -> tuple[HistogramPart, int]:
    """Return the part, and in how many slices it was made."""
    return driven(tally.part("t", {"phase": "p"}))


@pytest.mark.slow
@given(st.lists(st.integers(0, 5_000), max_size=4), st.integers(0, 5))
def test_zeros_at_once_are_as_many_zeros(values: list[int], count: int) -> None:
    at_once, each = Tally(TIME), Tally(TIME)
    at_once.add(values)
    at_once.add_zeros(count)
    each.add(values + [0] * count)
    assert part_of(at_once) == part_of(each)


@pytest.mark.slow
@given(st.lists(st.integers(-5, 5_000_000), max_size=9), st.lists(st.integers(-5, 5_000_000), max_size=9))
def test_a_tally_added_to_another_is_all_their_values(some: list[int], more: list[int]) -> None:
    added, other, all_at_once = Tally(TIME), Tally(TIME), Tally(TIME)
    added.add(some)
    other.add(more)
    other.missing = all_at_once.missing = 3
    driven(added.adding(other))
    all_at_once.add([*some, *more])
    assert part_of(added) == part_of(all_at_once)


values_ns = st.lists(st.integers(-2_000, 3_600_000_002_000), max_size=30)
own_values = st.lists(st.floats(-1.0, 1e13) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=30)


@pytest.mark.slow
@given(st.lists(values_ns, max_size=4), st.integers(0, 3))
def test_a_tally_of_times_is_a_histogram_of_them(groups: list[list[int]], missing: int) -> None:
    same_as_a_histogram(groups, missing, TIME)


@pytest.mark.slow
@given(st.lists(own_values, max_size=4), st.integers(0, 3))
def test_a_tally_of_own_values_is_a_histogram_of_them(groups: list[list[float]], missing: int) -> None:
    same_as_a_histogram(groups, missing, OWN_VALUE)


def same_as_a_histogram(groups: list[list[int]] | list[list[float]], missing: int, span: Span) -> None:
    tally, histogram = Tally(span), LatencyHistogram(*span)
    tally.missing = histogram.missing = missing
    for group in groups:
        tally.add(group)
        for value in group:
            histogram.record(value)
    observed, _ = part_of(tally)
    expected = histogram.part("t", {"phase": "p"})
    assert (expected.payload, expected.count, expected.min, expected.max) == (
        observed.payload,
        observed.count,
        observed.min,
        observed.max,
    )
    assert (expected.missing, expected.out_of_range) == (observed.missing, observed.out_of_range)
    assert observed.sum == pytest.approx(expected.sum)  # the order of adding floats differs


def test_whole_values_have_a_whole_sum() -> None:
    tally = Tally(TIME)
    tally.add([3_600_000_000_000 - 1] * 4_000)  # above 2^53: a float would round it
    assert tally.sum == 4_000 * (3_600_000_000_000 - 1)


def test_many_distinct_values_are_put_into_buckets_in_slices() -> None:
    tally = Tally(TIME)
    tally.add([1_000 * n for n in range(2_500)])
    part, slices = part_of(tally)
    assert (part.count, slices) == (2_500, 5 + 4)  # five to fill 2,274 buckets, and the same to encode them
