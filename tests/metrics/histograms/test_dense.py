"""Large histograms are written by the library: the same bytes as ours, and the same percentiles when it reads them."""

from __future__ import annotations

import random

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loadws.metrics.histograms.dense import FEWEST_BUCKETS, encode_dense, hdr_histogram
from loadws.metrics.histograms.histogram import OWN_VALUE, SESSION_TIME, TIME, LatencyHistogram, Span
from loadws.metrics.histograms.wire_format import packing
from tests.metrics.driven import driven

SPANS = st.sampled_from([TIME, SESSION_TIME, OWN_VALUE])


def measured(span: Span, number: int, seed: int) -> LatencyHistogram:
    """Return a histogram of so many values that are spread over all orders of magnitude."""
    histogram, chance = LatencyHistogram(*span), random.Random(seed)
    for _ in range(number):
        histogram.record(span.scale * (span.highest / span.scale) ** chance.random(), chance.randrange(1, 300))
    return histogram


@settings(deadline=None, max_examples=30)
@given(SPANS, st.integers(100, 4_000), st.integers())
def test_the_library_writes_the_same_bytes_as_we_do(span: Span, number: int, seed: int) -> None:
    counts = measured(span, number, seed)._buckets
    highest = round(span.highest / span.scale)
    assert encode_dense(counts, 3, highest, span.scale) == driven(packing(counts, 3, highest, span.scale))[0]


@settings(deadline=None, max_examples=30)
@given(SPANS, st.integers(10, 4_000), st.integers(), st.floats(0, 1))
@example(TIME, 1119, 1119, 0.4967022155766432)
def test_the_library_reads_the_same_percentiles_as_we_do(span: Span, number: int, seed: int, share: float) -> None:
    """Ours are in the metric's unit, and never beyond the exact extremes, which the library does not keep.

    The library rounds to the closest rank where we take the next one up, so that only percentiles that lie just below a
    rank (within a quarter of it) are read by both at the same value. Our first and last rank are the exact extremes.
    """
    histogram = measured(span, number, seed)
    rank = 2 + int(share * (histogram.count - 3))
    percentile = (rank - 0.25) * 100 / histogram.count
    read = HdrHistogram.decode(histogram.encode())
    assert read.get_total_count() == histogram.count
    [ours] = histogram.percentiles([percentile])
    theirs = read.get_value_at_percentile(percentile) * read.get_int_to_double_conversion_ratio()
    assert ours == pytest.approx(min(max(theirs, histogram.min), histogram.max), rel=1e-9)


def test_an_empty_histogram_has_no_counts() -> None:
    assert hdr_histogram({}, 3, 3_600_000_000, 1_000.0).get_total_count() == 0


def test_only_a_large_histogram_goes_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    large = []

    def noted(counts: dict[int, int], digits: int, highest: int, scale: float) -> str:
        large.append(len(counts))
        return encode_dense(counts, digits, highest, scale)

    monkeypatch.setattr("loadws.metrics.histograms.histogram.encode_dense", noted)
    for buckets in (1, FEWEST_BUCKETS - 1, FEWEST_BUCKETS):
        histogram = LatencyHistogram()
        histogram.record_counts(dict.fromkeys(range(buckets), 1))
        histogram.encode()
    assert large == [FEWEST_BUCKETS]
