"""Histograms of a run so far, in fixed and in exponential buckets, held to their definitions."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.metrics.histograms.histogram import TIME, LatencyHistogram
from loadws.outputs.base_units import base_unit
from loadws.outputs.cumulative import SCHEMA, Distribution
from loadws.terms.metrics import TABLE, own_trend

UNIT = base_unit(TABLE["response_time"])


def of(*seconds: list[int]) -> Distribution:
    """Return the distribution of times in nanoseconds."""
    distribution = Distribution(UNIT)
    for values in seconds:
        histogram = LatencyHistogram(*TIME)
        for value in values:
            histogram.record(value)
        distribution.add(histogram)
    return distribution


@given(st.lists(st.lists(st.integers(0, 10**12), max_size=20), max_size=4))
def test_every_value_is_in_one_bucket_of_each_form(seconds: list[list[int]]) -> None:
    found, values = of(*seconds), [value for second in seconds for value in second]
    assert found.count == len(values)
    assert sum(found.in_bucket) == found.up_to[-1] == len(values)
    assert found.zeros + sum(count for _, counts in found.runs() for count in counts) == len(values)
    assert found.sum == pytest.approx(sum(values) / 1e9)
    assert sorted(found.up_to) == list(found.up_to)


@given(st.integers(1_000, 3_600 * 10**9))
def test_a_value_lies_in_its_bucket_within_the_width_of_a_recorded_one(value_ns: int) -> None:
    found, value = of([value_ns]), value_ns / 1e9
    [(index, counts)] = found.runs()
    assert counts == [1]
    base = 2 ** (2**-SCHEMA)
    near = 1.0015 if value_ns > 2_000_000 else 1 + 600 / value_ns  # recorded in whole microseconds, then in 0.1 %
    assert base ** (index - 1) / near < value <= base**index * near
    bucket = found.in_bucket.index(1)
    assert bucket in {bisect_left(found.bounds, value * factor) for factor in (1 / near, 1, near)}


@given(st.dictionaries(st.integers(-300, 300), st.integers(1, 9), min_size=1, max_size=30))
def test_runs_hold_every_bucket_once_and_do_not_touch(buckets: dict[int, int]) -> None:
    distribution = Distribution(UNIT)
    distribution.exponential.update(buckets)
    runs = distribution.runs()
    held = {start + offset: count for start, counts in runs for offset, count in enumerate(counts)}
    assert {index: count for index, count in held.items() if count} == buckets
    assert all(before + len(counts) < start for (before, counts), (start, _) in pairwise(runs))


def test_extremes_are_exact_and_values_of_the_scenarios_own_keep_their_unit() -> None:
    found = of([1_234_567, 7_654_321])
    assert (found.min, found.max) == (0.001234567, 0.007654321)
    own = Distribution(base_unit(own_trend("price", "eur")))
    assert own.bounds[0] == 0.001
    assert math.isinf(own.min)
